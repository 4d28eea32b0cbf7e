"""What gates without a connection read and send."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.tickets.schemas import A_CODE, CheckInResult, TicketPlace

# Verifying as many signatures takes about 10 ms, while nobody else is served; a busy gate's hour is twenty.
CHECK_INS_AT_ONCE_MAX = 50

# One of our codes has 146 characters; the rest are blanks that scanners add.
CODE_CHARACTERS_MAX = 200


class TicketChanges(msgspec.Struct, frozen=True):
    """Tickets that are not to be admitted, by their ids, since `cursor`.

    `void` are those that became void, `admitted` those that were let in at some gate. Ask again with
    `cursor`: at once while `is_complete` is false, then once a minute. What a gate knows may come again.
    """

    void: list[UUID]
    admitted: list[UUID]
    cursor: str
    is_complete: bool


class OfflineCheckIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody whom a gate let in without asking; `id` is a UUID that it makes, and keeps for this scan."""

    id: Annotated[UUID, Meta(examples=["3f0c2a52-7d1c-4d0a-9a53-0c7f6f1b8a11"])]
    code: Annotated[str, Meta(max_length=CODE_CHARACTERS_MAX, examples=[A_CODE])]
    admitted_at: Annotated[
        datetime, Meta(tz=True, description="By the gate's clock.", examples=["2027-06-12T18:04:31Z"])
    ]


class OfflineCheckIns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gate did without a connection, in the order in which it did it."""

    check_ins: Annotated[list[OfflineCheckIn], Meta(min_length=1, max_length=CHECK_INS_AT_ONCE_MAX)]


class TakenCheckIn(msgspec.Struct, frozen=True):
    """What an offline check-in came to. Anything but ADMITTED is a conflict: the gate should not have.

    `admitted_at` is the first admission of the ticket, here or at another gate.
    """

    id: UUID
    result: CheckInResult
    admitted_at: datetime | None = None


class TakenCheckIns(msgspec.Struct, frozen=True):
    """The results, in the order of the check-ins."""

    items: list[TakenCheckIn]


class Conflict(msgspec.Struct, frozen=True):
    """Somebody was let in by a gate without a connection who should not have been, as `result` says.

    `admitted_at` is by that gate's clock, `first_admitted_at` when the ticket was first let in; `user_id` and
    `key_id` say which gate it was. Of a ticket that is not of this event there is no place.
    """

    id: UUID
    result: CheckInResult
    admitted_at: datetime
    taken_at: datetime
    user_id: int
    key_id: int | None
    ticket_id: UUID | None
    booking_id: UUID | None
    place: TicketPlace | None
    first_admitted_at: datetime | None
