"""The ETag of an event: its revision. Whoever sends it back changes only what it has seen."""

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
    return {"ETag": _tag_of(event.revision), "Cache-Control": caching}


def names(header: str, revision: int) -> bool:
    """Whether this list of tags has the revision's, or is a star.

    A proxy that packs an answer makes its tag weak (`W/"3"`). To us it is as good: a revision is exact.
    """
    known = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in known or _tag_of(revision) in known


def _tag_of(revision: int) -> str:
    return f'"{revision}"'
