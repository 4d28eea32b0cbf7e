"""SQL of how an event sells. Nothing is written here."""

from datetime import date, datetime

import msgspec

from boxoffice.kit.postgres import Source


class SoldEventRow(msgspec.Struct, frozen=True):
    """The event's seat map, currency and clock, and by its ledger what there is of its money."""

    seat_map_id: int
    currency: str
    now: datetime
    paid: int
    fees: int
    taxes: int
    earned: int
    disputed: int


class PlacesRow(msgspec.Struct, frozen=True):
    """Places that are alike but for their seats; those of an area have none. Each costs `amount`."""

    is_sold: bool
    channel_id: int | None
    ticket_type: str | None
    area_id: int | None
    amount: int
    day: date
    count: int
    seat_ids: list[int] | None


async def get_sold_event(source: Source, event_id: int) -> SoldEventRow:
    """Money of another currency than the event's has bought nothing of it."""
    return await source.get(
        SoldEventRow,
        """
        SELECT event.seat_map_id, event.currency, now() AS now, money.paid, money.fees, money.taxes,
               money.earned, money.disputed
          FROM events AS event
         CROSS JOIN LATERAL (
               SELECT coalesce(-sum(organizer + movement.fees + movement.taxes)
                                   FILTER (WHERE kind = 'CAPTURED'), 0)::bigint AS paid,
                      coalesce(-sum(movement.fees), 0)::bigint AS fees,
                      coalesce(-sum(movement.taxes), 0)::bigint AS taxes,
                      coalesce(-sum(organizer + payout + house_bank), 0)::bigint AS earned,
                      coalesce(sum(movement.disputed), 0)::bigint AS disputed
                 FROM ledger_movements AS movement
                WHERE movement.event_id = event.id AND movement.currency = event.currency
               ) AS money
         WHERE event.id = $1
        """,
        event_id,
    )


async def list_places(source: Source, event_id: int) -> list[PlacesRow]:
    """All places that are sold or held. One statement, so that all of it is true at one moment.

    A booking's amounts are those of its seats and then of its areas. Which category a seat is of, only the
    seat map knows.
    """
    return await source.list(
        PlacesRow,
        """
        SELECT booking.state = 'CONFIRMED' AS is_sold, booking.channel_id, place.ticket_type,
               booking.area_ids[place.number - cardinality(booking.seat_ids)] AS area_id, place.amount,
               (booking.created_at AT TIME ZONE event.time_zone)::date AS day,
               count(*) AS count,
               array_agg(place.seat_id) FILTER (WHERE place.seat_id IS NOT NULL) AS seat_ids
          FROM events AS event
          JOIN bookings AS booking ON booking.event_id = event.id
         CROSS JOIN LATERAL unnest(
               booking.seat_ids, booking.amounts,
               CASE WHEN booking.ticket_types IS NOT NULL
                    THEN ARRAY(SELECT json_array_elements_text(booking.ticket_types)) END
               ) WITH ORDINALITY AS place (seat_id, amount, ticket_type, number)
         WHERE event.id = $1 AND booking.event_id = $1
           AND (booking.state = 'CONFIRMED' OR (booking.state = 'PENDING' AND booking.expires_at > now()))
         GROUP BY 1, 2, 3, 4, 5, 6
        """,
        event_id,
    )
