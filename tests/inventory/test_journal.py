"""The journal proves itself: replay gives what was, and whatever is tampered with is named."""

import asyncio

import pytest

from boxoffice.inventory.commands import Hold
from boxoffice.inventory.journal import replay, verification
from boxoffice.inventory.journal.replay import UnknownVersion
from boxoffice.inventory.journal.seat_changes import SeatState
from boxoffice.inventory.journal.snapshot import take_snapshot
from boxoffice.inventory.journal.verification import Difference, Verified, verify_event
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from inventory.selling import answer, hold
from inventory.stories import Buyers, Facts, Story, facts_of, forge, tamper, tell_story
from inventory.tampering import TAMPERING
from shows import open_show


@pytest.fixture
async def story(parts: Parts, other_parts: Parts) -> Story:
    """A show that was sold through two processes, and is as its journal says."""
    told = await tell_story(parts, other_parts)
    assert await verify_event(parts.db, told.show.event_id) == Verified(told.show.event_id, 5, 3, 3)
    return told


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_buyers_do_the_tables_are_as_the_journal_says_and_was_at_every_moment(
    db: Database, parts: Parts, other_parts: Parts, seed: int
):
    show = await open_show(db, seats=60, areas=[30, 5], hold_seconds=1)
    buyers = Buyers(show, (parts, other_parts), seed)
    moments: list[Facts] = []
    for _ in range(2):
        for _ in range(4):
            await buyers.rush(15)
            moments.append(await facts_of(show))
        await show.wait_for_holds_to_end()
    await buyers.rush(15)

    found = await verify_event(db, show.event_id)
    assert isinstance(found, Verified), found
    assert found.version == await show.count("journal")
    assert found.bookings == await show.count("bookings")
    await show.check_promises()
    for facts in moments:
        then = await take_snapshot(db, show.event_id, at=facts.at, version=None, with_seats=True)
        assert {seat.seat_id: seat.booking_id for seat in then.taken_seats or ()} == facts.claims
        assert [area.taken for area in then.areas] == facts.areas
        assert (then.version, then.pending_bookings) == (facts.version, facts.pending)
        assert then.seats.free + then.seats.held + then.seats.sold == 60


@pytest.mark.parametrize(("statement", "words"), TAMPERING.values(), ids=TAMPERING)
async def test_what_was_tampered_with_is_named(
    db: Database, owner_db: Database, story: Story, statement: str, words: str
):
    [payment_id] = await db.list(
        str, "SELECT id::text FROM payments WHERE event_id = $1", story.show.event_id
    )
    await tamper(owner_db, statement, story.show.event_id)

    found = await verify_event(db, story.show.event_id)

    expected = words.format(
        sold=story.sold.id, pending=story.pending.id, cancelled=story.cancelled.id, payment=payment_id
    )
    assert isinstance(found, Difference)
    assert _fits(found.words, f"Event {story.show.event_id}, {expected}"), found.words


def _fits(words: str, expected: str) -> bool:
    """Whether the words are these; a star stands for anything."""
    position = 0
    for part in expected.split("*"):
        position = words.find(part, position)
        if position < 0:
            return False
        position += len(part)
    return words.startswith(expected.partition("*")[0]) and (expected.endswith("*") or position == len(words))


async def test_a_forger_who_mends_the_whole_chain_is_found_by_the_tables(
    db: Database, owner_db: Database, story: Story
):
    await forge(owner_db, story.show.event_id, 5, '"seat_ids":[9]', '"seat_ids":[10]')

    found = await verify_event(db, story.show.event_id)

    assert isinstance(found, Difference)
    assert (found.where, found.found) == ("seat 9", f"a claim of booking {story.pending.id}")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"seat_ids":[9]', '"seat_ids":[3]', "seat 3 to be free or of booking {pending}"),
        ('"seat_ids":[9]', '"seat_ids":[4000]', "changes that can be applied"),
        ('"type":"HELD"', '"type":"STOLEN"', "changes of the kinds we know"),
    ],
)
async def test_a_journal_that_cannot_have_happened_is_named(
    db: Database, owner_db: Database, story: Story, old: str, new: str, expected: str
):
    await forge(owner_db, story.show.event_id, 5, old, new)

    found = await verify_event(db, story.show.event_id)

    assert isinstance(found, Difference)
    assert (found.where, found.expected) == ("journal row 5", expected.format(pending=story.pending.id))


async def test_a_journal_whose_time_runs_backwards_is_named(db: Database, owner_db: Database, story: Story):
    await tamper(
        owner_db, "UPDATE journal SET at = at - interval '1 day' WHERE event_id = $1 AND version = 4",
        story.show.event_id,
    )  # fmt: skip
    await forge(owner_db, story.show.event_id, 0, "", "")

    found = await verify_event(db, story.show.event_id)

    assert isinstance(found, Difference)
    assert found.where == "journal row 4"
    assert found.expected.startswith("a time not before")


async def test_a_sale_that_goes_on_does_not_disturb_and_is_not_disturbed(
    db: Database, parts: Parts, other_parts: Parts
):
    """Seen to fail without the lock: two statements then see the sale at two moments."""
    show = await open_show(db, seats=400)
    await hold(parts.sales, show.event_id, 1, seat_ids=[0])

    async def sell() -> None:
        for seat_id in range(1, 400):
            process = (parts, other_parts)[seat_id % 2]
            await answer(process.sales, show.event_id, Hold(new_id(show.event_id), seat_id, (seat_id,)))

    sale = asyncio.create_task(sell())
    verdicts: list[Verified | Difference] = []
    while not sale.done():
        verdicts.append(await verify_event(db, show.event_id))
    await sale

    assert len(await show.claims()) == 400
    assert [verdict for verdict in verdicts if not isinstance(verdict, Verified)] == []
    assert len(verdicts) > 1


async def test_an_event_with_more_bookings_than_are_remembered_at_once_is_taken_in_parts(
    db: Database, owner_db: Database, story: Story, monkeypatch: pytest.MonkeyPatch
):
    for name in ("BOOKINGS_AT_ONCE_MAX", "BOOKING_ROWS_MAX"):
        monkeypatch.setattr(verification, name, 1)
    monkeypatch.setattr(replay, "ROWS_AT_ONCE_MAX", 2)
    event_id = story.show.event_id
    assert await verify_event(db, event_id) == Verified(event_id, 5, 3, 3)

    for booking in (story.sold, story.cancelled, story.pending):
        await tamper(owner_db, "UPDATE bookings SET buyer_id = -buyer_id WHERE id = $1", booking.id)
        found = await verify_event(db, event_id)
        assert isinstance(found, Difference)
        assert found.where == f"booking {booking.id}"
        await tamper(owner_db, "UPDATE bookings SET buyer_id = -buyer_id WHERE id = $1", booking.id)


async def test_an_event_that_never_sold_is_fine_and_one_that_is_not_there_is_not_found(db: Database):
    show = await open_show(db)

    assert await verify_event(db, show.event_id) == Verified(show.event_id, 0, 0, 0)
    with pytest.raises(NotFound):
        await verify_event(db, 2**32 - 1)
    with pytest.raises(NotFound):
        await take_snapshot(db, 2**32 - 1, at=None, version=None, with_seats=False)


async def test_the_inventory_is_shown_as_it_was_after_every_row(db: Database, story: Story):
    event_id = story.show.event_id
    counts: list[tuple[int, int, int, int]] = []
    for version in range(6):
        then = await take_snapshot(db, event_id, at=None, version=version, with_seats=False)
        counts.append((then.version, then.seats.held, then.seats.sold, then.pending_bookings))

    assert counts == [(0, 0, 0, 0), (1, 2, 0, 1), (2, 3, 0, 2), (3, 1, 2, 1), (4, 0, 2, 0), (5, 1, 2, 1)]
    with pytest.raises(UnknownVersion, match="ends at version 5"):
        await take_snapshot(db, event_id, at=None, version=6, with_seats=False)


async def test_a_hold_that_was_over_and_not_tidied_up_is_shown_as_such(db: Database, parts: Parts):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[5, 6])
    await show.wait_for_holds_to_end()

    now = await take_snapshot(db, show.event_id, at=None, version=None, with_seats=True)
    before = await take_snapshot(db, show.event_id, at=booking.created_at, version=None, with_seats=True)

    assert (now.seats.held, now.seats.held_but_over, now.pending_but_over) == (2, 2, 1)
    assert (before.seats.held, before.seats.held_but_over, before.pending_but_over) == (2, 0, 0)
    assert before.taken_seats is not None
    first = before.taken_seats[0]
    assert (first.seat_id, first.row, first.number, first.state) == (5, "1", "6", SeatState.HELD)
    assert (first.booking_id, first.held_until) == (booking.id, booking.expires_at)
