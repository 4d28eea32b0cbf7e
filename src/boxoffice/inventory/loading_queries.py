"""SQL of what an inventory is loaded from: the bookings that hold or have their places, read once."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.ticket_types import decode_types_of_places
from boxoffice.inventory.state import Pending
from boxoffice.kit.postgres import Source


class LiveBookings(msgspec.Struct, frozen=True):
    """Those that are held or sold. Arrays take a fifth of the memory of so many rows.

    `places[i]` are of `buyer_ids[i]`, who may have more than one booking; `ticket_types` has the JSON of each
    that has any. From `held_ids` on an element is a hold; what it has of seats and areas is an array as text:
    PostgreSQL has no array of arrays of different lengths.
    """

    buyer_ids: list[int]
    places: list[int]
    ticket_types: list[str]
    held_ids: list[UUID]
    held_by: list[int]
    held_until: list[datetime]
    held_seat_ids: list[str]
    held_area_ids: list[str]
    held_types: list[str | None]

    def places_of(self) -> dict[int, int]:
        """How many places each buyer holds and has."""
        counts: dict[int, int] = {}
        for buyer_id, places in zip(self.buyer_ids, self.places, strict=True):
            counts[buyer_id] = counts.get(buyer_id, 0) + places
        return counts

    def taken_of_type(self) -> Counter[str]:
        """How many places of each ticket type are held and sold; those of which none is are left out."""
        taken: Counter[str] = Counter()
        # Thousands of bookings have the same few texts.
        for text, bookings in Counter(self.ticket_types).items():
            for name in decode_types_of_places(text):
                if name is not None:
                    taken[name] += bookings
        return taken

    def holds(self) -> Iterator[tuple[UUID, Pending]]:
        """Each that still has an end, and its booking."""
        for id_, buyer_id, until, seat_ids, area_ids, types in zip(
            self.held_ids,
            self.held_by,
            self.held_until,
            self.held_seat_ids,
            self.held_area_ids,
            self.held_types,
            strict=True,
        ):
            held = Pending(
                buyer_id,
                _numbers(seat_ids),
                _numbers(area_ids),
                until,
                ticket_types=decode_types_of_places(types),
            )
            yield id_, held


async def get_live_bookings(source: Source, event_id: int) -> LiveBookings:
    """All of an event. Not grouped by buyer: sorting costs PostgreSQL more than we pay for counting."""
    return await source.get(
        LiveBookings,
        """
        SELECT coalesce(array_agg(buyer_id), '{}') AS buyer_ids,
               coalesce(array_agg(cardinality(amounts)), '{}') AS places,
               coalesce(array_agg(ticket_types::text) FILTER (WHERE ticket_types IS NOT NULL), '{}')
                   AS ticket_types,
               coalesce(array_agg(id) FILTER (WHERE expires_at IS NOT NULL), '{}') AS held_ids,
               coalesce(array_agg(buyer_id) FILTER (WHERE expires_at IS NOT NULL), '{}') AS held_by,
               coalesce(array_agg(expires_at) FILTER (WHERE expires_at IS NOT NULL), '{}') AS held_until,
               coalesce(array_agg(seat_ids::text) FILTER (WHERE expires_at IS NOT NULL), '{}')
                   AS held_seat_ids,
               coalesce(array_agg(area_ids::text) FILTER (WHERE expires_at IS NOT NULL), '{}')
                   AS held_area_ids,
               coalesce(array_agg(ticket_types::text) FILTER (WHERE expires_at IS NOT NULL), '{}')
                   AS held_types
          FROM bookings
         WHERE event_id = $1 AND state IN ('PENDING', 'CONFIRMED')
        """,
        event_id,
    )


def _numbers(array: str) -> tuple[int, ...]:
    """What an array of PostgreSQL's has, as its text says."""
    return tuple(map(int, array[1:-1].split(","))) if len(array) > len("{}") else ()
