"""The peer of Stripe over HTTP, on a port of its own."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qsl

from payments.stripe_peer import SECRET_KEY, Fault, StripePeer, error_of

PeerKind = TypeVar("PeerKind", bound=StripePeer)


@contextmanager
def stripe_peer() -> Generator[StripePeer]:
    """A peer that listens on a port of its own until the block ends."""
    with listening(StripePeer()) as peer:
        yield peer


@contextmanager
def listening(peer: PeerKind) -> Generator[PeerKind]:
    """Have this peer listen on a port of its own until the block ends."""

    class Handler(_Handler):
        books = peer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written apart: without this the body waits until the head has been acknowledged.
    disable_nagle_algorithm = True
    books: ClassVar[StripePeer]

    def handle(self) -> None:
        """Whoever asks may be killed in the middle of it."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Say nothing."""

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        key = self.headers.get("idempotency-key")
        fault = self.books.next_fault(key)
        if fault is Fault.BROKEN:
            self._send(*error_of(500, "api_error", "broken"))
        elif fault is Fault.BUSY:
            self._send(*error_of(429, "invalid_request_error", "rate_limit"))
        elif self.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            self._send(*error_of(401, "invalid_request_error", "api_key_unknown"))
        else:
            path, _, query = self.path.partition("?")
            answer = self.books.answer(method, path, dict(parse_qsl(body or query)), key, fault)
            if fault is Fault.LOST:
                self.close_connection = True
                return
            self._send(*answer, is_final=answer[0] == 500)

    def _send(self, status: int, content: dict[str, Any], *, is_final: bool = False) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        if is_final:
            # As Stripe says where it would only repeat the answer.
            self.send_header("stripe-should-retry", "false")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
