"""Choosing in a hall of thousands: whoever finds no seats must not keep all others waiting."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from boxoffice.inventory import choosing
from boxoffice.inventory.changes import BlockKind
from boxoffice.inventory.commands import Block, ChangeBlock, Held, Hold, Release
from boxoffice.inventory.refusals import NoSuchSeatsLeft, TooManyPlaces
from boxoffice.inventory.seating import SEATS_FREED_MAX, Seating
from boxoffice.inventory.state import BLOCKED, FREE, HELD
from inventory.test_calling_off import Selling
from inventory.test_choosing import best, chosen, hall, on_sale


@pytest.mark.parametrize("rows", [("AA ", "A  "), ("AAAAAAA ", "        ")])
def test_a_party_that_finds_no_seats_looks_at_few_of_them(
    monkeypatch: pytest.MonkeyPatch, rows: tuple[str, str]
):
    """However many a hall has: this one has 3,840, and what is asked is every size up to a hundred."""
    taken = {
        number
        for number, letter in enumerate("".join(row * (48 // len(row)) for row in rows * 40))
        if letter == " "
    }
    inventory = on_sale(hall(*["A" * 48] * 80), taken)
    monkeypatch.setattr(choosing, "WINDOWS_TRIED_MAX", 10)
    looked_at = 0
    is_free = choosing._Pool.is_free  # pyright: ignore[reportPrivateUsage]  what is counted

    def counted(*given: Any) -> bool:
        nonlocal looked_at
        looked_at += 1
        return is_free(*given)

    monkeypatch.setattr(choosing._Pool, "is_free", counted)  # pyright: ignore[reportPrivateUsage]
    for size in (8, 12, 13, 40, 100):
        looked_at = 0
        assert isinstance(chosen(inventory, best(size)), NoSuchSeatsLeft)
        assert looked_at <= 100 + choosing.TWO_ROW_WINDOWS_MAX
        # A hold near the middle is over, and everybody looks again.
        inventory.lower(inventory.frontier, [40 * 48 + 24])


def test_who_may_not_have_so_many_places_is_told_before_anybody_looks_for_them():
    inventory = on_sale(hall("AA AA"))
    inventory.terms = msgspec.structs.replace(inventory.terms, places_per_buyer_max=2)
    refusal = chosen(inventory, best(3))
    assert isinstance(refusal, TooManyPlaces)


def test_a_block_that_is_changed_keeps_its_claims_and_one_that_is_given_up_is_not_gone_through_seat_by_seat(
    monkeypatch: pytest.MonkeyPatch,
):
    selling = Selling(hall(*["A" * 40] * 5))
    seat_ids = tuple(range(SEATS_FREED_MAX + 1))
    block_id = uuid4()
    selling.ask(Block(block_id, "House", BlockKind.HOUSE, seat_ids), best(4))
    [held] = selling.ask(best(4)).outcomes
    assert isinstance(held, Held)
    seen: list[int] = []

    def looked_up(_seating: Seating, _size: int, seat_id: int) -> int:
        seen.append(seat_id)
        return 0

    monkeypatch.setattr(Seating, "first_rank_with", looked_up)

    changed = selling.ask(ChangeBlock(block_id, "Sponsors", None, None)).draft
    assert (changed.freed, changed.claimed) == (set(), {})
    given_up = selling.ask(Release(block_id)).draft

    assert (given_up.freed, given_up.claimed) == (set(seat_ids), {})
    assert seen == []
    found = chosen(selling.inventory, best(4))
    assert isinstance(found, tuple)
    assert set(found) <= set(seat_ids), "the middle of the hall was the house's"


def test_a_seat_that_its_channel_sells_while_the_block_is_changed_is_claimed_once():
    selling = Selling(hall("AAAA"))
    block_id = uuid4()
    selling.ask(Block(block_id, "House", BlockKind.HOUSE, (0, 1), channel_id=1))

    draft = selling.ask(
        Hold(uuid4(), 1, (0,), channel_key_hash="fans"), ChangeBlock(block_id, "Ours", None, 1)
    ).draft

    assert draft.freed == {0}
    assert list(draft.claimed) == [0]
    assert [selling.inventory.seats[seat] for seat in range(3)] == [HELD, BLOCKED, FREE]
