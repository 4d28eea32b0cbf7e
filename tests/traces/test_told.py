"""What the peer is told of a sale, a refund, a letter and a rush, seen from its side."""

import re

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otlp_peer import read
from traces.conftest import SHOPS_SPAN, SHOPS_TRACE, Told

# A span may have these, whoever sent it; what else comes must be looked at by somebody first.
_NAMES = re.compile(
    r"(http\.(request\.method|route|response\.status_code)|url\.(scheme|path|full|template)|error\.type"
    r"|server\.(address|port)|db\.(system\.name|namespace|operation\.name|query\.summary)"
    r"|db\.response\.returned_rows|code\.function\.name"
    r"|messaging\.(system|destination\.name|operation\.name|operation\.type|message\.id|batch\.message_count)"
    r"|boxoffice\.(request_id|event_id|command|job\.attempts))"
)


def test_a_hold_is_one_tree_from_the_shops_span_to_the_commit(told: Told):
    [request] = [span for span in of_trace(told, SHOPS_TRACE) if span.name == "POST /api/v1/bookings"]
    assert request.parent_span_id.hex() == SHOPS_SPAN
    assert request.kind == Span.SPAN_KIND_SERVER

    statements = way_of(told, request, "wait for the batch", "batch")
    assert statements[:2] == ["BEGIN", "SELECT inventories"]
    assert statements[-1] == "COMMIT"
    assert statements[-2].startswith("INSERT bookings")
    assert statements[-2].endswith("UPDATE inventories")
    attributes = read(request.attributes)
    assert attributes["http.route"] == attributes["url.path"] == "/api/v1/bookings"
    assert attributes["http.response.status_code"] == 201
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", attributes["boxoffice.request_id"])


def test_a_payment_is_started_in_the_same_trace_with_the_call_to_stripe(told: Told):
    spans = of_trace(told, SHOPS_TRACE)
    [request] = [span for span in spans if span.name.endswith("/payments")]
    [call] = [span for span in children(told, request) if span.kind == Span.SPAN_KIND_CLIENT]
    assert call.name == "POST /v1/payment_intents"
    gathered = [span for span in children(told, request) if span.name == "wait for others"]
    written = [way_of(told, span, "gathered") for span in gathered]
    assert written[-1] == ["INSERT payments"]
    assert read(request.attributes)["url.path"] != read(request.attributes)["http.route"]


def test_a_capture_is_a_job_below_the_report_that_caused_it_and_linked_to_it(told: Told):
    [report] = [span for span in named(told, "POST /api/v1/payment-events/") if not span.parent_span_id]
    [waiting] = [span for span in children(told, report) if span.name == "wait for the batch"]
    [batch] = children(told, waiting)
    [job] = [span for span in children(told, batch) if span.name == "process capture"]
    assert [link.span_id for link in job.links] == [batch.span_id] == [job.parent_span_id]
    assert job.trace_id == report.trace_id
    assert job.kind == Span.SPAN_KIND_CONSUMER
    [call] = [span for span in children(told, job) if span.name.startswith("POST")]
    assert call.name == "POST /v1/payment_intents/{id}/capture"


def test_refunds_and_letters_stand_below_what_caused_them(told: Told):
    [refund] = named(told, "process refund")
    assert ancestors(told, refund)[-1].name == "POST /api/v1/bookings/{booking_id}/refunds"
    assert "POST /v1/refunds" in [span.name for span in children(told, refund)]
    [letter] = named(told, "process letter")
    assert ancestors(told, letter)[-1].name == "POST /api/v1/auth/register"


def test_a_batch_is_linked_to_everybody_it_was_decided_for_and_they_to_it(told: Told):
    [batch] = [
        span
        for span in named(told, "batch")
        if read(span.attributes).get("messaging.batch.message_count", 0) > 1
    ]
    waiting = [by_id(told)[link.span_id] for link in batch.links]
    assert {span.name for span in waiting} == {"wait for the batch"}
    assert len({span.trace_id for span in waiting}) == len(waiting) == 3
    first, *others = sorted(waiting, key=lambda span: span.start_time_unix_nano)
    assert batch.parent_span_id == first.span_id
    assert [[link.span_id for link in span.links] for span in others] == [[batch.span_id]] * 2


def test_a_stream_is_a_request_until_it_begins(told: Told):
    [stream] = named(told, "GET /api/v1/events/{event_id}/availability/stream")
    assert read(stream.attributes)["http.response.status_code"] == 200
    assert stream.end_time_unix_nano <= told.stream_began_at


def test_nothing_is_told_that_is_anybodys(told: Told):
    said = b"".join(told.peer.bodies)
    assert len(said) > 10_000
    assert len(told.secrets) == len(set(told.secrets))
    for secret in told.secrets:
        assert len(secret) > 6
        assert secret.encode() not in said
    words = [span.name for span in told.peer.spans]
    words += [str(value) for span in told.peer.spans for value in read(span.attributes).values()]
    for kind in (r"@", r"eyJ", r"whsec_", r"secret", r"\?", r"Bearer", r"pi_\w+"):
        assert [word for word in words if re.search(kind, word)] == []


def test_attributes_are_those_of_the_conventions_or_ours(told: Told):
    names = {name for span in told.peer.spans for name in read(span.attributes)}
    assert [name for name in names if not _NAMES.fullmatch(name)] == []
    assert not any(span.events for span in told.peer.spans), "an event would have an error's message"


@pytest.mark.parametrize("name", ["service.name", "service.version", "service.instance.id"])
def test_who_tells_it_is_said(told: Told, name: str):
    assert told.peer.service[name]


def test_a_faulty_call_is_told_by_its_kind_alone(told: Told):
    """The sandbox's report went to an address where nobody listens."""
    [call] = [span for span in named(told, "POST /api/v1/payment-events/sandbox") if span.parent_span_id]
    assert read(call.attributes)["error.type"] == "ConnectError"
    assert call.status.code == 2
    assert call.status.message == ""


def by_id(told: Told) -> dict[bytes, Span]:
    return {span.span_id: span for span in told.peer.spans}


def named(told: Told, name: str) -> list[Span]:
    return [span for span in told.peer.spans if span.name.startswith(name)]


def of_trace(told: Told, trace_id: str) -> list[Span]:
    return [span for span in told.peer.spans if span.trace_id.hex() == trace_id]


def children(told: Told, parent: Span) -> list[Span]:
    found = [span for span in told.peer.spans if span.parent_span_id == parent.span_id]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def ancestors(told: Told, span: Span) -> list[Span]:
    known, found = by_id(told), [span]
    while found[-1].parent_span_id in known:
        found.append(known[found[-1].parent_span_id])
    return found[1:]


def way_of(told: Told, span: Span, *names: str) -> list[str]:
    """The statements at the end of a way from span to span."""
    for name in names:
        [span] = [each for each in [span, *children(told, span)] if each.name == name]
    return [each.name for each in children(told, span)]
