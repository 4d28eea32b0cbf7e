"""`POST /bookings` at the lean door."""

import re

from boxoffice.booking.holds import hold_places
from boxoffice.booking.schemas import BookingView, NewHold
from boxoffice.booking.views import view_of_booking
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.lean_door import LeanRequest, LeanRoute
from boxoffice.kit.postgres import Database

PATH = "/api/v1/bookings"

# Which event a body is about, before anybody has the time to read the body.
_EVENT_ID = re.compile(rb'"event_id"\s*:\s*(\d{1,10})(?!\d)')


def lean_hold(db: Database, sales: GroupCommit) -> LeanRoute:
    """As `booking.api.create`; a hold with answers has a member too many, and goes on to there."""

    async def answer(request: LeanRequest) -> BookingView:
        held = await hold_places(sales, buyer_id=request.identity.user_id, wanted=request.body)
        return await view_of_booking(db, sales, held.booking, held.explanation)

    def is_hopeless(body: bytes) -> bool:
        named = _EVENT_ID.search(body)
        return named is not None and sales.is_swamped(int(named[1]))

    return LeanRoute(PATH, PATH, None, str, NewHold, 201, answer, is_hopeless)
