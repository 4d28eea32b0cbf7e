"""A peer that is slow, busy or away: nobody waits for it, what is dropped is counted, and an end is quick."""

import threading
import time
from collections.abc import Generator

import pytest
from prometheus_client import REGISTRY

from boxoffice.kit.traces import sending
from boxoffice.kit.traces.switch import open_traces
from boxoffice.kit.traces.traces import Traces
from otlp_peer import OtlpPeer, otlp_peer

NAME = "boxoffice_spans_total"

# How many a line of four can be told before it is full.
SPANS = 40


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Generator[OtlpPeer]:
    """A peer for a process with a short line."""
    with otlp_peer(
        monkeypatch,
        OTEL_BSP_MAX_QUEUE_SIZE="4",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="2",
        OTEL_BSP_SCHEDULE_DELAY="1",
    ) as opened:
        yield opened


async def test_a_peer_that_hangs_keeps_nobody_waiting_and_no_process_from_ending(peer: OtlpPeer):
    peer.go_on.clear()
    before, traces = counted(), opened()
    started = time.perf_counter()
    tell(traces, SPANS)
    assert time.perf_counter() - started < 0.5, "a request would have waited"

    started = time.perf_counter()
    await traces.close()
    assert time.perf_counter() - started < 1.0 + 0.2
    after = counted()
    # Two are on their way for ever.
    assert sum(after[what] - before[what] for what in ("queue full", "late")) >= SPANS - 2
    assert after["queue full"] - before["queue full"] >= SPANS - 8


@pytest.mark.parametrize("status", [503, 400, None])
async def test_what_a_peer_does_not_take_is_counted(
    peer: OtlpPeer, status: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sending, "LAST_SECONDS_MAX", 0.1)
    if status is None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    else:
        peer.status = status
    before, traces = counted(), opened()
    tell(traces, SPANS)
    await traces.close()
    for thread in threading.enumerate():
        if thread.name == "traces":
            thread.join(5)
    after = counted()
    assert after["delivered"] == before["delivered"]
    assert sum(after.values()) - sum(before.values()) == SPANS
    assert capsys.readouterr().out.count("traces cannot be delivered") <= 1


async def test_at_the_end_what_is_left_is_sent(peer: OtlpPeer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    before, traces = counted(), opened()
    tell(traces, 1)
    await traces.close()
    assert [span.name for span in peer.spans] == ["x"]
    assert counted()["delivered"] == before["delivered"] + 1
    tell(traces, 1)
    assert counted()["late"] == before["late"] + 1


def opened() -> Traces:
    traces = open_traces()
    assert traces is not None
    return traces


def tell(traces: Traces, count: int) -> None:
    for _ in range(count):
        with traces.spans.open("x", {}):
            pass


def counted() -> dict[str, float]:
    found = {what: REGISTRY.get_sample_value(NAME, {"outcome": what}) for what in sending.OUTCOMES}
    return {what: count or 0 for what, count in found.items()}
