"""Best available and the orphan rule, against brute force on small halls and by eye on known ones."""

import itertools
import math
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import UUID, uuid4

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.catalog.schemas import EventState, OrphanRule
from boxoffice.catalog.seat_maps.document import (
    Area,
    Category,
    DocumentRow,
    DocumentSeat,
    DocumentZone,
    SeatMapDocument,
)
from boxoffice.catalog.seat_maps.seat_map import SeatMap, parse_seat_map
from boxoffice.catalog.terms import SaleTerms
from boxoffice.inventory import choosing
from boxoffice.inventory.changes import BookingExpired
from boxoffice.inventory.choosing import stranded_by
from boxoffice.inventory.commands import Adjacent, BestAvailable, Command, Held, Hold
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.refusals import (
    NoSuchSeatsLeft,
    SeatsKept,
    SeatsTaken,
    SingleSeatLeft,
)
from boxoffice.inventory.rules import Decision, decide
from boxoffice.inventory.seating import focal_point
from boxoffice.inventory.state import FREE, SOLD, Inventory
from boxoffice.kit.errors import InvalidInput, Refusal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def accessible_before(rows: tuple[str, ...], number: int, x: int) -> int:
    """The id of the accessible seat nearest before this place of its row."""
    before = max(at for at, letter in enumerate(rows[number][:x]) if letter.islower())
    return sum(len(row.replace(" ", "")) for row in rows[:number]) + len(
        rows[number][:before].replace(" ", "")
    )


def hall(*rows: str, categories: str = "A") -> SeatMap:
    """A hall drawn in letters: each letter a seat of that category, a space a gap.

    Lower case: accessible; "+": a seat of the first category for a companion of the nearest one before.
    """
    ids = itertools.count()
    document = SeatMapDocument(
        name="Drawn",
        seat_count=sum(len(row.replace(" ", "")) for row in rows),
        categories=[Category(name=name) for name in categories],
        zones=[
            DocumentZone(
                name="Hall",
                rows=[
                    DocumentRow(
                        name=str(number + 1),
                        seats=[
                            DocumentSeat(
                                id=next(ids),
                                number=str(x),
                                x=10.0 * x,
                                y=20.0 * number,
                                category=categories[0] if letter == "+" else letter.upper(),
                                accessible=letter.islower(),
                                companion_of=accessible_before(rows, number, x) if letter == "+" else None,
                            )
                            for x, letter in enumerate(row)
                            if letter != " "
                        ],
                    )
                    for number, row in enumerate(rows)
                ],
            )
        ],
        areas=[Area(id=0, name="Floor", capacity=5, category=categories[0])],
    )
    return parse_seat_map(1, msgspec.json.encode(document).decode())


def on_sale(
    seat_map: SeatMap,
    taken: set[int] = frozenset(),  # pyright: ignore[reportArgumentType]  read only
    rule: OrphanRule = OrphanRule.OFF,
    accessible_released_at: datetime | None = None,
) -> Inventory:
    """An inventory of this hall in which some seats are sold."""
    terms = SaleTerms(
        event_id=1,
        revision=1,
        state=EventState.PUBLISHED,
        title="An evening",
        currency="EUR",
        starts_at=NOW + timedelta(days=30),
        sale_starts_at=None,
        sale_ends_at=None,
        places_per_buyer_max=100,
        hold_seconds=600,
        orphan_rule=rule,
        accessible_released_at=accessible_released_at,
        seat_map_id=1,
        prices={category.name: 1000 for category in seat_map.categories},
    )
    inventory = Inventory(terms, seat_map, 0, bytes(32))
    for seat in taken:
        inventory.seats[seat] = SOLD
    return inventory


def ask(inventory: Inventory, *commands: Command) -> Decision:
    """Decide commands on an inventory, which stays as it is."""
    return decide(inventory, commands, {}, NOW)


def best(quantity: int, **wishes: object) -> Hold:
    """The command of a party that wants seats chosen."""
    return Hold(uuid4(), 1, best=BestAvailable(quantity, **wishes))  # pyright: ignore[reportArgumentType]


def chosen(inventory: Inventory, command: Hold) -> tuple[int, ...] | Refusal:
    """The seats that were chosen, or why none."""
    outcome = ask(inventory, command).outcomes[0]
    if isinstance(outcome, Refusal):
        return outcome
    assert isinstance(outcome, Held)
    return outcome.booking.seat_ids


def mean_distance(seat_map: SeatMap, seats: tuple[int, ...]) -> float:
    """How far a party sits from what everybody looks at."""
    x, y = focal_point(seat_map)
    return sum(math.hypot(seat_map.xs[seat] - x, seat_map.ys[seat] - y) for seat in seats) / len(seats)


def windows_by_hand(rows: tuple[str, ...], size: int) -> list[tuple[int, ...]]:
    """Every run of seats without a gap, found from the drawing alone."""
    found: list[tuple[int, ...]] = []
    ids = itertools.count()
    for row in rows:
        numbered = [(x, next(ids)) for x, letter in enumerate(row) if letter != " "]
        for start in range(len(numbered) - size + 1):
            window = numbered[start : start + size]
            if window[-1][0] - window[0][0] == size - 1:
                found.append(tuple(seat for _, seat in window))
    return found


def strands_by_hand(rows: tuple[str, ...], taken: set[int], seats: tuple[int, ...]) -> bool:
    """Whether a seat beside these ends up free and alone that was not alone before."""
    pairs = {frozenset(pair) for pair in windows_by_hand(rows, 2)}
    after = taken | set(seats)

    def friends(seat: int, gone: set[int]) -> set[int]:
        return {other for pair in pairs if seat in pair for other in pair - {seat}} - gone

    beside = {other for seat in seats for other in friends(seat, after)}
    return any(not friends(seat, after) for seat in beside)


# Five seats side by side somewhere, against three aisles at most: a row's usual distance has to be a
# seat's width and not an aisle's.
_ROW = st.tuples(st.text("A ", max_size=3), st.text("A ", max_size=4)).map("AAAAA".join)
DRAWINGS = st.lists(_ROW, min_size=1, max_size=4).map(tuple)


# Small halls are searched as large ones are: one window at a time, all seats at once, by free stretches.
WAYS_OF_LOOKING = st.sampled_from(
    [("WINDOWS_TRIED_MAX", 1_000), ("WINDOWS_TRIED_MAX", 1), ("WINDOW_SEATS_MAX", 1)]
)


@settings(max_examples=300, deadline=None)
@given(
    rows=DRAWINGS,
    data=st.data(),
    size=st.integers(1, 5),
    rule=st.sampled_from(OrphanRule),
    way=WAYS_OF_LOOKING,
)
def test_the_best_seats_are_those_that_brute_force_finds(
    rows: tuple[str, ...], data: st.DataObject, size: int, rule: OrphanRule, way: tuple[str, int]
):
    seat_map = hall(*rows)
    taken = data.draw(st.sets(st.integers(0, seat_map.seat_count - 1)))
    inventory = on_sale(seat_map, taken, rule)

    with patch.object(choosing, *way):
        found = chosen(inventory, best(size))

    free = [window for window in windows_by_hand(rows, size) if not taken & set(window)]
    careful = [window for window in free if not strands_by_hand(rows, taken, window)]
    wanted = (careful or free) if rule is not OrphanRule.OFF else free
    if wanted:
        assert isinstance(found, tuple)
        assert tuple(sorted(found)) in wanted
        smallest = min(mean_distance(seat_map, window) for window in wanted)
        assert mean_distance(seat_map, found) <= smallest + 1e-6
    elif isinstance(found, tuple):
        assert not taken & set(found), "in two rows, of free seats"
        assert len({seat_map.row_of[seat] for seat in found}) == 2
    else:
        together = [
            n for n in range(1, size) if any(not taken & set(each) for each in windows_by_hand(rows, n))
        ]
        assert found == NoSuchSeatsLeftOf(size, max(together, default=0))


@settings(max_examples=200, deadline=None)
@given(rows=DRAWINGS, data=st.data())
def test_a_selection_is_refused_only_when_it_strands_a_seat_and_there_is_another_way(
    rows: tuple[str, ...], data: st.DataObject
):
    seat_map = hall(*rows)
    taken = data.draw(st.sets(st.integers(0, seat_map.seat_count - 1)))
    size = data.draw(st.integers(1, 4))
    free = [window for window in windows_by_hand(rows, size) if not taken & set(window)]
    if not free:
        return
    selection = data.draw(st.sampled_from(free))
    careful = [window for window in free if not strands_by_hand(rows, taken, window)]

    found = chosen(on_sale(seat_map, taken, OrphanRule.ENFORCE), Hold(uuid4(), 1, seat_ids=selection))

    if strands_by_hand(rows, taken, selection) and careful:
        assert isinstance(found, SingleSeatLeft)
        assert tuple(sorted(found.instead_seat_ids)) in careful
        assert found.stranded_seat_ids
    else:
        assert found == selection


@settings(max_examples=60, deadline=None)
@given(rows=DRAWINGS, data=st.data(), way=WAYS_OF_LOOKING)
def test_remembering_where_to_begin_changes_no_choice(
    rows: tuple[str, ...], data: st.DataObject, way: tuple[str, int]
):
    """Batch after batch on one inventory, with holds that expire, as against a fresh inventory each time."""
    seat_map = hall(*rows)
    inventory = on_sale(seat_map)
    holds: dict[UUID, tuple[int, ...]] = {}
    for _ in range(data.draw(st.integers(1, 12))):
        if holds and data.draw(st.booleans()):
            booking_id = data.draw(st.sampled_from(list(holds)))
            seats = holds.pop(booking_id)
            inventory.pending.pop(booking_id)
            inventory.apply([BookingExpired(booking_id, 1, seats, ())])
            continue
        wishes = st.builds(best, st.integers(1, 4), adjacent=st.sampled_from(Adjacent))
        commands = data.draw(st.lists(wishes, min_size=1, max_size=3))
        fresh = on_sale(seat_map, {seat for seat, state in enumerate(inventory.seats) if state != FREE})
        with patch.object(choosing, *way):
            decision = ask(inventory, *commands)
        assert _kinds(decision) == _kinds(ask(fresh, *commands))
        inventory.frontier = decision.draft.frontier
        inventory.apply(decision.draft.changes)
        holds |= {
            outcome.booking.id: outcome.booking.seat_ids
            for outcome in decision.outcomes
            if isinstance(outcome, Held)
        }


def _kinds(decision: Decision) -> list[object]:
    return [
        outcome.booking.seat_ids if isinstance(outcome, Held) else outcome.members()
        for outcome in decision.outcomes
        if isinstance(outcome, Held | Refusal)
    ]


def test_an_aisle_parts_neighbours_and_a_number_does_not_join_them():
    inventory = on_sale(hall("AAA AAA"))
    assert chosen(inventory, best(4)) == NoSuchSeatsLeftOf(4, 3)
    assert isinstance(chosen(inventory, best(3)), tuple)


def test_a_party_too_large_for_a_row_sits_in_two_rows_one_behind_the_other():
    found = chosen(on_sale(hall("AAAA", "AAAA")), best(6))
    assert isinstance(found, tuple)
    assert sorted(found) in ([0, 1, 2, 4, 5, 6], [1, 2, 3, 5, 6, 7])


def test_a_party_sits_apart_only_when_it_would_rather_than_not_at_all():
    seat_map = hall("AAAAA")
    inventory = on_sale(seat_map, {1, 3})
    assert chosen(inventory, best(3)) == NoSuchSeatsLeftOf(3, 1)
    assert sorted(_seats(chosen(inventory, best(3, adjacent=Adjacent.PREFERRED)))) == [0, 2, 4]
    assert chosen(inventory, best(4, adjacent=Adjacent.PREFERRED)) == NoSuchSeatsLeftOf(4, 1)


def test_a_wish_for_a_category_and_a_zone_is_kept():
    inventory = on_sale(hall("AAABBB", categories="AB"))
    assert sorted(_seats(chosen(inventory, best(2, category="B")))) == [3, 4]
    assert chosen(inventory, best(4, category="B")) == NoSuchSeatsLeftOf(4, 3)
    for wish in ({"category": "C"}, {"zone": "Balcony"}):
        assert isinstance(chosen(inventory, best(2, **wish)), InvalidInput)


def test_the_words_say_where_the_party_sits():
    outcome = ask(on_sale(hall("AAAA")), best(2)).outcomes[0]
    assert isinstance(outcome, Held)
    assert (
        outcome.explanation == "2 seats side by side, the nearest to the middle that are free: Hall, row 1."
    )


def test_parties_of_one_batch_get_different_seats():
    decision = ask(on_sale(hall("AAAA", "AAAA")), *[best(2) for _ in range(5)])
    seats = [
        seat
        for outcome in decision.outcomes
        if isinstance(outcome, Held)
        for seat in outcome.booking.seat_ids
    ]
    assert sorted(seats) == list(range(8))
    assert isinstance(decision.outcomes[4], NoSuchSeatsLeft)


def test_accessible_seats_are_kept_until_their_release():
    seat_map = hall("aaAA")
    kept = on_sale(seat_map, accessible_released_at=NOW + timedelta(hours=1))
    released = on_sale(seat_map, accessible_released_at=NOW)

    refusal = chosen(kept, Hold(uuid4(), 1, seat_ids=(1, 2)))
    assert isinstance(refusal, SeatsKept)
    assert refusal.seat_ids == [1]
    assert sorted(_seats(chosen(kept, best(2)))) == [2, 3]
    assert chosen(kept, best(3)) == NoSuchSeatsLeftOf(3, 2)
    assert len(_seats(chosen(kept, best(3, accessible=True)))) == 3
    assert chosen(kept, Hold(uuid4(), 1, seat_ids=(0, 1), accessible=True)) == (0, 1)
    assert chosen(released, Hold(uuid4(), 1, seat_ids=(0, 1))) == (0, 1)
    assert len(_seats(chosen(released, best(4)))) == 4


def test_a_seat_that_was_alone_before_is_not_stranded_by_this_selection():
    inventory = on_sale(hall("AAAAA"), {1, 3})
    draft = Draft(inventory, {})
    assert stranded_by(draft, [2]) == []
    assert isinstance(chosen(inventory, Hold(uuid4(), 1, seat_ids=(1,))), SeatsTaken)


def _seats(found: tuple[int, ...] | Refusal) -> tuple[int, ...]:
    assert isinstance(found, tuple), found
    return found


class NoSuchSeatsLeftOf:
    """Equal to the refusal with these figures."""

    def __init__(self, quantity: int, side_by_side_max: int) -> None:
        self.figures = quantity, side_by_side_max

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoSuchSeatsLeft) and self.figures == (other.quantity, other.side_by_side_max)

    def __hash__(self) -> int:
        return hash(self.figures)
