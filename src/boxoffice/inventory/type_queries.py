"""SQL of ticket types: how many places of each are had."""

from collections import Counter

import msgspec

from boxoffice.kit.postgres import Source


class TakenOfTypes(msgspec.Struct, frozen=True):
    """How many places of each ticket type are held and sold: `taken[i]` are of `names[i]`."""

    names: list[str]
    taken: list[int]

    def by_name(self) -> Counter[str]:
        """The places of each ticket type."""
        return Counter(dict(zip(self.names, self.taken, strict=True)))


async def get_taken_of_types(source: Source, event_id: int) -> TakenOfTypes:
    """How many places of each ticket type are held and sold; those of which none is are left out."""
    return await source.get(
        TakenOfTypes,
        """
        SELECT coalesce(array_agg(name), '{}') AS names, coalesce(array_agg(taken), '{}') AS taken
          FROM (SELECT place.ticket_type AS name, count(*)::integer AS taken
                  FROM bookings AS booking,
                       json_array_elements_text(booking.ticket_types) AS place (ticket_type)
                 WHERE booking.event_id = $1 AND booking.state IN ('PENDING', 'CONFIRMED')
                   AND booking.ticket_types IS NOT NULL AND place.ticket_type IS NOT NULL
                 GROUP BY place.ticket_type) AS each
        """,
        event_id,
    )
