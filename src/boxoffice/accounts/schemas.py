"""What accounts look like over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.accounts.identity import Role
from boxoffice.kit.text import Line

# What a bigint of PostgreSQL holds.
ID_MAX = 2**63 - 1

# RFC 5321 allows a path of 256 octets, two of which are the angle brackets around the address.
EMAIL_CHARACTERS_MAX = 254

# OWASP ASVS 2.1.1. NIST SP 800-63B asks for 8 at least, and for 15 where nothing else protects an account.
PASSWORD_CHARACTERS_MIN = 12

# NIST SP 800-63B: at least 64 must be accepted; OWASP ASVS 2.1.2: no more than this. It takes any passphrase,
# and keeps the work before the hash small.
PASSWORD_CHARACTERS_MAX = 128

# A code of an authenticator has 6 characters, a recovery code 29 with its dashes; some add blanks.
CODE_CHARACTERS_MAX = 40

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


Code = Annotated[
    str,
    Meta(
        max_length=CODE_CHARACTERS_MAX,
        pattern=_PRINTABLE,
        examples=["492039"],
        description="Six digits of the authenticator, or a recovery code.",
    ),
]

MailedToken = Annotated[
    str,
    Meta(
        min_length=43,
        max_length=43,
        pattern=r"^[A-Za-z0-9_-]{43}(?![\s\S])",
        examples=["VGhpcyBpcyBub3QgYSB0b2tlbiwgYnV0IDMyIGJ5dGU"],
        description="The token in the link that was mailed.",
    ),
]


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to log in; `code` only if the account has a second factor."""

    email: Email
    password: Password
    code: Code | None = None


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new password, and the one so far."""

    password: Password
    new_password: NewPassword
    code: Code | None = None


class Confirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password once more, for what a thief of a session must not do; `code` with a second factor."""

    password: Password
    code: Code | None = None


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address of an account, which may or may not exist."""

    email: Email


class EmailChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address the account shall have."""

    email: Email
    password: Password
    code: Code | None = None


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mailed token."""

    token: MailedToken


class PasswordReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mailed token, and the password from now on."""

    token: MailedToken
    new_password: NewPassword


class FactorCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code, to show that the authenticator works."""

    code: Code


class User(msgspec.Struct, frozen=True):
    """An account, as its owner and admins see it."""

    id: int
    email: str
    name: str
    role: Role
    created_at: datetime
    email_verified: bool
    second_factor: Annotated[bool, Meta(description="Whether logging in takes a code, too.")]
    suspended: bool


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an admin changes about an account; what is left out stays."""

    role: Annotated[Role | UnsetType, Meta(examples=["ORGANIZER"])] = UNSET
    suspended: Annotated[
        bool | UnsetType, Meta(examples=[False], description="A suspended account cannot log in.")
    ] = UNSET


class SessionSummary(msgspec.Struct, frozen=True):
    """A log-in that is not over, as its owner sees it."""

    id: int
    created_at: datetime
    last_used_at: Annotated[datetime, Meta(description="When it was refreshed last.")]
    expires_at: datetime
    user_agent: Annotated[str, Meta(description="What the browser or program called itself.")]
    address: Annotated[str, Meta(description="Where the log-in came from.")]
    current: Annotated[bool, Meta(description="Whether it is the session of this request's cookie.")]


class Sessions(msgspec.Struct, frozen=True):
    """All log-ins of an account that are not over, newest first."""

    items: list[SessionSummary]


class NewFactor(msgspec.Struct, frozen=True):
    """A second factor that is to be confirmed with its first code (RFC 6238: SHA-1, 6 digits, 30 seconds)."""

    secret: Annotated[str, Meta(description="For typing into an authenticator, in Base32.")]
    uri: Annotated[str, Meta(description="For a QR code: `otpauth://totp/...`.")]


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Each logs in once, in place of a code. They are shown only now."""

    recovery_codes: list[str]


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """Send `Authorization: Bearer <access_token>` for the next `expires_in` seconds, then refresh."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  the scheme's name (RFC 6750)
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[900])]
    user: User
