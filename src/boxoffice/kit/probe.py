"""Asks a server on this machine a question, without an HTTP library: it is imported in no time."""

import os
import socket
import sys

# A container's health check that has to wait longer for an answer counts as failed.
READY_SECONDS_MAX = 3.0

# Where `serve` listens unless it is told otherwise; the settings would take longer to import than to ask.
PORT = 8000


def status_of(address: str, port: int, path: str, *, seconds: float) -> tuple[int, str] | None:
    """The status and the head of the answer to a GET; None when nobody answers in time, or not in HTTP."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((address, port), timeout=seconds) as connection:
            connection.sendall(request.encode())
            head = b""
            while b"\r\n\r\n" not in head and (received := connection.recv(4096)):
                head += received
    except OSError:
        return None
    protocol, _, rest = head.decode("latin-1").partition(" ")
    status = rest.partition(" ")[0]
    return (int(status), head.decode("latin-1")) if protocol == "HTTP/1.1" and status.isdigit() else None


def main() -> None:
    """Exit with 0 if the server beside us can serve, with 1 if not: the health check of the container."""
    port = int(os.environ.get("BOXOFFICE_PORT") or PORT)
    answer = status_of("127.0.0.1", port, "/health/ready", seconds=READY_SECONDS_MAX)
    sys.exit(answer is None or answer[0] != 200)


if __name__ == "__main__":
    main()
