"""What offline check-ins come to. Pure: no I/O, and the clock reading is handed in with the tickets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from boxoffice.tickets.code import TicketCode
from boxoffice.tickets.gates.queries import GateTicket, NewOfflineCheckIns
from boxoffice.tickets.gates.schemas import OfflineCheckIn, TakenCheckIn
from boxoffice.tickets.schemas import CheckInResult, TicketState


class Decided(msgspec.Struct):
    """The results in the order of the check-ins, which of these are new, and who is in because of them."""

    results: list[TakenCheckIn] = []
    new: NewOfflineCheckIns = msgspec.field(default_factory=NewOfflineCheckIns)
    admitted: dict[UUID, datetime] = {}


def decide(
    event_id: int,
    sent: Sequence[OfflineCheckIn],
    codes: Sequence[TicketCode | None],
    tickets: Mapping[UUID, GateTicket],
    known: Mapping[UUID, CheckInResult],
) -> Decided:
    """Judge one after the other; `known` are results of those that were taken before.

    A code is None that is not genuine; `tickets` are those of this event, locked.
    """
    decided = Decided()
    first = {ticket.id: ticket.admitted_at for ticket in tickets.values() if ticket.admitted_at is not None}
    for each, code in zip(sent, codes, strict=True):
        result = known.get(each.id)
        ticket_id = None if code is None else code.ticket_id
        if result is None:
            result = _judge(event_id, code, tickets, first)
            decided.new.add(each, ticket_id, result)
            if result is CheckInResult.ADMITTED and ticket_id is not None:
                at = _believable(each.admitted_at, tickets[ticket_id])
                first[ticket_id] = decided.admitted[ticket_id] = at
        admitted_at = None if ticket_id is None else first.get(ticket_id)
        decided.results.append(TakenCheckIn(each.id, result, admitted_at))
    return decided


def _judge(
    event_id: int,
    code: TicketCode | None,
    tickets: Mapping[UUID, GateTicket],
    first: Mapping[UUID, datetime],
) -> CheckInResult:
    """What the gate would have been told if it had asked."""
    if code is None:
        return CheckInResult.BAD_CODE
    if code.event_id != event_id:
        return CheckInResult.WRONG_EVENT
    ticket = tickets.get(code.ticket_id)
    if ticket is None:
        return CheckInResult.UNKNOWN
    if ticket.state is TicketState.VOID:
        return CheckInResult.VOID
    if ticket.generation != code.generation:
        return CheckInResult.REPLACED
    return CheckInResult.ALREADY_ADMITTED if ticket.id in first else CheckInResult.ADMITTED


def _believable(admitted_at: datetime, ticket: GateTicket) -> datetime:
    """Not before the ticket was issued and not in the future: clocks at gates are wrong."""
    issued_at = datetime.fromtimestamp((ticket.id.int >> 80) / 1000, UTC)
    return min(max(admitted_at, issued_at), ticket.now)
