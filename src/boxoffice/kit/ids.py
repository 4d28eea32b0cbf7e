"""Identifiers of event-bound rows: UUIDv8 (RFC 9562, section 5.8) that carry their event.

    48 bits milliseconds | 4 version | 12 random | 2 variant | 32 event id | 30 random

Time first keeps index inserts on the right-hand page; the event id inside lets any process find
the shard of a booking, payment or ticket from its id alone.
"""

import secrets
import time
from datetime import datetime
from uuid import UUID

# An event id takes 32 bits of every id that is made for it.
EVENT_ID_MAX = 2**32 - 1

_VERSION = 0x8 << 76
_VARIANT = 0b10 << 62


def new_id(event_id: int) -> UUID:
    """Make an id for a row of this event. 42 of its bits are random within a millisecond."""
    random = secrets.randbits(42)
    milliseconds = time.time_ns() // 1_000_000
    return UUID(
        int=(milliseconds << 80)
        | _VERSION
        | ((random >> 30) << 64)
        | _VARIANT
        | (event_id << 30)
        | (random & 0x3FFFFFFF)
    )


def earliest_id(moment: datetime) -> UUID:
    """Below all ids that are made from this moment on, and above all that were made before."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def event_of(row_id: UUID) -> int:
    """Read the event id out of an id made by `new_id`; any other UUID gives a number nobody owns."""
    return (row_id.int >> 30) & EVENT_ID_MAX
