"""Traces are on when the standard's variables ask for them; off, nothing of them is there."""

import re

import pytest
import structlog

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import NotFound, SetupError, Unavailable
from boxoffice.kit.outbound import Outbound
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.kit.traces import switch
from boxoffice.kit.traces.jobs import noting_failures
from boxoffice.kit.traces.requests import told_path
from boxoffice.kit.traces.spans import add_ids
from boxoffice.kit.traces.statements import summary_of
from boxoffice.kit.traces.switch import open_traces, wants_traces
from boxoffice.parts import Parts
from otlp_peer import otlp_peer, read
from source_tree import PACKAGE, ROOT

PEER = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, PEER | {"OTEL_SDK_DISABLED": "true"},
     PEER | {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SERVICE_NAME": "tickets"}],
)  # fmt: skip
def test_off_it_is_unless_somebody_asks(environment: dict[str, str]):
    assert open_traces(environment) is None


def test_an_endpoint_turns_them_on():
    assert wants_traces(PEER)
    assert wants_traces({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"})


@pytest.mark.parametrize(
    ("environment", "says"),
    [({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
     ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:43x"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no address"),
     ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin'"),
     ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc': .* 4318")],
)  # fmt: skip
def test_what_is_not_there_is_refused_in_words(environment: dict[str, str], says: str):
    with pytest.raises(SetupError, match=says):
        wants_traces(PEER | environment)


def test_without_the_extra_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(switch, "PACKAGE", "opentelemetry_that_nobody_has")
    assert not wants_traces({})
    with pytest.raises(SetupError, match=r"OTEL_EXPORTER_OTLP_ENDPOINT .*`pip install boxoffice\[traces\]`"):
        wants_traces(PEER)


def test_off_parts_are_the_plain_ones(dsn: str):
    parts = Parts(Settings(), dsn)
    assert type(parts.db) is Database
    assert type(parts.sales) is GroupCommit
    assert type(parts.outbound) is Outbound


def test_off_nothing_of_it_is_imported():
    """Who needs OpenTelemetry is imported by nobody else, but inside a function that was asked for traces."""
    needs = re.compile(
        r"^(from|import) (opentelemetry|boxoffice\.kit\.traces\.(?!switch)|boxoffice\.(\w+\.)*traced)",
        re.MULTILINE,
    )
    found = {
        path.relative_to(ROOT / PACKAGE).as_posix()
        for path in (ROOT / PACKAGE).rglob("*.py")
        if needs.search(path.read_text())
    }
    traced = {name for name in found if name.startswith("kit/traces/") or "/traced" in name}
    assert len(traced) > 8
    assert found == traced


@pytest.mark.parametrize(
    ("path", "route", "told"),
    [("/api/v1/bookings", "/api/v1/bookings", "/api/v1/bookings"),
     ("/api/v1/events/7/seats/3/history", "/api/v1/events/{event_id}/seats/{seat_id:int}/history",
      "/api/v1/events/7/seats/3/history"),
     ("/sandbox/checkouts/q7Xk-29", "/sandbox/checkouts/{token}", "/sandbox/checkouts/{token}"),
     ("/x/12345678901234567890123", "/x/{card}", "/x/{card}"),
     ("/schema/a/b", "/schema/{path}", "/schema/{path}")],
)  # fmt: skip
def test_of_a_path_only_what_names_a_thing_is_told(path: str, route: str, told: str):
    assert told_path(path, route) == told


@pytest.mark.parametrize(
    ("query", "summary"),
    [("SELECT 1", "SELECT"),
     ("SELECT a FROM b JOIN c USING (id) WHERE id IN (SELECT id FROM b)", "SELECT b c"),
     ("SELECT id FROM unnest($1::int[])", "SELECT"),
     ("INSERT INTO a (b) SELECT b FROM c ON CONFLICT DO UPDATE SET b = 1", "INSERT a"),
     ("SELECT id FROM a FOR UPDATE OF a", "SELECT a"),
     ("WITH x AS (UPDATE a SET b = 1) DELETE FROM c", "UPDATE a DELETE c")],
)  # fmt: skip
def test_a_statement_is_told_by_what_it_does(query: str, summary: str):
    assert summary_of(query) == summary


async def test_a_log_line_has_its_trace_and_an_error_only_its_kind(monkeypatch: pytest.MonkeyPatch):
    async def fail(payload: bytes) -> None:
        raise {b"refusal": NotFound(), b"away": Unavailable()}.get(payload) or ValueError(payload)

    handlers = noting_failures({"job": fail})
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    assert add_ids(structlog.get_logger(), "info", {"event": "x"}) == {"event": "x"}
    with otlp_peer(monkeypatch) as peer:
        traces = open_traces()
        assert traces is not None
        lines: list[object] = []
        for payload in (b"refusal", b"away", b"bug"):
            with traces.spans.open("x", {}), pytest.raises((NotFound, Unavailable, ValueError)):
                await handlers["job"](payload)
            with traces.spans.open("y", {}) as span:
                line = add_ids(structlog.get_logger(), "info", {"event": "x"})
                lines.append(line["trace_id"] == f"{span.get_span_context().trace_id:032x}")
        await traces.close()
    told = [
        (read(span.attributes)["error.type"], span.status.code) for span in peer.spans if span.name == "x"
    ]
    assert told == [("not-found", 0), ("Unavailable", 2), ("ValueError", 2)]
    assert lines == [True] * 3
