"""What teams and API keys look like over HTTP."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.accounts.schemas import Email, MailedToken
from boxoffice.catalog.schemas import EventId, Moment
from boxoffice.catalog.team.roles import TeamRole
from boxoffice.kit.text import Line

_Role = Annotated[
    TeamRole,
    Meta(
        examples=["SCANNER"],
        description=(
            "OWNER: everything, also cancelling and deleting. MANAGER: changes, sells, looks and scans. "
            "BOX_OFFICE: sells, looks and scans. SCANNER: scans. VIEWER: looks."
        ),
    ),
]

_Event = Annotated[
    EventId | None,
    Meta(examples=[None], description="One event of yours; left out: all of them, those to come too."),
]


class NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to ask into the team."""

    email: Email
    role: _Role
    event_id: _Event = None


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of an invitation."""

    token: MailedToken


class Invitation(msgspec.Struct, frozen=True):
    """Somebody who was asked and has not accepted yet."""

    id: int
    email: str
    role: TeamRole
    event_id: int | None
    created_at: datetime
    expires_at: datetime


class Member(msgspec.Struct, frozen=True):
    """Somebody in a team."""

    id: int
    user_id: int
    email: str
    name: str
    role: TeamRole
    event_id: int | None
    created_at: datetime


class Team(msgspec.Struct, frozen=True):
    """An organizer's team, oldest first."""

    members: list[Member]
    invitations: list[Invitation]


class Membership(msgspec.Struct, frozen=True):
    """A team one is in."""

    id: int
    organizer_id: int
    organizer_name: str
    role: TeamRole
    event_id: int | None
    created_at: datetime


class Memberships(msgspec.Struct, frozen=True):
    """The teams one is in, oldest first."""

    items: list[Membership]


class NewApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key for a program or a device."""

    name: Annotated[Line, Meta(examples=["Scanner at the north gate"])]
    role: _Role
    event_id: _Event = None
    expires_at: Annotated[
        Moment | None,
        Meta(examples=["2027-06-13T06:00:00Z"], description="Left out: it works until it is deleted."),
    ] = None


class ApiKey(msgspec.Struct, frozen=True):
    """A key as it is listed: by its prefix, for the secret is stored nowhere."""

    id: int
    name: str
    prefix: str
    role: TeamRole
    event_id: int | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: Annotated[datetime | None, Meta(description="To the minute.")]


class ApiKeys(msgspec.Struct, frozen=True):
    """An organizer's keys, oldest first."""

    items: list[ApiKey]


class CreatedApiKey(msgspec.Struct, frozen=True):
    """A new key. `key` is shown only now; send it as `Authorization: Bearer <key>`."""

    key: str
    about: ApiKey
