"""SQL for gates without a connection."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.tickets.gates.schemas import OfflineCheckIn
from boxoffice.tickets.schemas import CheckInResult, TicketState


class ChangesRow(msgspec.Struct, frozen=True):
    """A page of changed tickets, and where it ends.

    Transactions before `open_since` have ended, and their changes are seen here; `newest` is above all there
    were.
    """

    open_since: int
    newest: int
    void: list[UUID]
    admitted: list[UUID]
    count: int
    last_changed_in: int | None
    last_id: UUID | None


class GateTicket(msgspec.Struct, frozen=True):
    """A ticket that nobody else changes until we commit; `now` is the clock."""

    id: UUID
    state: TicketState
    generation: int
    admitted_at: datetime | None
    now: datetime


class TakenRow(msgspec.Struct, frozen=True):
    """An offline check-in that was taken before."""

    id: UUID
    ticket_id: UUID | None
    result: CheckInResult


class NewOfflineCheckIns(msgspec.Struct):
    """Offline check-ins to insert: one for each element of the lists."""

    ids: list[UUID] = []
    ticket_ids: list[UUID | None] = []
    results: list[CheckInResult] = []
    times: list[datetime] = []

    def add(self, check_in: OfflineCheckIn, ticket_id: UUID | None, result: CheckInResult) -> None:
        self.ids.append(check_in.id)
        self.ticket_ids.append(ticket_id)
        self.results.append(result)
        self.times.append(check_in.admitted_at)


class ConflictRow(msgspec.Struct, frozen=True):
    """An offline check-in that was not ADMITTED, and the ticket of this event it was of."""

    id: UUID
    result: CheckInResult
    admitted_at: datetime
    taken_at: datetime
    user_id: int
    key_id: int | None
    ticket_id: UUID | None
    seat_map_id: int
    booking_id: UUID | None
    seat_id: int | None
    area_id: int | None
    first_admitted_at: datetime | None


async def get_changes(
    source: Source, event_id: int, after_changed_in: int, after_id: UUID, limit: int
) -> ChangesRow:
    """Tickets that were voided or admitted, in the order of the transactions that did it.

    One statement, so that what is open and what is seen are of one snapshot.
    """
    return await source.get(
        ChangesRow,
        """
        WITH page AS (
            SELECT id, changed_in, state, admitted_at
              FROM tickets
             WHERE event_id = $1 AND changed_in IS NOT NULL AND (changed_in, id) > ($2::bigint, $3::uuid)
             ORDER BY changed_in, id
             LIMIT $4
        )
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS open_since,
               pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS newest,
               ARRAY(SELECT id FROM page WHERE state = 'VOID') AS void,
               ARRAY(SELECT id FROM page WHERE state = 'VALID' AND admitted_at IS NOT NULL) AS admitted,
               (SELECT count(*) FROM page) AS count,
               (SELECT max(changed_in) FROM page) AS last_changed_in,
               (SELECT id FROM page ORDER BY changed_in DESC, id DESC LIMIT 1) AS last_id
        """,
        event_id,
        after_changed_in,
        after_id,
        limit,
    )


async def lock_tickets(tx: Transaction, event_id: int, ticket_ids: Sequence[UUID]) -> list[GateTicket]:
    """These tickets, in the order in which whoever gives places up locks them too."""
    return await tx.list(
        GateTicket,
        """
        SELECT id, state, generation, admitted_at, now() AS now
          FROM tickets
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
         ORDER BY booking_id, place
           FOR UPDATE
        """,
        event_id,
        ticket_ids,
    )


async def list_taken(source: Source, event_id: int, ids: Sequence[UUID]) -> list[TakenRow]:
    """Those of these offline check-ins that were taken before."""
    return await source.list(
        TakenRow,
        "SELECT id, ticket_id, result FROM offline_check_ins WHERE event_id = $1 AND id = ANY ($2::uuid[])",
        event_id,
        ids,
    )


async def update_tickets_to_admitted(
    tx: Transaction, event_id: int, ticket_ids: Sequence[UUID], times: Sequence[datetime], admitted_by: int
) -> int:
    """Say when each was admitted; their locks must be held."""
    return await tx.execute(
        """
        UPDATE tickets
           SET admitted_at = new.admitted_at, admitted_by = $4
          FROM unnest($2::uuid[], $3::timestamptz[]) AS new (id, admitted_at)
         WHERE event_id = $1 AND tickets.id = new.id AND state = 'VALID' AND tickets.admitted_at IS NULL
        """,
        event_id,
        ticket_ids,
        times,
        admitted_by,
    )


async def insert_offline_check_ins(
    tx: Transaction, event_id: int, new: NewOfflineCheckIns, user_id: int, key_id: int | None
) -> int:
    """Keep what a gate did; how many were kept, which are fewer if somebody else has kept some meanwhile."""
    return await tx.execute(
        """
        INSERT INTO offline_check_ins (event_id, id, ticket_id, result, admitted_at, user_id, key_id)
        SELECT $1, new.*, $6::bigint, $7::bigint
          FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[]) AS new
            ON CONFLICT (event_id, id) DO NOTHING
        """,
        event_id,
        *msgspec.structs.astuple(new),
        user_id,
        key_id,
    )


async def list_conflicts(
    source: Source, event_id: int, before: tuple[datetime, UUID] | None, limit: int
) -> list[ConflictRow]:
    """Offline check-ins that should not have been, the newest first."""
    return await source.list(
        ConflictRow,
        """
        SELECT taken.id, taken.result, taken.admitted_at, taken.taken_at, taken.user_id, taken.key_id,
               taken.ticket_id, events.seat_map_id, tickets.booking_id, tickets.seat_id, tickets.area_id,
               tickets.admitted_at AS first_admitted_at
          FROM offline_check_ins AS taken
          JOIN events ON events.id = taken.event_id
          LEFT JOIN tickets ON tickets.event_id = taken.event_id AND tickets.id = taken.ticket_id
         WHERE taken.event_id = $1 AND taken.result <> 'ADMITTED'
           AND ($2::timestamptz IS NULL OR (taken.taken_at, taken.id) < ($2, $3::uuid))
         ORDER BY taken.taken_at DESC, taken.id DESC
         LIMIT $4
        """,
        event_id,
        *(before or (None, None)),
        limit,
    )
