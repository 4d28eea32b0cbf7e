"""What a buyer holds, and who says so."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from boxoffice.accounts.identity import Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.settings import Settings
from shows import Show


class Basket(msgspec.Struct, frozen=True):
    """What a buyer holds, and the headers that say who is asking."""

    show: Show
    buyer_id: int
    booking_id: UUID
    headers: dict[str, str]


Holder = Callable[..., Awaitable[Basket]]


def headers_of(user_id: int, role: Role = Role.USER) -> dict[str, str]:
    """The headers of somebody who is signed in."""
    settings = Settings()
    token = Tokens(settings.secret, settings.access_token_minutes).issue(user_id, role)
    return {"authorization": f"Bearer {token}"}
