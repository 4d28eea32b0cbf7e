"""Say in words which place a ticket is for."""

from boxoffice.catalog.seat_map import SeatMap
from boxoffice.tickets.schemas import Place


def place_of(seat_map: SeatMap, seat_id: int | None, area_id: int | None) -> Place:
    """Name the seat or the area; exactly one of the two ids is given."""
    if area_id is not None:
        area = seat_map.areas[area_id]
        return Place(label=area.name, area=area.name)
    assert seat_id is not None
    seat = seat_map.label_of(seat_id)
    return Place(
        label=f"{seat.zone}, row {seat.row}, seat {seat.number}",
        zone=seat.zone,
        row=seat.row,
        number=seat.number,
    )
