"""What happens around every request: strict bodies, request ids, security headers, metrics."""

import itertools
import re
import secrets
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any, ClassVar

import msgspec
import structlog
from litestar import Litestar, Response
from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.typing import FieldDefinition

from boxoffice.kit import metrics
from boxoffice.kit.actor import current_actor
from boxoffice.kit.browser_headers import BrowserHeaders
from boxoffice.kit.client import client_gone, gone_of
from boxoffice.kit.client_address import ClientAddresses, client_address, read_networks
from boxoffice.kit.logs import request_id
from boxoffice.kit.problems import (
    PROBLEM_JSON,
    BodyTooSlow,
    NotJson,
    UnreadableBody,
    invalid_from,
    refusal_content,
)
from boxoffice.kit.rate_limits import HEADERS as LIMIT_HEADERS
from boxoffice.kit.settings import Settings
from boxoffice.kit.slow_bodies import SlowBodies
from boxoffice.kit.streams import STREAM
from boxoffice.kit.traffic import Traffic

# Far above any body of ours but a seat map, far below what could hurt.
BODY_BYTES_MAX = 1_000_000

# 100,000 seats at about 130 bytes each, with room.
SEAT_MAP_BODY_BYTES_MAX = 24_000_000

# A request this slow deserves a line of its own.
SLOW_SECONDS = 2.0

# Refusals that an operator may have to look into: bodies that fit nothing, nobody or the wrong person asking,
# methods that are none. Sales that came too late and limits are counted in the metrics.
LOGGED = frozenset({400, 401, 403, 405, 413, 415, 422})

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

_log = structlog.get_logger()


class StrictBody(AbstractDTO[Any]):
    """Decode a JSON body straight into the handler's struct, without Litestar's lax conversions.

    A number written as a string, an unknown field or a missing one never reaches a handler; the
    refusal points at the field.
    """

    _decoders: ClassVar[dict[str, msgspec.json.Decoder[Any]]] = {}

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return field_definition.name == "data" and field_definition.is_subclass_of(msgspec.Struct)

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        cls._decoders[handler_id] = msgspec.json.Decoder(field_definition.annotation)

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Any:
        return schema_creator.for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition]:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False

    def decode_bytes(self, value: bytes) -> Any:
        scope = self.asgi_connection.scope
        refuse_other_kinds(scope)
        return self.decoded(scope["route_handler"].handler_id, value)  # pyright: ignore[reportTypedDictNotRequiredAccess, reportGeneralTypeIssues]

    @classmethod
    def decoded(cls, handler_id: str, value: bytes) -> Any:
        """What the handler is given of this body. Raises `InvalidInput` or `UnreadableBody`."""
        try:
            return cls._decoders[handler_id].decode(value)
        except msgspec.ValidationError as error:
            raise invalid_from(error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UnreadableBody from None


def refuse_other_kinds(scope: Any) -> None:
    """Refuse a body that does not call itself JSON.

    One that calls itself nothing, too: a page of another site can send it without being asked beforehand.
    """
    kinds = [content for name, content in scope["headers"] if name == b"content-type"]
    if not kinds or any(b"json" not in kind.lower() for kind in kinds):
        raise NotJson


def resolve_in_turn(app: Litestar) -> None:
    """Have a handler's dependencies resolved one after the other instead of in a task each.

    Ours are made once per process, there is nothing to wait for; the task group that Litestar opens
    for two or more of them took half of the CPU of a request (0.15 of 0.32 ms).
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [{one} for batch in model.dependency_batches for one in batch]


def allow_all_methods_of_a_path(app: Litestar) -> None:
    """Have OPTIONS name every method of its path.

    Litestar makes its answer for the first handler of a path and keeps it when others join.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            handler, _ = route.route_handler_map["OPTIONS"]
            setattr(handler, "_fn", _allow(route.methods))  # noqa: B010  there is no public way in


def _allow(methods: Iterable[str]) -> Callable[[Scope], Response[None]]:
    answer = Response(None, status_code=204, headers={"Allow": ", ".join(sorted(methods))})
    return lambda scope: answer  # noqa: ARG005  Litestar goes by the name


class EveryRequest:
    """ASGI middleware: gives the request its id and its client's address, measures it, adds the headers every
    answer has.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, traffic: Traffic, *, same_origin: tuple[str, ...]
    ) -> None:
        self.app = app
        self.browsers = BrowserHeaders(settings, same_origin)
        self.bodies = SlowBodies()
        self.traffic = traffic
        self.addresses = ClientAddresses(read_networks(settings.trusted_proxies))
        self.log_requests = settings.log_requests
        self.prefix = secrets.token_hex(6)
        self.numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.addresses.note(scope)
        current, is_private, origin = self._read(scope)
        token = request_id.set(current)
        client = client_gone.set(gone_of(receive))
        actor = current_actor.set(None)
        started = time.perf_counter()
        status, answered = 0, started
        # Whoever limits a request leaves there what the answer has to say about it.
        noted: Any = scope
        extra = ((b"x-request-id", current.encode()), *self.browsers.for_origin(scope, origin))
        body = receive if scope["method"] == "GET" else self.bodies.timed(receive)

        async def send_with_headers(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
                said = [*message["headers"], *extra, *noted.get(LIMIT_HEADERS, ())]
                message["headers"] = [*said, *self.browsers.of(said, is_private=is_private)]
            await send(message)

        try:
            if origin and (allowed := self.browsers.preflight(scope, origin)) is not None:
                await _answer(send_with_headers, 204, allowed, b"")
            elif (refused := self.traffic.refuse(scope)) is not None:
                await _answer(send_with_headers, *refused)
            else:
                await self.app(scope, body, send_with_headers)
        except BodyTooSlow as slow:
            # Past the framework, which would have worded it.
            content = msgspec.json.encode(refusal_content(slow))
            headers = [(b"content-type", PROBLEM_JSON.encode())]
            await _answer(send_with_headers, slow.status, headers, content)
        finally:
            self.traffic.leave(scope, status)
            seconds = (answered if STREAM in scope else time.perf_counter()) - started
            route = str(scope.get("path_template") or "unknown")
            metrics.observe_request(scope["method"], route, status, seconds)
            if status in LOGGED or (status == 404 and is_private):
                _log_refusal(scope, route, status, self.traffic.account_of(scope))
            if self.log_requests or seconds > SLOW_SECONDS:
                _log.info(
                    "request",
                    method=scope["method"],
                    route=route,
                    status=status,
                    milliseconds=round(seconds * 1000, 1),
                )
            current_actor.reset(actor)
            client_gone.reset(client)
            request_id.reset(token)

    def _read(self, scope: Any) -> tuple[str, bool, bytes]:
        """The request's id, whether somebody is signed in, and the origin of the page it comes from."""
        current, is_private, origin = "", False, b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                is_private = True
            elif name == b"origin":
                origin = value
            elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                current = value.decode()
        return current or f"{self.prefix}-{next(self.numbers):x}", is_private, origin


def _log_refusal(scope: Any, route: str, status: int, account: str | None) -> None:
    """Who was refused what, and from where; not a word of what they sent."""
    _log.info(
        "refused",
        method=scope["method"],
        route=route,
        status=status,
        address=client_address(scope),
        user_id=account,
    )


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
