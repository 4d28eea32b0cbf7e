"""Take what gates did without a connection: nothing is lost, and nothing is taken twice."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError, InvalidInput, Unavailable
from boxoffice.kit.paging import Page, UnknownCursor, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.tickets.check_in import CHECK_INS
from boxoffice.tickets.code import TicketCode, TicketKeys
from boxoffice.tickets.gates import queries
from boxoffice.tickets.gates.queries import ConflictRow
from boxoffice.tickets.gates.rules import decide
from boxoffice.tickets.gates.schemas import Conflict, OfflineCheckIn, TakenCheckIn
from boxoffice.tickets.place_label import place_of
from boxoffice.tickets.schemas import CheckInResult, TicketPlace
from boxoffice.tickets.signing_keys import find_genuine_code

_Position = tuple[Annotated[datetime, Meta(tz=True)], UUID]


async def take_check_ins(
    db: Database, keys: TicketKeys, gate: Identity, event_id: int, sent: Sequence[OfflineCheckIn]
) -> list[TakenCheckIn]:
    """Admit whom there is to admit, and keep all of it; what was taken before comes to what it came to then.

    Raises `NotFound` for an event that is not the gate's, `InvalidInput`, and `Unavailable` while another
    request takes the same ones; then nothing was taken.
    """
    await refuse_foreign(db, gate, event_id)
    _refuse_faults(sent)
    codes = [await find_genuine_code(db, keys, each.code) for each in sent]
    wanted = [code.ticket_id for code in codes if code is not None and code.event_id == event_id]
    async with db.transaction() as tx:
        tickets = {ticket.id: ticket for ticket in await queries.lock_tickets(tx, event_id, wanted)}
        known = await _list_known(tx, event_id, sent, codes)
        decided = decide(event_id, sent, codes, tickets, known)
        admitted = decided.admitted
        if admitted:
            await queries.update_tickets_to_admitted(
                tx, event_id, list(admitted), list(admitted.values()), gate.user_id
            )
        if decided.new.ids:
            kept = await queries.insert_offline_check_ins(
                tx, event_id, decided.new, gate.user_id, gate.key_id
            )
            if kept < len(decided.new.ids):
                raise Unavailable("Another request is taking the same check-ins. Send them again.")
    for result in decided.new.results:
        CHECK_INS.labels(result).inc()
    return decided.results


def _refuse_faults(sent: Sequence[OfflineCheckIn]) -> None:
    faults: list[FieldError] = []
    seen: set[UUID] = set()
    for index, each in enumerate(sent):
        if not is_storable(each.admitted_at):
            detail = f"The year must be from {YEAR_MIN} to {YEAR_MAX}."
            faults.append(FieldError(pointer=f"/check_ins/{index}/admitted_at", detail=detail))
        if each.id in seen:
            faults.append(_foreign_id(index))
        seen.add(each.id)
    if faults:
        raise InvalidInput(errors=faults)


async def _list_known(
    tx: Transaction, event_id: int, sent: Sequence[OfflineCheckIn], codes: Sequence[TicketCode | None]
) -> dict[UUID, CheckInResult]:
    """Results of those that were taken before, by id. Raises `InvalidInput` for an id of another one."""
    taken = {row.id: row for row in await queries.list_taken(tx, event_id, [each.id for each in sent])}
    faults = [
        _foreign_id(index)
        for index, (each, code) in enumerate(zip(sent, codes, strict=True))
        if each.id in taken and taken[each.id].ticket_id != (None if code is None else code.ticket_id)
    ]
    if faults:
        raise InvalidInput(errors=faults)
    return {row.id: row.result for row in taken.values()}


def _foreign_id(index: int) -> FieldError:
    return FieldError(pointer=f"/check_ins/{index}/id", detail="This is the id of another check-in.")


async def list_conflicts(
    db: Database, user: Identity, event_id: int, *, cursor: str | None, limit: int
) -> Page[Conflict]:
    """Whom gates should not have let in, the newest first. Raises `NotFound`, `UnknownCursor`."""
    await refuse_foreign(db, user, event_id)
    before = None if cursor is None else decode_cursor(cursor, _Position)
    if before is not None and not is_storable(before[0]):
        raise UnknownCursor
    rows = await queries.list_conflicts(db, event_id, before, limit + 1)
    page = page_of(rows, limit, lambda row: (row.taken_at, row.id))
    return Page([await _shown(db, row) for row in page.items], page.next_cursor)


async def _shown(db: Database, row: ConflictRow) -> Conflict:
    place: TicketPlace | None = None
    if row.booking_id is not None:
        place = place_of(await get_seat_map(db, row.seat_map_id), row.seat_id, row.area_id)
    return Conflict(
        id=row.id,
        result=row.result,
        admitted_at=row.admitted_at,
        taken_at=row.taken_at,
        user_id=row.user_id,
        key_id=row.key_id,
        ticket_id=row.ticket_id,
        booking_id=row.booking_id,
        place=place,
        first_admitted_at=row.first_admitted_at,
    )
