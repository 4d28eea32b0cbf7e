"""Choosing in a hall of thousands: whoever finds no seats must not keep all others waiting."""

from typing import Any

import msgspec
import pytest

from boxoffice.inventory import choosing
from boxoffice.inventory.refusals import NoSuchSeatsLeft, TooManyPlaces
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
