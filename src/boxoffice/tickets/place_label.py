"""Say in words which place a ticket is for."""

from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.tickets.schemas import TicketPlace


def place_of(seat_map: SeatMap, seat_id: int | None, area_id: int | None) -> TicketPlace:
    """Name the seat or the area; exactly one of the two ids is given."""
    if area_id is not None:
        area = seat_map.areas[area_id]
        return TicketPlace(label=area.name, area=area.name, area_id=area_id)
    assert seat_id is not None
    seat = seat_map.label_of(seat_id)
    return TicketPlace(
        label=f"{seat.zone}, row {seat.row}, seat {seat.number}",
        zone=seat.zone,
        row=seat.row,
        number=seat.number,
        seat_id=seat_id,
    )
