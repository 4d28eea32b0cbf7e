"""The OpenAPI document as it is served: only what we really answer."""

from typing import Any

from litestar import Request
from litestar.openapi.plugins import JsonRenderPlugin

_JSON = "application/json"


class ApiDocument(JsonRenderPlugin):
    """Leaves out what the framework takes for granted and our handlers of errors replace.

    Litestar describes a 400 of its own shape for every operation with parameters; ours answers a
    problem document, described where the operation lists its refusals. It also gives a 204 a body
    where the handler sets headers.
    """

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for item in openapi_schema["paths"].values():
            for operation in item.values():
                if _JSON in operation["responses"].get("400", {}).get("content", {}):
                    del operation["responses"]["400"]
                operation["responses"].get("204", {}).pop("content", None)
        return super().render(request, openapi_schema)
