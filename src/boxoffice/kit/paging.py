"""Lists in pages: an opaque cursor marks where the next page starts."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from boxoffice.kit.errors import FieldError, Refusal

# A page fits a screen or two; more is a job for an export.
PAGE_ITEMS_MAX = 100
PAGE_ITEMS = 20

# Litestar heeds only its own markers on a parameter: the bounds of a msgspec `Meta` would be ignored.
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_ITEMS_MAX, description="How many items at most.")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=200, description="`next_cursor` of the page before.")
]

Item = TypeVar("Item")
Position = TypeVar("Position")


class UnknownCursor(Refusal, status=422):
    """This cursor is not one of ours; take `next_cursor` of the page before, or leave it out."""

    errors: tuple[FieldError, ...] = (
        FieldError(parameter="cursor", detail="This is no cursor of this list."),
    )


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """Some items of a list, in its order; `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None = None


def encode_cursor(position: Any) -> str:
    """Make a cursor of the sort key of the last item shown (any JSON value)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode_cursor(cursor: str, position_type: type[Position]) -> Position:
    """Read the sort key back; raises `UnknownCursor` for anything `encode_cursor` did not make."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=position_type)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise UnknownCursor from None


def page_of(rows: list[Item], limit: int, position: Callable[[Item], Any]) -> Page[Item]:
    """Cut `limit + 1` rows to a page; `position` gives the sort key of an item."""
    if len(rows) <= limit:
        return Page(items=rows)
    return Page(items=rows[:limit], next_cursor=encode_cursor(position(rows[limit - 1])))


class Paged(Protocol):
    """Anything that knows where its next page starts."""

    @property
    def next_cursor(self) -> str | None: ...


def link_headers(request: Request[Any, Any, Any], page: Paged) -> dict[str, str]:
    """`Link: <...>; rel="next"` (RFC 8288), the same request with the next cursor; none on the last page."""
    if page.next_cursor is None:
        return {}
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    address = f"{request.url.path}?{urlencode([*query, ('cursor', page.next_cursor)])}"
    return {"Link": f'<{address}>; rel="next"'}
