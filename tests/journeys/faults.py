"""What is wrong with an answer, and what a body would be answered by those who read it."""

from collections.abc import Iterable
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from boxoffice.catalog.seat_maps.faults import read_seat_map
from boxoffice.kit.errors import Refusal
from boxoffice.kit.http import StrictBody
from boxoffice.kit.problems import PROBLEM_JSON, refusal_content
from journeys.api_document import Operation

# The only body that may be larger than two megabytes, and the only one with unknown members (of the
# open seating plan, which is not our format).
SEAT_MAP = "ImportSeatMap"


def fault_of(answer: httpx.Response) -> str | None:
    """What is wrong with an answer: a failure of ours, or a refusal that does not explain itself."""
    status = answer.status_code
    if status < 400:
        return None
    if status >= 500:
        return f"{status} {answer.text[:200]}"
    if answer.headers["content-type"] != PROBLEM_JSON:
        return f"{status} is {answer.headers['content-type']}"
    return fault_of_problem(status, answer.json())


def fault_of_problem(status: int, problem: dict[str, Any]) -> str | None:
    """What is wrong with a problem document of this status."""
    if problem.get("status") != status or not all(problem.get(name) for name in ("type", "title", "detail")):
        return f"{status} is no problem document: {str(problem)[:200]}"
    if status == 422:
        errors = problem.get("errors") or [{}]
        if not all(error.get("detail") and {"pointer", "parameter"} & set(error) for error in errors):
            return f"422 does not point anywhere: {str(problem)[:200]}"
    return None


def faults_in(answers: Iterable[tuple[str, httpx.Response]]) -> str:
    """All faults, one a line."""
    return "\n".join(f"{what}: {fault}" for what, answer in answers if (fault := fault_of(answer)))


class Reading:
    """Reads a body as its handler does, in a hundredth of the time that the whole way takes."""

    def __init__(self, app: Litestar) -> None:
        self._handler_ids = {
            str(handler.operation_id): handler.handler_id
            for route in app.routes
            if isinstance(route, HTTPRoute)
            for handler in route.route_handlers
        }

    def refused(self, operation: Operation, body: bytes) -> dict[str, Any] | None:
        """The problem document for a body that cannot be read; None for one that can."""
        name = operation.spec["operationId"]
        try:
            if name == SEAT_MAP:
                read_seat_map(body)
            else:
                StrictBody.decoded(self._handler_ids[name], body)
        except Refusal as refusal:
            return msgspec.to_builtins(refusal_content(refusal))
        return None
