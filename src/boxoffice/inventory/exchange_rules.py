"""The rule of exchanging places: a pending booking gives some back and takes others, in one step."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

import msgspec

from boxoffice.catalog.prices.pricing import (
    PricedPlace,
    booking_fees_before,
    decode_levies,
    levy,
    priced_before,
)
from boxoffice.catalog.prices.ticket_types import decode_types_of_places
from boxoffice.inventory.changes import BookingConfirmed, BookingExchanged
from boxoffice.inventory.commands import Booking, Exchange
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.offer import (
    Places,
    limit_refusal,
    orphan_refusal,
    pending_booking,
    places_refusal,
    sale_refusal,
)
from boxoffice.inventory.promo import use_of
from boxoffice.inventory.promo_rules import exchange_refusal, promo_code_of
from boxoffice.inventory.refusals import NothingLeftToHold, NotYourPlaces
from boxoffice.inventory.type_rules import ticket_types_refusal
from boxoffice.kit.errors import NotFound, Refusal


class _Had(NamedTuple):
    """A seat or an admission that a booking has, and what it was priced at."""

    place_id: int
    ticket_type: str | None
    priced: PricedPlace


class _Kept(NamedTuple):
    """What is left of a booking's places."""

    seats: list[_Had]
    areas: list[_Had]
    # The ticket type of each place that is given back.
    given_types: tuple[str | None, ...]


def decide_exchange(draft: Draft, command: Exchange, now: datetime) -> Booking | Refusal:
    """Give places back and take others, or the same anew, in one step; what is taken costs what it costs now.

    Fees for the whole booking are those it was held with, over what it has afterwards. What is taken has
    the booking's promo code, if that is still good. A booking that costs nothing then is confirmed at once.
    """
    booking = pending_booking(draft, command.booking_id, command.buyer_id)
    if isinstance(booking, Refusal):
        return booking
    kept = _without(booking, command)
    if isinstance(kept, Refusal):
        return kept
    taken = _wanted(booking, command, kept)
    code = None
    if taken.count:
        code = sale_refusal(draft, now, booking.channel_id) or promo_code_of(draft, booking, now)
    if isinstance(code, Refusal):
        return code
    if code is not None and code.opens:
        taken = msgspec.structs.replace(taken, opened=code.opens)
    more = taken.count - len(command.give_seat_ids) - len(command.give_area_ids)
    prices = draft.inventory.terms.prices_at(now, booking.channel_id)
    refusal = (
        places_refusal(draft, taken, now)
        or (limit_refusal(draft, command.buyer_id, more) if more > 0 else None)
        or ticket_types_refusal(draft, taken, prices)
        or orphan_refusal(draft, taken, now)
        or (None if kept.seats or kept.areas or taken.count else NothingLeftToHold())
    )
    if refusal is not None:
        return refusal
    new = draft.places_priced(taken.seat_ids, taken.area_ids, prices, code, taken.ticket_types)
    types = taken.ticket_types or (None,) * taken.count
    had = [_Had(*each) for each in zip((*taken.seat_ids, *taken.area_ids), types, new, strict=True)]
    seats = [*kept.seats, *had[: len(taken.seat_ids)]]
    areas = [*kept.areas, *had[len(taken.seat_ids) :]]
    change = _change(draft, booking, command, seats, areas)
    if refusal := exchange_refusal(draft, code, booking, use_of(change.levies)):
        return refusal
    draft.exchange(change)
    if change.total == 0:
        # What costs nothing is sold at once, as when it is held: nobody can pay for it.
        draft.confirm(
            BookingConfirmed(
                booking.id,
                booking.buyer_id,
                change.seat_ids,
                change.area_ids,
                ticket_types=change.ticket_types,
            )
        )
    return draft.booking(booking.id) or NotFound()


def _wanted(booking: Booking, command: Exchange, kept: _Kept) -> Places:
    """What is to be taken, beside what is kept; what is given back may be among it."""
    return Places(
        command.take_seat_ids,
        command.take_area_ids,
        command.accessible,
        booking.channel_id,
        below="/take",
        beside=tuple([seat.place_id for seat in kept.seats]),
        given_seat_ids=frozenset(command.give_seat_ids),
        given_area_ids=command.give_area_ids,
        given_types=kept.given_types,
        ticket_types=command.take_ticket_types,
    )


def _change(
    draft: Draft, booking: Booking, command: Exchange, seats: list[_Had], areas: list[_Had]
) -> BookingExchanged:
    places = [each.priced for each in (*seats, *areas)]
    types = tuple([each.ticket_type for each in (*seats, *areas)])
    levied = None if booking.levies is None else decode_levies(booking.levies)
    # What is taken again stays claimed.
    freed = tuple([seat for seat in command.give_seat_ids if seat not in command.take_seat_ids])
    return BookingExchanged(
        booking_id=booking.id,
        buyer_id=booking.buyer_id,
        seat_ids=tuple([seat.place_id for seat in seats]),
        area_ids=tuple([area.place_id for area in areas]),
        amounts=tuple([priced.price for priced in places]),
        freed_seat_ids=freed,
        freed_area_ids=command.give_area_ids,
        taken_seat_ids=tuple([seat for seat in command.take_seat_ids if seat not in command.give_seat_ids]),
        taken_area_ids=command.take_area_ids,
        blocked_seat_ids=draft.back_in_blocks(freed),
        levies=levy(places, booking_fees_before(levied), draft.inventory.terms.step),
        ticket_types=types if any(types) else (),
    )


def _without(booking: Booking, command: Exchange) -> _Kept | Refusal:
    """The booking's places less those that are given back; refused when it does not have them."""
    count = len(booking.seat_ids)
    levies = None if booking.levies is None else decode_levies(booking.levies)
    types = decode_types_of_places(booking.ticket_types) or (None,) * len(booking.amounts)
    had = [
        _Had(place_id, ticket_type, priced_before(levies, amount, index))
        for index, (place_id, ticket_type, amount) in enumerate(
            zip((*booking.seat_ids, *booking.area_ids), types, booking.amounts, strict=True)
        )
    ]
    missing_seats = [seat for seat in command.give_seat_ids if seat not in booking.seat_ids]
    seats = [seat for seat in had[:count] if seat.place_id not in command.give_seat_ids]
    areas, missing_areas = had[count:], set[int]()
    for given in zip(
        command.give_area_ids,
        command.give_ticket_types or (None,) * len(command.give_area_ids),
        strict=True,
    ):
        # The last ones first: those that came first stay in front.
        index = next((at for at in reversed(range(len(areas))) if areas[at][:2] == given), None)
        if index is None:
            missing_areas.add(given[0])
        else:
            del areas[index]
    if missing_seats or missing_areas:
        return NotYourPlaces(seat_ids=missing_seats, area_ids=sorted(missing_areas))
    left = Counter([each.ticket_type for each in (*seats, *areas)])
    return _Kept(seats, areas, tuple((Counter(types) - left).elements()))
