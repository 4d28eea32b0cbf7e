"""What accounts look like over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from boxoffice.accounts.identity import Role
from boxoffice.kit.text import Line

# RFC 5321 allows a path of 256 octets, two of which are the angle brackets around the address.
EMAIL_CHARACTERS_MAX = 254

# NIST SP 800-63B: at least 8 characters, with 15 recommended where nothing else protects an account.
# Buyers type theirs on a telephone while the seats go, so we demand 8 and refuse the common ones.
PASSWORD_CHARACTERS_MIN = 8

# NIST SP 800-63B: at least 64 must be accepted. Four times that takes any passphrase, and keeps the
# work before the hash small.
PASSWORD_CHARACTERS_MAX = 256

# No control characters: PostgreSQL cannot store a NUL, and nobody can type the others. Python's `$`
# would let a line break pass at the very end, so the end is spelt out.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*(?![\s\S])"

Email = Annotated[
    str,
    Meta(
        max_length=EMAIL_CHARACTERS_MAX,
        pattern=_PRINTABLE,
        examples=["ada@example.org"],
        description="An e-mail address; upper and lower case are the same account.",
    ),
]

NewPassword = Annotated[
    str,
    Meta(
        min_length=PASSWORD_CHARACTERS_MIN,
        max_length=PASSWORD_CHARACTERS_MAX,
        pattern=_PRINTABLE,
        examples=["correct horse battery staple"],
        description="Any characters, blanks too. The commonest passwords are refused.",
    ),
]

# No minimum here: an account made under other rules must be able to log in.
Password = Annotated[
    str,
    Meta(max_length=PASSWORD_CHARACTERS_MAX, pattern=_PRINTABLE, examples=["correct horse battery staple"]),
]


class NewAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants an account. Everybody begins as USER."""

    email: Email
    password: NewPassword
    name: Annotated[Line, Meta(examples=["Ada Lovelace"])]


class Registered(msgspec.Struct, frozen=True):
    """The answer to a registration: only what the request said, so that it tells nothing else."""

    email: str
    name: str


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to log in."""

    email: Email
    password: Password


class User(msgspec.Struct, frozen=True):
    """An account, as its owner sees it."""

    id: int
    email: str
    name: str
    role: Role
    created_at: datetime


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Send `Authorization: Bearer <access_token>` for the next `expires_in` seconds, then refresh."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name (RFC 6750)
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[900])]
    user: User
