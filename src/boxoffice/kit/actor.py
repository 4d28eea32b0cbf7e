"""Who is at work: PostgreSQL's triggers write it into the audit log beside what changed."""

from contextvars import ContextVar

import msgspec


class Actor(msgspec.Struct, frozen=True):
    """Who asked for what is being done, and from where."""

    user_id: int
    key_id: int | None
    address: str
    request_id: str | None


current_actor: ContextVar[Actor | None] = ContextVar("current_actor", default=None)
