"""HTTP of the second factor."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.confirmation import CONFIRMATION_REFUSALS, WrongPassword
from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.limits import count_confirmation
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.schemas import Confirmation, FactorCode, NewFactor, RecoveryCodes
from boxoffice.accounts.second_factor import use as factor_use
from boxoffice.accounts.second_factor.codes import FACTOR_REFUSALS, FactorExists, NoFactor, SecondFactors
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents


@post(
    "/me/second-factor",
    operation_id="SetUpSecondFactor",
    summary="Set up a second factor",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, WrongPassword, FactorExists, *FACTOR_REFUSALS),
)
async def set_up_factor(
    data: JSONBody[Confirmation],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    passwords: NamedDependency[Passwords],
    second_factors: NamedDependency[SecondFactors],
) -> NewFactor:
    """Make a secret for an authenticator (TOTP, RFC 6238). It counts once you have confirmed a code of it."""
    await count_confirmation(request, user.user_id)
    return await factor_use.set_up_factor(db, passwords, second_factors, user.user_id, data)


@post(
    "/me/second-factor/confirm",
    status_code=200,
    operation_id="ConfirmSecondFactor",
    summary="Have the second factor count",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NoFactor, FactorExists, *FACTOR_REFUSALS),
)
async def confirm_factor(
    data: JSONBody[FactorCode],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    second_factors: NamedDependency[SecondFactors],
) -> RecoveryCodes:
    """Show a code of the authenticator. The answer has ten recovery codes; keep them: they are shown once."""
    return await factor_use.confirm_factor(db, second_factors, user.user_id, data.code)


@post(
    "/me/second-factor/recovery-codes",
    status_code=200,
    operation_id="RenewRecoveryCodes",
    summary="Make new recovery codes",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NoFactor, *FACTOR_REFUSALS),
)
async def renew_codes(
    data: JSONBody[FactorCode],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    second_factors: NamedDependency[SecondFactors],
) -> RecoveryCodes:
    """Replace all recovery codes."""
    return await factor_use.renew_recovery_codes(db, second_factors, user.user_id, data.code)


@post(
    "/me/second-factor/remove",
    status_code=204,
    operation_id="RemoveSecondFactor",
    summary="Remove the second factor",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, *CONFIRMATION_REFUSALS),
)
async def remove_factor(
    data: JSONBody[Confirmation],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    passwords: NamedDependency[Passwords],
    second_factors: NamedDependency[SecondFactors],
) -> None:
    """Log in with the password alone from now on. Without a second factor there is nothing to do."""
    await count_confirmation(request, user.user_id)
    await factor_use.remove_factor(db, passwords, second_factors, user.user_id, data)


routes: list[ControllerRouterHandler] = [set_up_factor, confirm_factor, renew_codes, remove_factor]
