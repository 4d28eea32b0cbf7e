"""A real peer that takes traces over HTTP (OTLP, protobuf), and can be slow, busy or away on purpose."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class OtlpPeer(ThreadingHTTPServer):
    """Keeps what it was sent, as bytes and as spans; answers `status`, once `go_on` is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status = 200
        self.go_on = threading.Event()
        self.go_on.set()
        self.bodies: list[bytes] = []
        self.spans: list[Span] = []
        self.service: dict[str, Any] = {}
        self.processes: set[str] = set()

    def take(self, body: bytes) -> None:
        """Keep what was sent."""
        self.bodies.append(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.service = read(of_resource.resource.attributes)
            self.processes.add(self.service["service.instance.id"])
            for of_scope in of_resource.scope_spans:
                self.spans.extend(of_scope.spans)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        peer = cast(OtlpPeer, self.server)
        body = self.rfile.read(int(self.headers["content-length"]))
        peer.go_on.wait()
        assert self.path == "/v1/traces"
        if peer.status == 200:
            peer.take(body)
        self.send_response(peer.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its own name
        pass


@contextmanager
def otlp_peer(patch: pytest.MonkeyPatch, **variables: str) -> Generator[OtlpPeer]:
    """A peer, and an environment that asks for traces to be sent there."""
    with OtlpPeer() as peer:
        thread = threading.Thread(target=peer.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", peer.url)
        for name, value in variables.items():
            patch.setenv(name, value)
        yield peer
        peer.go_on.set()
        peer.shutdown()
        thread.join()


def read(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
