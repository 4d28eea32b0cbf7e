"""HTTP of what goes by e-mail: verifying an address, changing it, a forgotten password."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.confirmation import CONFIRMATION_REFUSALS
from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.letters import LetterKind
from boxoffice.accounts.limits import LETTER, PROOF, count_confirmation
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.proofs import proving as proofs
from boxoffice.accounts.proofs.proving import EmailTaken, ProofIsOver
from boxoffice.accounts.schemas import Address, EmailChange, PasswordReset, Proof
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.rate_limits import limited


@post(
    "/auth/verification-letters",
    guards=[limited(LETTER)],
    status_code=204,
    operation_id="SendVerification",
    summary="Mail the link again that confirms an address",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS),
)
async def send_verification(data: JSONBody[Address], db: NamedDependency[Database]) -> None:
    """Mail it, if the address has an account and is not confirmed; the answer is always the same."""
    await proofs.want_letter(db, LetterKind.VERIFY_EMAIL, data)


@post(
    "/auth/verify-email",
    guards=[limited(PROOF)],
    status_code=204,
    operation_id="VerifyEmail",
    summary="Confirm an address",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS, ProofIsOver, EmailTaken),
)
async def verify_email(data: JSONBody[Proof], db: NamedDependency[Database]) -> None:
    """Confirm the address that the token was mailed to: of a new account, or one's new address."""
    await proofs.verify_email(db, data)


@post(
    "/auth/forgot-password",
    guards=[limited(LETTER)],
    status_code=204,
    operation_id="ForgotPassword",
    summary="Mail a link that sets a new password",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS),
)
async def forgot_password(data: JSONBody[Address], db: NamedDependency[Database]) -> None:
    """Mail it, if the address has an account; the answer is always the same. The link is good for an hour."""
    await proofs.want_letter(db, LetterKind.FORGOT_PASSWORD, data)


@post(
    "/auth/reset-password",
    guards=[limited(PROOF)],
    status_code=204,
    operation_id="ResetPassword",
    summary="Set a new password with a mailed token",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS, ProofIsOver),
)
async def reset_password(
    data: JSONBody[PasswordReset], db: NamedDependency[Database], passwords: NamedDependency[Passwords]
) -> None:
    """Set it and end every session of the account; log in anew. A second factor stays."""
    await proofs.reset_password(db, passwords, data)


@post(
    "/me/email",
    status_code=204,
    operation_id="ChangeEmail",
    summary="Use another address",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, *CONFIRMATION_REFUSALS),
)
async def change_email(
    data: JSONBody[EmailChange],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    passwords: NamedDependency[Passwords],
    second_factors: NamedDependency[SecondFactors],
) -> None:
    """Mail a link to the new address; until it is confirmed with `/auth/verify-email`, the old one stays."""
    await count_confirmation(request, user.user_id)
    await proofs.change_email(db, passwords, second_factors, user.user_id, data)


routes: list[ControllerRouterHandler] = [
    send_verification,
    verify_email,
    forgot_password,
    reset_password,
    change_email,
]
