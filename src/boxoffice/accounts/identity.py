"""Who is asking: what an access token or an API key says about its bearer."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What an account may do: buy; sell its own events; run the house."""

    USER = "USER"
    ORGANIZER = "ORGANIZER"
    ADMIN = "ADMIN"


class Identity(msgspec.Struct, frozen=True):
    """The signed-in account of this request, as its access token says.

    `acts_for` is the organizer whose team it was let in as a member of, for this request; `key_id` is the
    API key that was shown in place of a token.
    """

    user_id: int
    role: Role
    acts_for: int | None = None
    key_id: int | None = None

    def acting_for(self, organizer_id: int) -> "Identity":
        """The same account, let in to this organizer's things."""
        return Identity(self.user_id, self.role, organizer_id, self.key_id)
