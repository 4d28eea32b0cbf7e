"""Errors as clients see them: problem documents (RFC 9457), the same shape for every failure."""

import re
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
import structlog
from litestar import MediaType, Request, Response, get
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, Unavailable
from boxoffice.kit.logs import request_id

PROBLEM_JSON = "application/problem+json"

_log = structlog.get_logger()


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A problem document (RFC 9457). Some kinds carry further members, named in their title."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list[FieldError] | None = None


class UnreadableBody(Refusal, status=400):
    """The body is not JSON; send one JSON document in UTF-8."""


class MissingBody(Refusal, status=400):
    """This request needs a JSON body; where nothing has to be said, send `{}`."""


class NotJson(Refusal, status=415):
    """The body must be JSON: send `Content-Type: application/json`."""


class BodyTooLarge(Refusal, status=413):
    """The body is larger than this request accepts."""


class BodyTooSlow(Refusal, status=408):
    """The body took too long to arrive; send it again over a better connection."""


# How a JSON body can be refused before its handler sees it.
BODY_REFUSALS = (BodyTooSlow, UnreadableBody, MissingBody, BodyTooLarge, NotJson, InvalidInput)


def invalid_from(error: msgspec.ValidationError) -> InvalidInput:
    """Turn msgspec's message, `... - at `$.seat_ids[0]``, into a pointer and a sentence."""
    detail, _, place = str(error).partition(" - at `")
    # msgspec writes `$.prices[...]` and `key` in `$.prices` for a member of an object, without saying
    # which: then we point at the whole object.
    path = place.rpartition("$")[2].rstrip("`").partition("[...]")[0]
    pointer = re.sub(r"\[(\d+)\]", r"/\1", path.replace(".", "/"))
    if named := re.match(r"Object (?:missing required|contains unknown) field `(.*)`", detail):
        pointer = f"{pointer}/{named[1]}"
    if "matching regex" in detail:
        detail = "Blank, or has characters that are not allowed here"
    if bounds := re.match(r"Expected `str` of length (<=|>=) (\d+)", detail):
        detail = f"Has {'more' if bounds[1] == '<=' else 'fewer'} than {bounds[2]} characters"
    return InvalidInput(errors=[FieldError(pointer=pointer, detail=detail.replace("`", "'"))])


def problem_content(*, slug: str, title: str, status: int, detail: str, **members: Any) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id.get(),
        **members,
    }


def refusal_content(refusal: Refusal) -> dict[str, Any]:
    """A refusal's own title, and its fields as members."""
    return problem_content(
        slug=refusal.slug,
        title=refusal.title,
        status=refusal.status,
        detail=refusal.detail,
        **refusal.members(),
    )


def unavailable_content(error: Unavailable) -> dict[str, Any]:
    """What a client that came at a bad time reads."""
    return problem_content(slug="unavailable", title="Not now", status=503, detail=error.detail)


def _respond(content: dict[str, Any], headers: dict[str, str] | None = None) -> Response[dict[str, Any]]:
    return Response(content, status_code=content["status"], headers=headers, media_type=PROBLEM_JSON)


def on_refusal(_request: Request[Any, Any, Any], refusal: Refusal) -> Response[dict[str, Any]]:
    """Answer a refusal with its own status, title and members."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    return _respond(refusal_content(refusal), headers)


def on_unavailable(_request: Request[Any, Any, Any], error: Unavailable) -> Response[dict[str, Any]]:
    """Answer 503; Retry-After says when to come back."""
    return _respond(unavailable_content(error), {"Retry-After": str(error.retry_after)})


# Where the framework says no more than the name of the status.
_WHAT_TO_DO = {
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take that method; `Allow` names those it does."
}


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    """Give the framework's own refusals (no route, wrong method, bad parameter) our shape."""
    if isinstance(error, ValidationException):
        return on_refusal(request, _from_validation(error))
    if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return on_refusal(request, BodyTooLarge())
    if error.status_code == HTTPStatus.NOT_FOUND:
        return on_refusal(request, NotFound())
    if error.status_code >= 500:
        return on_bug(request, error)
    status = HTTPStatus(error.status_code)
    content = problem_content(
        slug=_slug(status),
        title=status.phrase,
        status=status,
        detail=_WHAT_TO_DO.get(status) or error.detail or status.description or status.phrase,
    )
    return _respond(content, dict(error.headers or {}))


def _from_validation(error: ValidationException) -> Refusal:
    found: list[dict[str, Any]] = [item for item in error.extra or [] if isinstance(item, dict)]
    if any(item.get("source") == "path" for item in found):
        return NotFound()
    if any(item.get("key") == "data" for item in found) or not found:
        return MissingBody()
    return InvalidInput(
        errors=[
            FieldError(
                parameter=_parameter(item),
                detail=str(item.get("message", "")).partition(" - at ")[0].replace("`", "'"),
            )
            for item in found
        ]
    )


def _parameter(item: dict[str, Any]) -> str:
    """A parameter as the client writes it; of a header's Litestar tells only its name in the code."""
    name = str(item.get("key", ""))
    return name.replace("_", "-").title() if item.get("source") == "header" else name


def on_unstorable(request: Request[Any, Any, Any], error: asyncpg.DataError) -> Response[dict[str, Any]]:
    """Answer 422 to what only PostgreSQL could refuse."""
    return on_refusal(request, _unstorable(request.url.path, error))


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Answer 500 without a word about our insides; the log has the traceback and the request id."""
    return _respond(_bug_content(request.url.path, request.method, error))


def content_of(error: Exception, *, path: str, method: str) -> dict[str, Any]:
    """The problem document of whatever a use case raised, as the framework's handlers would word it."""
    if isinstance(error, Refusal):
        return refusal_content(error)
    if isinstance(error, Unavailable):
        return unavailable_content(error)
    if isinstance(error, asyncpg.DataError):
        return refusal_content(_unstorable(path, error))
    return _bug_content(path, method, error)


def _unstorable(path: str, error: asyncpg.DataError) -> InvalidInput:
    """The last net under validation: PostgreSQL cannot store a value (a NUL, a number out of range)."""
    # What follows the colon is the value.
    _log.warning("value refused by PostgreSQL", error=str(error).partition(":")[0], path=path)
    return InvalidInput(errors=[FieldError(detail="A value cannot be stored.")])


def _bug_content(path: str, method: str, error: Exception) -> dict[str, Any]:
    _log.error("bug", path=path, method=method, exc_info=error)
    return problem_content(
        slug="internal-error",
        title="Something broke on our side",
        status=500,
        detail="This is our fault, not yours. Tell the operator the request_id.",
    )


EXCEPTION_HANDLERS: dict[int | type[Exception], Any] = {
    Refusal: on_refusal,
    Unavailable: on_unavailable,
    HTTPException: on_http_exception,
    asyncpg.DataError: on_unstorable,
    Exception: on_bug,
}


# Any operation may be asked too often; the limits are in front of all of them.
_TOO_MANY = "Too many requests; see `Retry-After` (`/problems/too-many-requests`)"


def documents(*refusals: type[Refusal]) -> dict[int, ResponseSpec]:
    """Describe the refusals an operation can answer with, and the 429 and 503 each can, for OpenAPI."""
    by_status: dict[int, list[str]] = {503: ["Not now; see `Retry-After`"], 429: [_TOO_MANY]}
    for refusal in refusals:
        words = f"{refusal.words.rstrip('.')} (`/problems/{refusal.slug}`)"
        if words not in by_status.setdefault(refusal.status, []):
            by_status[refusal.status].append(words)
    return {
        status: ResponseSpec(
            data_container=Problem,
            description="; ".join(titles) + ".",
            media_type=PROBLEM_JSON,  # pyright: ignore[reportArgumentType]  any string is allowed
            generate_examples=False,
        )
        for status, titles in sorted(by_status.items())
    }


def _explanations() -> dict[str, str]:
    """Slug to explanation: the framework's refusals, ours, and what is no refusal."""
    plain = [status for status in HTTPStatus if 400 <= status < 500]
    return {
        **{_slug(status): f"{status.phrase} ({status})\n\n{status.description}\n" for status in plain},
        **{kind.slug: f"{kind.title} ({kind.status})\n\n{kind.words}\n" for kind in Refusal.__subclasses__()},
        "unavailable": "Not now (503)\n\nNothing was decided; try again after `Retry-After` seconds.\n",
        "internal-error": "Something broke on our side (500)\n\nTell the operator the `request_id`.\n",
    }


def _slug(status: HTTPStatus) -> str:
    return status.name.lower().replace("_", "-")


@get(
    "/problems/{slug:str}",
    media_type=MediaType.TEXT,
    operation_id="ExplainProblem",
    summary="What a problem type means",
    tags=["Operations"],
    responses=documents(NotFound),
    sync_to_thread=False,
)
def explain_problem(slug: FromPath[str]) -> str:
    """Explain the `type` of a problem document in words."""
    explanation = _explanations().get(slug)
    if explanation is None:
        raise NotFound
    return explanation
