"""Whether traces are wanted and can be had: decided once, when a process starts."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boxoffice.kit.errors import SetupError

if TYPE_CHECKING:
    from boxoffice.kit.traces.traces import Traces

# Either turns traces on; the second is for traces alone, with its path.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

# What the extra brings; it drags in all else.
PACKAGE = "opentelemetry.exporter.otlp.proto.http"

_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")

_PROTOCOL = "http/protobuf"


def wants_traces(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the standard variables ask for traces.

    Raises `SetupError` when they ask for what is not there: the extra, or another protocol.
    """
    endpoint = next((name for name in ENDPOINTS if environment.get(name)), None)
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    if endpoint is None or is_disabled or exporter == "none":
        return False
    if exporter != "otlp":
        raise SetupError(f"OTEL_TRACES_EXPORTER is {exporter!r}: expected otlp, or none for no traces.")
    for name in _PROTOCOLS:
        if (protocol := environment.get(name) or _PROTOCOL) != _PROTOCOL:
            raise SetupError(f"{name} is {protocol!r}: traces are sent by {_PROTOCOL}, usually to port 4318.")
    traces_peer(environment)
    if not _is_installed():
        raise SetupError(
            f"{endpoint} asks for traces, and OpenTelemetry is not installed: "
            "`pip install boxoffice[traces]`, or take the variable away."
        )
    return True


def traces_peer(environment: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """The host and port that traces are sent to, where they are wanted. Raises `SetupError`."""
    name = next(name for name in reversed(ENDPOINTS) if environment.get(name))
    try:
        parts = urlsplit(environment[name])
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError(f"{name} is no address: expected one such as http://collector:4318.")
    return parts.hostname, port


def open_traces(environment: Mapping[str, str] = os.environ) -> "Traces | None":
    """This process's traces, or None when nobody asked for them. Raises `SetupError`."""
    if not wants_traces(environment):
        return None
    # It takes 0.2 seconds and 20 MB to import: only for those who want it.
    from boxoffice.kit.traces.traces import Traces  # noqa: PLC0415

    return Traces()


def _is_installed() -> bool:
    try:
        return find_spec(PACKAGE) is not None
    except ImportError:
        return False
