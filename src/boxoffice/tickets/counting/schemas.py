"""Check-ins of an event, counted."""

from datetime import datetime

import msgspec

from boxoffice.tickets.schemas import CheckInResult


class KindCount(msgspec.Struct, frozen=True):
    """Tickets of a category and, where they were sold by these, of one ticket type."""

    category: str
    ticket_type: str | None
    tickets: int
    admitted: int


class QuarterHour(msgspec.Struct, frozen=True):
    """How many were let in within these fifteen minutes."""

    starts_at: datetime
    admitted: int


class RefusalCount(msgspec.Struct, frozen=True):
    """How many scans were answered so."""

    result: CheckInResult
    scans: int


class CheckInCounts(msgspec.Struct, frozen=True):
    """How many tickets an event has and how many of them were let in, at one moment.

    Void tickets do not count; `admitted_void` is how many were let in with one that is void by now.
    `by_quarter_hour` has both, and only those in which somebody came; `refused` only reasons that there were.
    `conflicts` are offline check-ins that should not have been; they count nowhere else.
    """

    at: datetime
    tickets: int
    admitted: int
    admitted_void: int
    by_kind: list[KindCount]
    by_quarter_hour: list[QuarterHour]
    refused: list[RefusalCount]
    conflicts: int
