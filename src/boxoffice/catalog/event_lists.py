"""Who looks at events, and what a list of them is narrowed to, as handlers are given it."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request
from litestar.di import Provide
from litestar.params import QueryParameter
from msgspec import ValidationError, convert

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.rows import EventFilter
from boxoffice.catalog.schemas import ROW_ID_MAX, Moment
from boxoffice.kit.errors import FieldError, InvalidInput
from boxoffice.kit.text import LINE_CHARACTERS_MAX, LINE_PATTERN, pattern_of

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
_IdFilter = Annotated[int | None, QueryParameter(ge=1, le=ROW_ID_MAX)]


def _provide_viewer(request: Request[Any, Any, Any]) -> Identity | None:
    return request.scope.get("user")


VIEWER = {"viewer": Provide(_provide_viewer, sync_to_thread=False)}


async def provide_filters(
    q: Annotated[
        str | None,
        QueryParameter(
            max_length=LINE_CHARACTERS_MAX,
            pattern=LINE_PATTERN,
            description="Words in the title, the venue's name or its city.",
        ),
    ] = None,
    since: Annotated[
        str | None, QueryParameter(name="from", description="Starting then or later. Left out: from now on.")
    ] = None,
    until: Annotated[str | None, QueryParameter(description="Starting before then.")] = None,
    city: Annotated[str | None, QueryParameter(max_length=LINE_CHARACTERS_MAX, pattern=LINE_PATTERN)] = None,
    venue_id: _IdFilter = None,
    organizer_id: _IdFilter = None,
    series_id: _IdFilter = None,
) -> EventFilter:
    """What the query says. Raises `InvalidInput` for a time that is none."""
    return EventFilter(
        pattern=None if q is None else pattern_of(q),
        since=_moment_of("from", since),
        until=_moment_of("until", until),
        city=city,
        venue_id=venue_id,
        organizer_id=organizer_id,
        series_id=series_id,
    )


def _moment_of(parameter: str, text: str | None) -> datetime | None:
    try:
        # A plus sign in a query is a space unless it is escaped, which few people know.
        return None if text is None else convert(text.replace(" ", "+"), Moment)
    except ValidationError:
        detail = "This is no RFC 3339 time with an offset, such as 2027-06-12T18:30:00Z."
        raise InvalidInput(errors=[FieldError(parameter=parameter, detail=detail)]) from None
