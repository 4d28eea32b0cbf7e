"""The job that writes letters and sends them."""

import time
from collections.abc import Sequence

import msgspec
import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from boxoffice.accounts import queries
from boxoffice.accounts.letters import LETTER_AGE_MAX, LetterKind, LetterWanted
from boxoffice.accounts.proofs import queries as proof_queries
from boxoffice.accounts.proofs.proving import Proofs, Purpose
from boxoffice.kit.mail import Attachment, Letter, Post, Undeliverable
from boxoffice.kit.mailed_tokens import hash_of
from boxoffice.kit.postgres import Database, Transaction

_log = structlog.get_logger()

_templates = Environment(
    loader=PackageLoader("boxoffice.accounts", "letters_text"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter says; `page` and `button` are for those with a link."""

    subject: str
    paragraphs: list[str]
    page: str | None = None
    button: str = ""


_IGNORE = "If that was not you, ignore this letter: nothing has changed."
_WORRY = "If that was not you, set a new password at once: somebody else may know yours."

VERIFY = Wording(
    subject="Confirm your e-mail address",
    paragraphs=["Somebody, probably you, made an account with this address. Please confirm it.", _IGNORE],
    page="verify-email",
    button="Confirm this address",
)
ACCOUNT_EXISTS = Wording(
    subject="You have an account already",
    paragraphs=[
        "Somebody, probably you, tried to make an account with this address, which has one already.",
        "Just log in. If you have forgotten the password, set a new one within an hour.",
        _IGNORE,
    ],
    page="reset-password",
    button="Set a new password",
)
FORGOT = Wording(
    subject="Set a new password",
    paragraphs=[
        "Somebody, probably you, forgot the password of this account. The link is good for an hour.",
        _IGNORE,
    ],
    page="reset-password",
    button="Set a new password",
)
CHANGE = Wording(
    subject="Confirm your new e-mail address",
    paragraphs=["Somebody, probably you, wants to use this address for an account from now on.", _IGNORE],
    page="verify-email",
    button="Use this address",
)
TAKEN = Wording(
    subject="This address has an account",
    paragraphs=[
        "Somebody, probably you, wants to use this address for another account.",
        "It has one of its own, so nothing was changed.",
    ],
)
NOTICES = {
    LetterKind.EMAIL_CHANGED: Wording(
        subject="Your account has another e-mail address",
        paragraphs=["Your account uses another address from now on. " + _WORRY],
    ),
    LetterKind.PASSWORD_CHANGED: Wording(
        subject="Your password was changed",
        paragraphs=["The password of your account was changed, and its other sessions were ended.", _WORRY],
    ),
    LetterKind.PASSWORD_KNOWN: Wording(
        subject="Please choose another password",
        paragraphs=[
            "The password of your account is one of those that are tried first, by anybody who guesses.",
            "It works as before. Please set another one soon; until then you get this letter at each log-in.",
        ],
    ),
    LetterKind.SECOND_FACTOR_ADDED: Wording(
        subject="Your account has a second factor",
        paragraphs=["From now on logging in to your account takes a code, too.", _WORRY],
    ),
    LetterKind.RECOVERY_CODES_RENEWED: Wording(
        subject="Your account has new recovery codes",
        paragraphs=["The recovery codes of your account were replaced; the old ones are void.", _WORRY],
    ),
    LetterKind.CODE_USED_AGAIN: Wording(
        subject="A code of yours was used twice",
        paragraphs=[
            "Somebody was refused who had your password, and a code that was used already.",
            _WORRY,
        ],
    ),
    LetterKind.SECOND_FACTOR_REMOVED: Wording(
        subject="Your account has no second factor any more",
        paragraphs=["From now on the password alone logs in to your account.", _WORRY],
    ),
    LetterKind.UNUSED: Wording(
        subject="Your account will be erased in 30 days",
        paragraphs=[
            "Nobody has logged in to your account for a long time. In 30 days we will erase it.",
            "If you want to keep it, just log in before that.",
        ],
    ),
    LetterKind.ERASED: Wording(
        subject="Your account was erased",
        paragraphs=["We have erased your account. This is our last letter."],
    ),
}


# The address, what is said, and the token of the link if there is one.
_Written = tuple[str, Wording, str | None]


async def carry_out_letter(db: Database, post: Post, proofs: Proofs, shop_url: str, payload: bytes) -> None:
    """Write the letter that fits, if one does, and send it. Repeatable: its link stays the same."""
    wanted = msgspec.json.decode(payload, type=LetterWanted)
    if time.time() - wanted.asked_at > LETTER_AGE_MAX.total_seconds():
        _log.warning("letter given up, it is too old", kind=wanted.kind, letter=wanted.id)
        return
    async with db.transaction() as tx:
        written = await _write(tx, proofs, wanted)
    if written is None:
        return
    to, wording, token = written
    link = f"{shop_url}/{wording.page}#token={token}" if token else None
    try:
        await post.send(compose(wanted.id, to, wording, link))
    except Undeliverable as error:
        _log.warning("letter refused for good", kind=wanted.kind, letter=wanted.id, error=str(error))
        return
    if token:
        async with db.transaction() as tx:
            await proof_queries.update_sent(tx, hash_of(token))


def compose(
    letter_id: str, to: str, wording: Wording, link: str | None, attachments: Sequence[Attachment] = ()
) -> Letter:
    """The letter in text and in HTML."""
    words = {**msgspec.structs.asdict(wording), "link": link}
    return Letter(
        id=letter_id,
        to=to,
        subject=wording.subject,
        text=_templates.get_template("letter.txt").render(words),
        html=_templates.get_template("letter.html").render(words),
        attachments=attachments,
    )


async def _write(tx: Transaction, proofs: Proofs, wanted: LetterWanted) -> _Written | None:
    """To whom, what and the token; None when there is nothing to write, or it was written just now.

    What opens an account goes to the address that the account has. Another one may stand for the same
    account: the sign of the Kelvin in lower case is a k.
    """
    if wanted.kind in NOTICES:
        return wanted.email, NOTICES[wanted.kind], None
    owner_id = await queries.find_user_id(tx, wanted.email)
    if wanted.kind is LetterKind.CHANGE_EMAIL:
        if owner_id is not None and owner_id != wanted.user_id:
            return wanted.email, TAKEN, None
        return await _with_token(tx, proofs, CHANGE, Purpose.CHANGE_EMAIL, wanted.user_id, wanted.email)
    user = None if owner_id is None else await queries.find_user(tx, owner_id)
    fitting = None if user is None or user.suspended else _fitting(wanted.kind, verified=user.email_verified)
    if user is None or fitting is None:
        return None
    wording, purpose = fitting
    return await _with_token(tx, proofs, wording, purpose, user.id, user.email)


def _fitting(kind: LetterKind, *, verified: bool) -> tuple[Wording, Purpose] | None:
    """The letter for somebody who has an account."""
    if kind is LetterKind.FORGOT_PASSWORD:
        return FORGOT, Purpose.RESET_PASSWORD
    if not verified:
        return VERIFY, Purpose.VERIFY_EMAIL
    return (ACCOUNT_EXISTS, Purpose.RESET_PASSWORD) if kind is LetterKind.REGISTERED else None


async def _with_token(
    tx: Transaction, proofs: Proofs, wording: Wording, purpose: Purpose, user_id: int | None, email: str
) -> _Written | None:
    if user_id is None:
        return None
    # One letter of a user after the other: two jobs must not make two tokens.
    await queries.lock_user(tx, user_id)
    token = await proofs.issue(tx, user_id, purpose, email)
    return None if token is None else (email, wording, token)
