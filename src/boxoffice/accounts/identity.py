"""Who is asking: what an access token says about its bearer."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What an account may do: buy; sell its own events; run the house."""

    USER = "USER"
    ORGANIZER = "ORGANIZER"
    ADMIN = "ADMIN"


class Identity(msgspec.Struct, frozen=True):
    """The signed-in account of this request, as its access token says."""

    user_id: int
    role: Role
