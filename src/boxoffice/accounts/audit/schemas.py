"""What the audit log looks like over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta


class Action(StrEnum):
    """What was done."""

    CREATED = "CREATED"
    CHANGED = "CHANGED"
    DELETED = "DELETED"


class AuditEntry(msgspec.Struct, frozen=True):
    """One change of one row."""

    id: int
    at: datetime
    actor_id: Annotated[
        int | None, Meta(description="The user at work; null for the command line, a job or a stranger.")
    ]
    key_id: Annotated[int | None, Meta(description="The API key that was shown, if one was.")]
    address: str | None
    request_id: str | None
    action: Action
    object: Annotated[str, Meta(description="What kind of thing, such as `events`.")]
    row_id: Annotated[str, Meta(description="Which one; `<event> <id>` for what belongs to an event.")]
    event_id: int | None
    before: Annotated[
        dict[str, Any] | None, Meta(description="What changed, as it was; `***` for what is never shown.")
    ]
    after: dict[str, Any] | None
