"""HTTP of questions and answers."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.inventory.answers import asking
from boxoffice.inventory.answers.export import export_answers
from boxoffice.inventory.answers.schemas import AnsweredBooking, Answers, Questions
from boxoffice.inventory.refusals import BookingIsOver
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.spreadsheet import TABLE, answer_of

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)


@put(
    "/events/{event_id:int}/questions",
    operation_id="PutQuestions",
    summary="Ask those who book",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, *BODY_REFUSALS),
)
async def put_questions(
    data: JSONBody[Questions],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
) -> Questions:
    """Ask these questions and no others. Whoever has not started to pay answers anew."""
    return await asking.put_questions(db, user, event_id, data)


@get(
    "/events/{event_id:int}/questions",
    operation_id="GetQuestions",
    summary="See what an event asks",
    tags=["Questions"],
    responses=documents(NotFound),
)
async def get_questions(db: NamedDependency[Database], event_id: EventIdInPath) -> Questions:
    """Show what those who book are asked."""
    return await asking.get_questions(db, event_id)


@get(
    "/events/{event_id:int}/answers",
    operation_id="ListAnswers",
    summary="List what was answered",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, InvalidInput, UnknownCursor),
)
async def list_all(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[AnsweredBooking]]:
    """List the answers of bookings that hold or have places."""
    page = await asking.list_answers(db, user, event_id, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/events/{event_id:int}/answers.csv",
    operation_id="ExportAnswers",
    summary="What was answered, as a table",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses={200: TABLE, **documents(*_ORGANIZER)},
)
async def export(
    db: NamedDependency[Database], user: NamedDependency[Identity], event_id: EventIdInPath
) -> Stream:
    """Write a row for each place that is asked about, or for each booking, with a column for each question.

    UTF-8 with a byte order mark. An answer that a spreadsheet would take for a formula (`=`, `+`, `-` or `@`
    in front) begins with an apostrophe. What is not asked any more is in the JSON alone.
    """
    lines = await export_answers(db, user, event_id)
    return answer_of(lines, f"answers-{event_id}")


@put(
    "/bookings/{booking_id:uuid}/answers",
    operation_id="PutAnswers",
    summary="Answer what an event asks",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, BookingIsOver, *BODY_REFUSALS),
)
async def put_answers(
    data: JSONBody[Answers],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
) -> AnsweredBooking:
    """Answer everything at once. What is required must be answered before a payment starts.

    A booking that costs nothing is confirmed at once, and is asked afterwards. After an exchange of places,
    what is asked for each ticket is answered anew.
    """
    return await asking.put_answers(db, user.user_id, booking_id, data)


@get(
    "/bookings/{booking_id:uuid}/answers",
    operation_id="GetAnswers",
    summary="See one's answers",
    tags=["Questions"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def get_answers(
    db: NamedDependency[Database], user: NamedDependency[Identity], booking_id: FromPath[UUID]
) -> AnsweredBooking:
    """Show what a booking of one's own has answered."""
    return await asking.get_answers(db, user.user_id, booking_id)


routes: list[ControllerRouterHandler] = [
    put_questions,
    get_questions,
    list_all,
    export,
    put_answers,
    get_answers,
]
