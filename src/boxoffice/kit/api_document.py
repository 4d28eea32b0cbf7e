"""The OpenAPI document as it is served: only what we really answer, under names that a client can have."""

import re
from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

_JSON = "application/json"

# What the framework says of a status is not what is in the answer.
_MEANINGS = {
    "Request fulfilled, document follows": "Done; what it came to.",
    "Document created, URL follows": "Made; as it is now.",
    "Request fulfilled, nothing follows": "Done; there is nothing more to say.",
}

_PAGE = re.compile(r"Page_(?:\w+\.)+(\w+)_")


def _header(description: str, kind: str = "string") -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


_RETRY_AFTER = {"Retry-After": _header("Seconds to wait before the same request is sent again.", "integer")}
_REPLAYED = {"Idempotent-Replayed": _header("`true`: done before under this key; this is that answer again.")}
_LINK = {"Link": _header('The next page\'s address, as `<...>; rel="next"`; none on the last page.')}
_ETAG = {"ETag": _header("For `If-None-Match`, and for `If-Match` where a change takes it.")}


class ApiDocument(JsonRenderPlugin):
    """Leaves out what the framework takes for granted and our handlers replace, and adds what is not said.

    Litestar describes a 400 of its own shape for every operation with parameters; ours answers a
    problem document, described where the operation lists its refusals. It also gives a 204 a body
    where the handler sets headers.
    """

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for item in openapi_schema["paths"].values():
            for operation in item.values():
                responses = operation["responses"]
                if _JSON in responses.get("400", {}).get("content", {}):
                    del responses["400"]
                responses.get("204", {}).pop("content", None)
                _describe(operation)
        content = super().render(request, openapi_schema)
        for name in openapi_schema["components"]["schemas"]:
            if page := _PAGE.fullmatch(name):
                content = content.replace(name.encode(), f"PageOf{page[1]}".encode())
        return content


def _describe(operation: dict[str, Any]) -> None:
    """Say what an answer is, and which headers it has."""
    parameters = {parameter["name"] for parameter in operation.get("parameters", ())}
    responses = operation["responses"]
    for status, response in responses.items():
        response["description"] = _MEANINGS.get(response["description"], response["description"])
        headers: dict[str, Any] = {}
        if status in {"429", "503"}:
            headers |= _RETRY_AFTER
        if status in {"200", "201"} and "Idempotency-Key" in parameters:
            headers |= _REPLAYED
        if status == "200" and "cursor" in parameters:
            headers |= _LINK
        if status == "200" and "304" in responses:
            headers |= _ETAG
        if headers:
            response["headers"] = {**response.get("headers", {}), **headers}
