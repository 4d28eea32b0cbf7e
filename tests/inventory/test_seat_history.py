"""The history of one seat: what happened, in words, and why it could not be had."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest

from boxoffice.inventory.changes import Change
from boxoffice.inventory.commands import Booking, Cancel, Exchange, Renew
from boxoffice.inventory.journal import seat_history
from boxoffice.inventory.journal.replay import seats_of
from boxoffice.inventory.journal.seat_changes import SeatChange, SeatState, Standing, in_words, meaning_of
from boxoffice.inventory.journal.seat_history import SeatMoment, TooFarBack, find_moment, list_changes
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from inventory.selling import answer, hold
from inventory.stories import pay, tell_story
from shows import Show, open_show


async def history(show: Show, seat_id: int, limit: int = 100) -> list[SeatChange]:
    """All of it, page by page."""
    changes: list[SeatChange] = []
    cursor = None
    while True:
        page = await list_changes(show.db, show.event_id, seat_id, cursor, limit)
        assert len(page.items) <= limit
        changes += page.items
        cursor = page.next_cursor
        if cursor is None:
            return changes


def kinds(changes: Sequence[SeatChange]) -> list[str]:
    return [change.kind for change in changes]


async def renewed_and_exchanged(parts: Parts, other_parts: Parts) -> tuple[Show, Booking, Booking]:
    """Seat 7 is held, renewed, given back in exchange for seat 8, taken by another in exchange, sold."""
    show = await open_show(parts.db, price=7)
    event_id = show.event_id
    first = await hold(parts.sales, event_id, 1, seat_ids=[6, 7])
    assert isinstance(await answer(other_parts.sales, event_id, Renew(first.id, 1)), Booking)
    await parts.sales.submit(event_id, Exchange(first.id, 1, give_seat_ids=(7,), take_seat_ids=(8,)))
    second = await hold(other_parts.sales, event_id, 2, seat_ids=[20])
    exchanged = await parts.sales.submit(event_id, Exchange(second.id, 2, take_seat_ids=(7,)))
    assert isinstance(exchanged, Booking)
    await pay(parts, exchanged)
    return show, first, exchanged


async def test_a_seat_tells_its_life(parts: Parts, other_parts: Parts):
    show, first, second = await renewed_and_exchanged(parts, other_parts)

    changes = await history(show, 7)

    assert kinds(changes) == ["HELD", "RENEWED", "EXCHANGED", "EXCHANGED", "CONFIRMED"]
    held, renewed, given, taken, sold = changes
    assert [change.version for change in changes] == [1, 2, 3, 5, 6]
    assert first.expires_at is not None
    assert renewed.held_until is not None
    assert renewed.held_until > first.expires_at
    assert [change.held_until for change in changes] == [
        first.expires_at, renewed.held_until, None, second.expires_at, None,
    ]  # fmt: skip
    assert [change.buyer_id for change in changes] == [1, 1, 1, 2, 2]
    assert held.words == f"held until {in_words(first.expires_at)} by booking {first.id}"
    assert renewed.words == f"held for longer, until {in_words(renewed.held_until)}, by booking {first.id}"
    assert given.words == f"free again: booking {first.id} gave it back"
    assert taken.words.endswith(f"by booking {second.id}, which took it in an exchange")
    assert sold.words == f"sold to booking {second.id}"
    assert kinds(await history(show, 8)) == ["EXCHANGED"]
    assert await history(show, 9) == []


async def test_a_seat_given_up_is_free_again_and_money_that_went_back_is_told(db: Database, parts: Parts):
    show = await open_show(db)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[7])
    assert await pay(parts, msgspec.structs.replace(booking, total=1)) == "RETURNED"
    await parts.sales.submit(show.event_id, Cancel(booking.id, 1))
    free = await open_show(db, price=0)
    mine = await hold(parts.sales, free.event_id, 1, seat_ids=[7])
    await parts.sales.submit(free.event_id, Cancel(mine.id, 1))

    (held, returned, cancelled) = await history(show, 7)
    assert (returned.state, returned.held_until) == (SeatState.HELD, held.held_until)
    assert returned.words == f"a payment for booking {booking.id} went back: The amount is not the booking's."
    assert cancelled.words == f"free again: booking {booking.id} was cancelled"
    assert kinds(await history(free, 7)) == ["HELD", "CONFIRMED", "CANCELLED"]
    assert (await history(free, 7))[2].words.endswith("was cancelled, and its tickets are void")


async def test_why_it_could_not_be_had(parts: Parts, other_parts: Parts):
    show, first, second = await renewed_and_exchanged(parts, other_parts)
    (held, renewed, given, taken, sold) = await history(show, 7)
    instant = timedelta(microseconds=1)

    async def at(change: SeatChange, later: timedelta = timedelta()) -> SeatMoment:
        return await find_moment(show.db, show.event_id, 7, change.at + later)

    before = await at(held, -instant)
    assert (before.state, before.available, before.because, before.then) == (SeatState.FREE, True, None, held)
    assert before.words == "Free: nobody had taken it yet."
    # A change counts from its own time on.
    then = await at(held)
    assert (then.version, then.state, then.available) == (1, SeatState.HELD, False)
    assert (then.because, then.then) == (held, renewed)
    assert then.words == f"H{held.words[1:]}, since {in_words(held.at)} (version 1)."
    then = await at(renewed)
    assert (then.available, then.because, then.then) == (False, renewed, given)
    then = await at(given)
    assert (then.available, then.because, then.then) == (True, given, taken)
    then = await at(sold, -instant)
    assert (then.available, then.because, then.then) == (False, taken, sold)
    then = await at(sold, timedelta(days=365))
    assert (then.state, then.available, then.because, then.then) == (SeatState.SOLD, False, sold, None)
    assert (first.id, second.id) == (held.booking_id, sold.booking_id)


async def test_a_hold_that_was_over_but_not_tidied_up_would_have_been_free(
    db: Database, parts: Parts, other_parts: Parts
):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[5])
    await show.wait_for_holds_to_end()
    assert booking.expires_at is not None
    end = booking.expires_at

    waiting = await find_moment(db, show.event_id, 5, end)
    await hold(other_parts.sales, show.event_id, 2, seat_ids=[5])
    before = await find_moment(db, show.event_id, 5, end - timedelta(microseconds=1))
    after = await find_moment(db, show.event_id, 5, end)

    assert (before.state, before.available) == (SeatState.HELD, False)
    # The rules free a hold from its very end on.
    assert (waiting.state, waiting.available, waiting.then) == (SeatState.HELD, True, None)
    assert (after.state, after.available) == (SeatState.HELD, True)
    over = f"Free to the next buyer: the hold of booking {booking.id} had run out at {in_words(end)}"
    assert waiting.words == f"{over} and was not tidied up yet."
    assert after.words == f"{over} and was not tidied up yet; version 2 came next."
    assert after.then is not None
    assert after.then.kind == "EXPIRED"
    assert kinds(await history(show, 5)) == ["HELD", "EXPIRED", "HELD"]


async def test_late_money_that_bought_the_seat_again_is_told(db: Database, parts: Parts):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[5])
    await pay(parts, booking, late_for=show)

    changes = await history(show, 5)

    assert kinds(changes) == ["HELD", "EXPIRED", "CONFIRMED"]
    assert "its hold had run out" in changes[2].words


@pytest.mark.parametrize("stretch", [1, 2, 3, 1000])
async def test_pages_and_stretches_of_any_size_give_the_same(
    parts: Parts, other_parts: Parts, monkeypatch: pytest.MonkeyPatch, stretch: int
):
    show, *_ = await renewed_and_exchanged(parts, other_parts)
    whole = await history(show, 7)
    late = whole[-1].at + timedelta(days=1)
    moment = await find_moment(show.db, show.event_id, 7, late)
    monkeypatch.setattr(seat_history, "STRETCH_ROWS", stretch)

    for limit in (1, 2, 3, 5, 6):
        assert await history(show, 7, limit) == whole
    assert await find_moment(show.db, show.event_id, 7, late) == moment


async def test_one_request_reads_only_so_much(
    parts: Parts, other_parts: Parts, monkeypatch: pytest.MonkeyPatch
):
    show, *_ = await renewed_and_exchanged(parts, other_parts)
    whole = await history(show, 7)
    for name in ("STRETCH_ROWS", "ROWS_READ_MAX"):
        monkeypatch.setattr(seat_history, name, 3)

    first = await list_changes(show.db, show.event_id, 7, None, 100)

    assert first.items == whole[:3]
    assert first.next_cursor is not None
    assert await history(show, 7) == whole
    # Seat 6 was held in row 1 and never touched by name again: three rows back is too far.
    assert (await find_moment(show.db, show.event_id, 6, whole[2].at)).state is SeatState.HELD
    with pytest.raises(TooFarBack):
        await find_moment(show.db, show.event_id, 8, whole[-1].at)


async def test_a_number_that_is_no_seat_is_not_taken_for_one(parts: Parts, other_parts: Parts):
    story = await tell_story(parts, other_parts)

    # The journal names the areas 0 and 1.
    assert await history(story.show, 0) == []
    assert await history(story.show, 1) == []
    assert kinds(await history(story.show, 3)) == ["HELD", "CONFIRMED"]


def sample(kind: type[Any]) -> Change:
    """A change of this kind in which every field of seats names seat 5."""
    booking_id = str(new_id(1))
    values: dict[str, object] = {"booking_id": booking_id, "payment_id": booking_id, "reason": "Late."}
    values |= {"expires_at": "2027-01-11T10:00:00Z", "buyer_id": 1, "amounts": [1]}
    values |= {"block_id": booking_id, "name": "Sponsors", "kind": "HOUSE", "taken_seat_ids": []}
    values |= {
        "released_at": None,
        "channel_id": None,
        "levies": None,
        "promo": None,
        "refunded": None,
        "refund_id": None,
    }
    values |= {"before_id": 1, "seat_map_id": 2, "seat_count": 6}
    known = {
        field: values.get(field, [5] if field.endswith("seat_ids") else [])
        for field in kind.__struct_fields__
    }
    known = {
        field: value
        for field, value in known.items()
        if field not in {"taken_again", "was_confirmed", "fees_kept"}
    }
    return msgspec.convert({"type": kind.__struct_config__.tag, **known}, kind)


@pytest.mark.parametrize("kind", get_args(Change))
def test_every_kind_of_change_that_names_seats_or_their_booking_has_a_meaning(kind: type[Any]):
    change = sample(kind)
    before = Standing(1, SeatState.HELD, getattr(change, "booking_id", None))

    meaning = meaning_of(change, 5, before, msgspec.convert("2027-01-11T10:00:00Z", datetime))

    assert meaning is not None, f"say in seat_changes.py what {kind.__name__} means for a seat"
    assert set(seats_of(change)) <= {5}
