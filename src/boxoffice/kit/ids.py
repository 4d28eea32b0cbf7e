"""Identifiers of event-bound rows: UUIDv8 (RFC 9562, section 5.8) that carry their event.

    48 bits milliseconds | 4 version | 12 random | 2 variant | 32 event id | 30 random

Time first keeps index inserts on the right-hand page; the event id inside lets any process find
the shard of a booking, payment or ticket from its id alone.
"""

import os
import time
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto

# An event id takes 32 bits of every id that is made for it.
EVENT_ID_MAX = 2**32 - 1

# Six bytes have the 42 bits that are random.
_RANDOM_BYTES = 6

_RANDOM_BITS = 0xFFF << 64 | 0x3FFFFFFF

_VERSION = 0x8 << 76
_VARIANT = 0b10 << 62


def new_id(event_id: int) -> UUID:
    """Make an id for a row of this event. 42 of its bits are random within a millisecond."""
    random = int.from_bytes(os.urandom(_RANDOM_BYTES))
    milliseconds = time.time_ns() // 1_000_000
    number = (
        (milliseconds << 80)
        | _VERSION
        | ((random >> 30 & 0xFFF) << 64)
        | _VARIANT
        | (event_id << 30)
        | (random & 0x3FFFFFFF)
    )
    # The driver's, as all ids that come from a row: a UUID that is made and hashed in a fraction of the time.
    return pgproto.UUID(number.to_bytes(16))


def derived_id(row_id: UUID, digest: bytes) -> UUID:
    """An id with the time and the event of another; the same digest gives the same."""
    number = row_id.int & ~_RANDOM_BITS | int.from_bytes(digest[:16]) & _RANDOM_BITS
    return pgproto.UUID(number.to_bytes(16))


def read_id(text: str) -> UUID:
    """An id as people write it. Raises `ValueError`."""
    return pgproto.UUID(text)


def earliest_id(moment: datetime) -> UUID:
    """Below all ids that are made from this moment on, and above all that were made before."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def event_of(row_id: UUID) -> int:
    """Read the event id out of an id made by `new_id`; any other UUID gives a number nobody owns."""
    return (row_id.int >> 30) & EVENT_ID_MAX
