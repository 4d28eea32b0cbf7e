"""Let a ticket in exactly once, and tell the person at the gate why not otherwise."""

from datetime import datetime
from zoneinfo import ZoneInfo

from prometheus_client import Counter

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.kit.postgres import Database
from boxoffice.tickets import queries
from boxoffice.tickets.code import TicketCode, TicketKeys
from boxoffice.tickets.place_label import place_of
from boxoffice.tickets.schemas import AdmittedTicket, CheckIn, CheckInResult, TicketState
from boxoffice.tickets.signing_keys import find_genuine_code

CHECK_INS = Counter("boxoffice_check_ins", "Scans at the gates, by result.", ["result"])


async def check_in(db: Database, keys: TicketKeys, gate: Identity, event_id: int, scanned: str) -> CheckIn:
    """Admit whoever shows this code to the event, once; `NotFound` if the event is not the gate's.

    When this raises `Unavailable` the ticket may or may not be admitted: scan again, and
    `admitted_at` tells.
    """
    await refuse_foreign(db, gate, event_id)
    code = await find_genuine_code(db, keys, scanned)
    if code is None:
        answer = CheckIn(CheckInResult.BAD_CODE, "This is not one of our tickets. Do not admit.")
    elif code.event_id != event_id:
        answer = await _send_to_its_event(db, code.event_id)
    else:
        answer = await _admit(db, code, gate.user_id)
    CHECK_INS.labels(answer.result).inc()
    if answer.result is not CheckInResult.ADMITTED:
        async with db.transaction() as tx:
            await queries.insert_refused_check_in(tx, event_id, answer.result)
    return answer


async def _send_to_its_event(db: Database, event_id: int) -> CheckIn:
    event = await queries.find_event(db, event_id)
    where = "another event"
    if event is not None:
        where = f"“{event.title}”, which starts at {_in_words(event.starts_at, event.time_zone)}"
    return CheckIn(CheckInResult.WRONG_EVENT, f"This ticket is for {where}. Do not admit here.")


async def _admit(db: Database, code: TicketCode, gate_id: int) -> CheckIn:
    row = await queries.find_gate_ticket(db, code.event_id, code.ticket_id)
    if row is None:
        return CheckIn(
            CheckInResult.UNKNOWN,
            "The code is genuine, but there is no such ticket any more. Do not admit; ask the box office.",
        )
    # Everything the answer needs is read before the claim: after it only the answer can get lost.
    seat_map = await get_seat_map(db, row.seat_map_id)
    ticket = AdmittedTicket(
        id=code.ticket_id,
        booking_id=row.booking_id,
        place=place_of(seat_map, row.seat_id, row.area_id),
        holder=row.holder,
        ticket_type=row.ticket_type,
    )
    async with db.transaction() as tx:
        admitted_at = await queries.claim_admission(
            tx, code.event_id, code.ticket_id, code.generation, gate_id
        )
        if admitted_at is None:
            # What was read above may be a moment old; this statement sees who was faster.
            row = await queries.find_gate_ticket(tx, code.event_id, code.ticket_id)
    if admitted_at is not None:
        return CheckIn(CheckInResult.ADMITTED, f"Admit to {ticket.place.label}.", ticket, admitted_at)
    assert row is not None
    return _why_not(row, code, ticket)


def _why_not(row: queries.GateRow, code: TicketCode, ticket: AdmittedTicket) -> CheckIn:
    if row.state is TicketState.VOID:
        result = CheckInResult.VOID
        detail = "This ticket is void: its booking was cancelled, or its place given back."
    elif row.generation != code.generation:
        result, detail = CheckInResult.REPLACED, "This code was replaced by a newer one: ask for that."
    else:
        assert row.admitted_at is not None
        when = _in_words(row.admitted_at, row.time_zone)
        result, detail = CheckInResult.ALREADY_ADMITTED, f"This ticket was admitted at {when}."
    return CheckIn(result, f"{detail} Do not admit.", ticket, row.admitted_at)


def _in_words(at: datetime, time_zone: str) -> str:
    """The time on the clock beside the gate."""
    local = at.astimezone(ZoneInfo(time_zone))
    return f"{local:%H:%M:%S} on {local.day} {local:%B %Y}"
