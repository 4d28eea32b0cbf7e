"""HTTP of what is set for all events of a series at once, each of which has it for itself from then on."""

from typing import Annotated

from litestar import post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog.cancellation_policy import CancellationPolicy
from boxoffice.catalog.schemas import ROW_ID_MAX
from boxoffice.catalog.series.schemas import Nights
from boxoffice.inventory.answers.asking import put_questions_of_series
from boxoffice.inventory.answers.schemas import Questions
from boxoffice.inventory.policies.setting import put_policy_of_series
from boxoffice.inventory.promo_codes.schemas import NewPromoCode
from boxoffice.inventory.promo_codes.writing import (
    PromoCodeTaken,
    TooManyPromoCodes,
    create_promo_code_of_series,
)
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_SeriesId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]

_REFUSALS = (NotSignedIn, NotAllowed, NotFound, *BODY_REFUSALS)


@put(
    "/series/{series_id:int}/cancellation-policy",
    operation_id="PutCancellationPolicyOfSeries",
    summary="Let buyers of a series cancel what is paid",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_REFUSALS),
)
async def put_policy(
    data: JSONBody[CancellationPolicy],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    series_id: _SeriesId,
) -> Nights:
    """Set the cancellation policy of every event that is neither cancelled nor begun.

    It holds for bookings made from now on. Days and hours are counted from the start of each event.
    """
    return await put_policy_of_series(db, user, series_id, data)


@put(
    "/series/{series_id:int}/questions",
    operation_id="PutQuestionsOfSeries",
    summary="Ask those who book an event of a series",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses=documents(*_REFUSALS),
)
async def put_questions(
    data: JSONBody[Questions],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    series_id: _SeriesId,
) -> Nights:
    """Ask these questions and no others in every event that is neither cancelled nor begun."""
    return await put_questions_of_series(db, user, series_id, data)


@post(
    "/series/{series_id:int}/promo-codes",
    operation_id="CreatePromoCodeOfSeries",
    summary="Make a promo code for a series",
    tags=["Promo codes"],
    security=[{"access_token": []}],
    responses=documents(*_REFUSALS, PromoCodeTaken, TooManyPromoCodes),
)
async def create_promo_code(
    data: JSONBody[NewPromoCode],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    series_id: _SeriesId,
) -> Nights:
    """Make a code in every event that is neither cancelled nor begun: in all of them or in none.

    Each event has it for itself: limits count its places alone, and there it is changed and withdrawn.
    """
    return await create_promo_code_of_series(db, user, series_id, data)


routes: list[ControllerRouterHandler] = [put_policy, put_questions, create_promo_code]
