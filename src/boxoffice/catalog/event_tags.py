"""The ETag of an event: its revision, and how many of its changes of prices have begun.

Whoever sends it back changes only what it has seen. That a price has changed with the time is nobody's
change: `If-Match` asks for the revision alone.
"""

import re
from typing import Annotated

from litestar.params import HeaderParameter

from boxoffice.catalog.schemas import Event, EventState

IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The `ETag` of the event as you know it: change that one, or answer 412.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(name="If-None-Match", description="The `ETag` you have: answer 304 if it is still that."),
]


def headers_of(event: Event) -> dict[str, str]:
    """Of an answer that shows the event. Whoever keeps it asks before showing it; a draft is a secret."""
    caching = "private, no-cache" if event.state is EventState.DRAFT else "no-cache"
    return {"ETag": _tag_of(event), "Cache-Control": caching}


def names(header: str, revision: int | str) -> bool:
    """Whether this list of tags has one of the revision's, or is a star.

    A proxy that packs an answer makes its tag weak (`W/"3"`). To us it is as good: a revision is exact.
    """
    return any(tag == "*" or re.sub(r"\.\d+\"$", '"', tag) == f'"{revision}"' for tag in _tags(header))


def shows(header: str, event: Event) -> bool:
    """Whether whoever has one of these tags has seen the event just as it is."""
    return not {"*", _tag_of(event)}.isdisjoint(_tags(header))


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def _tag_of(event: Event) -> str:
    coming = event.next_price_change
    begun = sum(coming is None or change.starts_at < coming.starts_at for change in event.price_changes)
    return f'"{event.revision}.{begun}"' if begun else f'"{event.revision}"'
