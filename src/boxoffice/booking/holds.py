"""Holding places, changing and giving them up: from what the buyer wrote to the event's next batch."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice.booking.schemas import (
    PLACES_PER_BOOKING_MAX,
    NewBooking,
    NewExchange,
    NewHold,
    SomePlaces,
    WantedArea,
    WantedBest,
)
from boxoffice.catalog.channels.keys import hash_key
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces
from boxoffice.inventory.answers.asking import check_answers
from boxoffice.inventory.answers.schemas import GivenAnswers
from boxoffice.inventory.commands import BestAvailable, Booking, Exchange, Held, Hold, Outcome, Renew
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.promo import hash_code
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.idempotency import Once, look_up
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Database


async def hold_places(
    sales: GroupCommit,
    *,
    buyer_id: int,
    wanted: NewHold,
    once: Once | None = None,
    answers: GivenAnswers | None = None,
) -> Held:
    """Hold every place or none, and keep the answers with it.

    Raises the refusals of `inventory.rules.decide_hold`, or `InvalidInput`.
    """
    best = wanted.best_available
    if best is not None and wanted.seat_ids:
        raise invalid("/best_available", "Name seats or have them chosen, not both.")
    _check(wanted.seat_ids, wanted.areas, others=best.quantity if best else 0)
    outcome = await sales.submit(
        wanted.event_id,
        Hold(
            new_id(wanted.event_id),
            buyer_id,
            tuple(wanted.seat_ids),
            _admissions(wanted.areas),
            _best(best) if best else None,
            wanted.accessible,
            None if wanted.channel_key is None else hash_key(wanted.channel_key),
            None if wanted.promo_code is None else hash_code(wanted.promo_code),
            _types(wanted.seat_ticket_types, best.quantity if best else len(wanted.seat_ids), wanted.areas),
            answers,
        ),
        once,
    )
    if not isinstance(outcome, Held):
        raise TypeError(f"a hold was expected, not {outcome!r}")
    return outcome


async def answers_of(db: Database, wanted: NewBooking, once: Once | None) -> GivenAnswers | None:
    """The answers that are given with a hold, if any; what does not fit is refused before anything is held.

    Not when it was asked for before: then the answer of that time is given again, whatever the event asks
    now. Raises `NotFound`, `InvalidInput`, `KeyUsedBefore` and `StillAtWork`.
    """
    if not wanted.answers:
        return None
    places = len(wanted.seat_ids) + sum(area.quantity for area in wanted.areas)
    if wanted.best_available is not None:
        places += wanted.best_available.quantity
    try:
        return await check_answers(db, wanted.event_id, wanted.answers, places)
    except (NotFound, InvalidInput):
        if once is not None:
            async with db.transaction() as tx:
                [before] = await look_up(tx, [once])
            if isinstance(before, Refusal):
                # Whoever has the key now may come to nothing: then this must not hold without its answers.
                raise before from None
            if before is not None:
                return None
        raise


async def renew_hold(sales: GroupCommit, *, buyer_id: int, booking_id: UUID) -> Booking:
    """Start the hold's time anew. Raises `NotFound`, `BookingIsOver` or `HeldLongEnough`."""
    return _booking(await sales.submit(event_of(booking_id), Renew(booking_id, buyer_id)))


async def exchange_places(
    sales: GroupCommit, *, buyer_id: int, booking_id: UUID, wanted: NewExchange, once: Once | None = None
) -> Booking:
    """Give places back and take others, all or nothing. Raises what `decide_exchange` refuses with."""
    give, take = wanted.give or SomePlaces(), wanted.take or SomePlaces()
    if _count(give) + _count(take) == 0:
        raise invalid("/give", "Name at least one place to give back or to take.")
    _check(give.seat_ids, give.areas, below="/give", others=1)
    _check(take.seat_ids, take.areas, below="/take", others=1)
    return _booking(
        await sales.submit(
            event_of(booking_id),
            Exchange(
                booking_id,
                buyer_id,
                tuple(give.seat_ids),
                _admissions(give.areas),
                tuple(take.seat_ids),
                _admissions(take.areas),
                wanted.accessible,
                _types([], 0, give.areas),
                _types(take.seat_ticket_types, len(take.seat_ids), take.areas, below="/take"),
            ),
            once,
        )
    )


def _booking(outcome: Outcome) -> Booking:
    if not isinstance(outcome, Booking):
        raise TypeError(f"a booking was expected, not {outcome!r}")
    return outcome


def _best(wanted: WantedBest) -> BestAvailable:
    return BestAvailable(wanted.quantity, wanted.category, wanted.zone, wanted.adjacent, wanted.accessible)


def _admissions(areas: Sequence[WantedArea]) -> tuple[int, ...]:
    return tuple([area.area_id for area in areas for _ in range(area.quantity)])


def _types(
    of_seats: Sequence[str | None], seats: int, areas: Sequence[WantedArea], *, below: str = ""
) -> TypesOfPlaces:
    """For each place its ticket type, the seats first; empty when none is named."""
    if of_seats and len(of_seats) != seats:
        detail = (
            f"Name one for each of the {seats} seats, null for the price of its category, or none at all."
        )
        raise invalid(f"{below}/seat_ticket_types", detail)
    of_areas = [area.ticket_type for area in areas for _ in range(area.quantity)]
    if not any(of_seats) and not any(of_areas):
        return ()
    return (*(of_seats or [None] * seats), *of_areas)


def _count(places: SomePlaces) -> int:
    return len(places.seat_ids) + sum(area.quantity for area in places.areas)


def _check(seat_ids: list[int], areas: list[WantedArea], *, below: str = "", others: int = 0) -> None:
    """Refuse what no inventory is needed to refuse; `others` counts places asked for in other ways."""
    places = len(seat_ids) + sum(area.quantity for area in areas) + others
    if places == 0:
        raise invalid(
            f"{below}/seat_ids", "Name seats in `seat_ids` or areas in `areas`, or say `best_available`."
        )
    if places > PLACES_PER_BOOKING_MAX:
        raise invalid(
            f"{below}/areas", f"These are {places} places; a booking has {PLACES_PER_BOOKING_MAX} at most."
        )
    if len(set(seat_ids)) < len(seat_ids):
        raise InvalidInput(
            errors=[
                FieldError(pointer=f"{below}/seat_ids/{index}", detail=f"Seat {seat_id} is named twice.")
                for index, seat_id in enumerate(seat_ids)
                if seat_id in seat_ids[:index]
            ]
        )
    pairs = [(area.area_id, area.ticket_type) for area in areas]
    if len(set(pairs)) < len(pairs):
        twice = [(index, each[0]) for index, each in enumerate(pairs) if each in pairs[:index]]
        raise InvalidInput(
            errors=[
                FieldError(pointer=f"{below}/areas/{index}/area_id", detail=f"Area {area_id} is named twice.")
                for index, area_id in twice
            ]
        )
