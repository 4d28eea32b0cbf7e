"""HTTP of what cancelling a booking would come to."""

from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.booking.cancelling import get_cancellation
from boxoffice.booking.schemas import BookingCancellation
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents


@get(
    "/bookings/{booking_id:uuid}/cancellation",
    operation_id="GetBookingCancellation",
    summary="See what comes back",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def show_cancellation(
    db: NamedDependency[Database], user: NamedDependency[Identity], booking_id: FromPath[UUID]
) -> BookingCancellation:
    """Say whether a booking of one's own can be cancelled now, what comes back, and until when how much does.

    Before it is paid, it says what will hold then.
    """
    return await get_cancellation(db, buyer_id=user.user_id, booking_id=booking_id)


routes: list[ControllerRouterHandler] = [show_cancellation]
