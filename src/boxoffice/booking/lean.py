"""`POST /bookings` at the lean door."""

from boxoffice.booking.holds import hold_places
from boxoffice.booking.schemas import BookingView, NewBooking
from boxoffice.booking.views import view_of_booking
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.lean_door import LeanRequest, LeanRoute
from boxoffice.kit.postgres import Database

PATH = "/api/v1/bookings"


def lean_hold(db: Database, sales: GroupCommit) -> LeanRoute:
    """As `booking.api.create`."""

    async def answer(request: LeanRequest) -> BookingView:
        held = await hold_places(sales, buyer_id=request.identity.user_id, wanted=request.body)
        return await view_of_booking(db, held.booking, held.explanation)

    return LeanRoute(PATH, PATH, None, str, NewBooking, 201, answer)
