"""Letters about an account: asked for in the transaction of their cause, written and sent by a job.

Whoever asks only says which address: the job looks whether it has an account and which letter fits, so that
the one who asked learns nothing, in words or in time. No letter says a name: somebody may have registered
another one's address.
"""

import time
from datetime import timedelta
from enum import StrEnum
from uuid import uuid4

import msgspec

from boxoffice.kit import jobs
from boxoffice.kit.postgres import Transaction

LETTER_JOB = "letter"

# By then its link would be over, or nobody waits any more.
LETTER_AGE_MAX = timedelta(days=1)


class LetterKind(StrEnum):
    """Why a letter is written."""

    REGISTERED = "REGISTERED"
    VERIFY_EMAIL = "VERIFY_EMAIL"
    FORGOT_PASSWORD = "FORGOT_PASSWORD"  # noqa: S105  a reason, not a password
    CHANGE_EMAIL = "CHANGE_EMAIL"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105  a reason, not a password
    PASSWORD_KNOWN = "PASSWORD_KNOWN"  # noqa: S105  as above
    SECOND_FACTOR_ADDED = "SECOND_FACTOR_ADDED"
    SECOND_FACTOR_REMOVED = "SECOND_FACTOR_REMOVED"
    RECOVERY_CODES_RENEWED = "RECOVERY_CODES_RENEWED"
    CODE_USED_AGAIN = "CODE_USED_AGAIN"
    UNUSED = "UNUSED"
    ERASED = "ERASED"


class LetterWanted(msgspec.Struct, frozen=True):
    """The job's payload. `asked_at` is in seconds since 1970; `user_id` who wants the address."""

    id: str
    kind: LetterKind
    email: str
    asked_at: float
    user_id: int | None = None


async def enqueue_letter(tx: Transaction, kind: LetterKind, email: str, user_id: int | None = None) -> None:
    """Have a letter written once the transaction has committed."""
    wanted = LetterWanted(str(uuid4()), kind, email, time.time(), user_id)
    await jobs.enqueue(tx, LETTER_JOB, wanted)
