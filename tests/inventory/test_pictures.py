"""Pictures of an inventory: packed as the API says, small, and counted right however they are made."""

import base64
import gzip
import random
from typing import get_args

import pytest

from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.availability.deltas import step_of
from boxoffice.inventory.availability.document import Picture, pack_codes, picture_of, render_document
from boxoffice.inventory.changes import Change, SeatMapChanged
from boxoffice.inventory.state import Inventory
from boxoffice.kit.postgres import Database
from shows import Show, open_show


async def test_fifty_thousand_seats_in_any_state_fit_in_16_kilobytes(db: Database):
    show = await open_show(db, seats=60)
    picture = await _picture(db, show)
    codes = bytes(random.Random(3).choices(range(4), k=50_000))
    full = Picture(123_456, picture.terms, picture.seat_map, codes, picture.category_left, ())

    document = render_document(full)

    assert len(document.packed) < 13_000
    assert gzip.decompress(document.packed) == document.body
    assert len(document.body) < 17_500


@pytest.mark.parametrize("seats", [0, 1, 2, 3, 4, 5, 257])
def test_seats_are_packed_as_the_api_says(seats: int):
    codes = bytes(random.Random(seats).choices(range(4), k=seats))

    packed = base64.b64decode(base64.b64encode(pack_codes(codes)))

    assert len(packed) == (seats + 3) // 4
    assert bytes(packed[seat >> 2] >> 2 * (seat & 3) & 3 for seat in range(seats)) == codes


async def test_a_picture_made_from_the_one_before_counts_like_one_made_anew(db: Database):
    show = await open_show(db, seats=60, areas=[30, 5])
    terms = await find_sale_terms(db, show.event_id)
    assert terms
    inventory = Inventory(terms, await get_seat_map(db, terms.seat_map_id), 0, bytes(32))
    chance = random.Random(2)
    picture = picture_of(inventory)
    for version in range(1, 50):
        inventory.version = version
        for seat_id in chance.sample(range(60), 7):
            inventory.seats[seat_id] = chance.randrange(4)
        inventory.area_taken = [chance.randint(0, 30), chance.randint(0, 5)]

        picture = picture_of(inventory, picture)

        assert picture == picture_of(inventory)


def test_every_kind_of_change_names_its_places_in_fields_that_a_step_knows():
    """A new field with seats or areas in it must be added to `step_of`, or nobody is told of them."""
    known = {
        *("seat_ids", "area_ids", "freed_seat_ids", "freed_area_ids", "taken_seat_ids", "taken_area_ids"),
        # Blocks give their areas as `area_ids` too; what goes back to a block is among what was given up.
        *("areas", "blocked_seat_ids"),
    }
    named = {
        field
        for kind in get_args(Change)
        # Nobody is told the difference to another map: all begin anew.
        if kind is not SeatMapChanged
        for field in kind.__struct_fields__
        if "seat" in field or "area" in field
    }

    assert named == known
    assert step_of(5, ()).seat_ids == ()


async def _picture(db: Database, show: Show) -> Picture:
    terms = await find_sale_terms(db, show.event_id)
    assert terms
    return picture_of(Inventory(terms, await get_seat_map(db, terms.seat_map_id), 0, bytes(32)))
