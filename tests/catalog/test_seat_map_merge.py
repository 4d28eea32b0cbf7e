"""What becomes of a seat map when its event wants another one: ids stay, and so does what is written."""

import msgspec
import pytest

from boxoffice.catalog.seat_maps.document import (
    Area,
    Category,
    DocumentRow,
    DocumentSeat,
    DocumentZone,
    SeatMapDocument,
    WithdrawnSeat,
)
from boxoffice.catalog.seat_maps.merge import AreaBeside, merge
from boxoffice.catalog.seat_maps.seat_map import SeatLabel, parse_seat_map
from boxoffice.inventory.seating import Seating, focal_point


def hall(*rows: tuple[str, str], areas: tuple[tuple[str, int], ...] = ()) -> SeatMapDocument:
    """Rows of single-letter seats, 25 apart: `("A", "123")`. A space leaves a gap, a capital is a Box."""
    ids = iter(range(1_000))
    made = [
        DocumentRow(
            name,
            [
                DocumentSeat(next(ids), number, 25.0 * x, 30.0 * y, "Box" if number.isupper() else "Stalls")
                for x, number in enumerate(numbers)
                if number != " "
            ],
        )
        for y, (name, numbers) in enumerate(rows)
    ]
    return SeatMapDocument(
        "Hall",
        next(ids),
        [Category("Stalls"), Category("Box")],
        [DocumentZone("Main", made)],
        [Area(index, name, capacity, "Stalls") for index, (name, capacity) in enumerate(areas)],
    )


def ids_of(document: SeatMapDocument) -> dict[str, int]:
    """Row and number to id, of the seats that are there."""
    return {
        row.name + seat.number: seat.id for zone in document.zones for row in zone.rows for seat in row.seats
    }


def test_a_seat_keeps_its_id_a_new_one_gets_the_next_and_one_left_out_is_withdrawn():
    merged = merge(hall(("A", "123"), ("B", "12")), hall(("B", "12"), ("A", "0 23")))

    assert ids_of(merged.document) == {"B1": 3, "B2": 4, "A0": 5, "A2": 1, "A3": 2}
    assert merged.document.withdrawn == [WithdrawnSeat(0, "Main", "A", "1", "Stalls")]
    assert merged.document.seat_count == 6
    assert (merged.kept, merged.added, merged.removed, merged.restored) == (4, [5], [0], [])
    # Row B is in front now, and in row A everybody moved on by one seat.
    assert merged.moved == [3, 4, 1, 2]
    assert merged.written[0] == ("Main", "A", "1")
    assert merged.written[5] == ("Main", "A", "0")


def test_a_seat_that_comes_back_has_its_old_id_and_what_was_withdrawn_before_stays_so():
    first = merge(hall(("A", "1234")), hall(("A", "2 4"))).document
    back = merge(first, hall(("A", "124")))

    assert ids_of(back.document) == {"A1": 0, "A2": 1, "A4": 3}
    assert (back.added, back.restored, back.removed) == ([0], [0], [])
    assert [seat.id for seat in back.document.withdrawn] == [2]
    assert back.document.seat_count == 4


def test_a_category_that_is_left_out_stays_a_name_without_places():
    wanted = msgspec.structs.replace(hall(("A", "12")), categories=[Category("Stalls", "#123456")])

    merged = merge(hall(("A", "12"), ("B", "X")), wanted)

    assert merged.document.categories == [Category("Stalls", "#123456"), Category("Box")]
    assert merged.document.withdrawn == [WithdrawnSeat(2, "Main", "B", "X", "Box")]


def test_a_kept_seat_of_another_category_is_told_of():
    wanted = hall(("A", "12"))
    [zone] = wanted.zones
    seat = msgspec.structs.replace(zone.rows[0].seats[1], category="Box", accessible=True)
    other = DocumentSeat(2, "3", 50.0, 0.0, "Stalls", companion_of=1)
    wanted = msgspec.structs.replace(
        wanted,
        seat_count=3,
        zones=[DocumentZone("Main", [DocumentRow("A", [zone.rows[0].seats[0], seat, other])])],
    )

    merged = merge(hall(("A", "2 1")), wanted)

    assert (merged.category_before, merged.category_of) == ({0: "Stalls"}, {0: "Box"})
    # The companion's seat names the accessible seat by the id that it has now.
    assert merged.document.zones[0].rows[0].seats[2].companion_of == 0


def test_areas_keep_their_ids_and_one_left_out_has_no_room_any_more():
    before = hall(areas=(("Floor", 100), ("Pit", 50)))
    first = merge(before, hall(areas=(("Lawn", 10), ("Pit", 60))))

    assert [(area.id, area.name, area.capacity) for area in first.document.areas] == [
        (0, "Floor", 0),
        (1, "Pit", 60),
        (2, "Lawn", 10),
    ]
    assert first.areas == [
        AreaBeside(0, "Floor", 100, None),
        AreaBeside(1, "Pit", 50, 60),
        AreaBeside(2, "Lawn", None, 10),
    ]
    again = merge(first.document, hall(areas=(("Lawn", 10), ("Pit", 60))))
    assert again.document.areas == first.document.areas
    assert [area.capacity for area in again.areas] == [60, 10]


def test_two_seats_with_the_same_written_on_them_are_a_bug():
    with pytest.raises(ValueError, match="two seats"):
        merge(hall(("A", "11")), hall(("A", "1")))


def test_the_columns_are_in_the_order_of_the_ids_and_the_withdrawn_sit_nowhere():
    document = merge(hall(("A", "12345"), ("B", "12345")), hall(("B", "12345"), ("A", "0123"))).document
    text = msgspec.json.encode(msgspec.structs.replace(document, focal_point=None)).decode()

    seat_map = parse_seat_map(1, text)

    assert seat_map.seat_count == 11
    assert seat_map.withdrawn == {3, 4}
    assert [seat_map.label_of(seat).row for seat in range(11)] == ["A"] * 5 + ["B"] * 5 + ["A"]
    assert seat_map.label_of(4) == SeatLabel(zone="Main", row="A", number="5")
    assert seat_map.label_of(10).number == "0"
    assert [seat_map.xs[seat] for seat in (10, 0, 1, 2)] == [0, 25, 50, 75]
    assert [seat_map.ys[seat] for seat in (0, 5, 10)] == [30, 0, 30]
    assert focal_point(seat_map) == (50, 15)
    seating = Seating(seat_map)
    assert list(seating.seat_at) == [5, 6, 7, 8, 9, 10, 0, 1, 2]
    assert seating.blocks == [(0, 5), (5, 9)]
    # The row of the withdrawn is beside nobody's.
    assert [sorted(rows) for rows in seating.rows_beside[:2]] == [[1], [0]]
    assert all(not rows for rows in seating.rows_beside[2:])


def test_a_map_that_never_changed_is_read_as_before():
    seat_map = parse_seat_map(1, msgspec.json.encode(hall(("A", "12"), ("B", "1"))).decode())

    assert list(seat_map.row_of) == [0, 0, 1]
    assert (seat_map.withdrawn, seat_map.numbers) == (frozenset(), ("1", "2", "1"))
    assert focal_point(seat_map) == (12.5, 15)
    assert focal_point(parse_seat_map(1, msgspec.json.encode(hall()).decode())) == (0, 0)
