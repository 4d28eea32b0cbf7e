"""HTTP of promo codes."""

from typing import Annotated

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog.schemas import ROW_ID_MAX
from boxoffice.inventory.promo_codes import writing
from boxoffice.inventory.promo_codes.schemas import NewPromoCode, PromoCode, PromoCodeChange
from boxoffice.inventory.promo_codes.writing import PromoCodeTaken, TooManyPromoCodes
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_PromoCodeId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)


@post(
    "/events/{event_id:int}/promo-codes",
    operation_id="CreatePromoCode",
    summary="Make a promo code",
    tags=["Promo codes"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, PromoCodeTaken, TooManyPromoCodes, *BODY_REFUSALS),
)
async def create(
    data: JSONBody[NewPromoCode],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
) -> PromoCode:
    """Make a code that takes something off each place. Bookings name it as `promo_code`."""
    return await writing.create_promo_code(db, user, event_id, data)


@get(
    "/events/{event_id:int}/promo-codes",
    operation_id="ListPromoCodes",
    summary="List an event's promo codes",
    tags=["Promo codes"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def list_all(
    db: NamedDependency[Database], user: NamedDependency[Identity], event_id: EventIdInPath
) -> list[PromoCode]:
    """List the codes of an event of one's own, the oldest first, with how much of each is used."""
    return await writing.list_own_promo_codes(db, user, event_id)


@patch(
    "/events/{event_id:int}/promo-codes/{promo_code_id:int}",
    operation_id="ChangePromoCode",
    summary="Change a promo code",
    tags=["Promo codes"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, *BODY_REFUSALS),
)
async def change(
    data: JSONBody[PromoCodeChange],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    promo_code_id: _PromoCodeId,
) -> PromoCode:
    """Change what a code does from now on. A limit below what is used already takes nothing back."""
    return await writing.change_promo_code(db, user, event_id, promo_code_id, data)


@delete(
    "/events/{event_id:int}/promo-codes/{promo_code_id:int}",
    operation_id="WithdrawPromoCode",
    summary="Withdraw a promo code",
    tags=["Promo codes"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def withdraw(
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    promo_code_id: _PromoCodeId,
) -> None:
    """Sell nothing more with it; what is held or sold keeps its discount."""
    await writing.withdraw_promo_code(db, user, event_id, promo_code_id)


routes: list[ControllerRouterHandler] = [create, list_all, change, withdraw]
