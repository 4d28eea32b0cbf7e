"""The API document says what the API does, completely, and can be read without internet."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from boxoffice.catalog.seat_maps.faults import read_seat_map
from boxoffice.kit.errors import Refusal
from boxoffice.kit.problems import PROBLEM_JSON
from journeys.api_document import Operation, faults_of, operations_of
from source_tree import ROOT

ORIGIN = "http://testserver"


@pytest_asyncio.fixture(scope="module")
async def document(app: Litestar) -> dict[str, Any]:
    """The document as it is served."""
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as opened:
        return (await opened.get("/schema")).json()


@pytest.fixture
def operations(document: dict[str, Any]) -> list[Operation]:
    """All that anybody can ask for."""
    return operations_of(document)


async def test_the_document_is_served_as_openapi_json(client: httpx.AsyncClient):
    answers = [await client.get(f"{ORIGIN}{path}") for path in ("/schema", "/schema/openapi.json")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["content-type"].startswith("application/vnd.oai.openapi+json")
    assert answers[0].json() == answers[1].json()


def test_the_document_is_openapi_3_1(document: dict[str, Any]):
    assert list(faults_of(document)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["openapi"], "3.0.3"),
        (["info", "title"], ""),
        (["tags", 1, "name"], "Accounts"),
        (["components", "securitySchemes"], {}),
        (["paths", "/api/v1/me", "get", "tags"], ["Others"]),
        (["paths", "/api/v1/me", "get", "responses"], {}),
        (["paths", "/api/v1/me", "get", "responses", "200", "description"], ""),
        (["paths", "/api/v1/events/{event_id}", "get", "parameters"], []),
        (["paths", "/api/v1/events/{event_id}", "get", "parameters", 0, "required"], False),
        (["components", "schemas", "Money"], {}),
        (["components", "schemas", "Money", "properties"], {}),
        (["components", "schemas", "Money", "properties", "amount", "type"], "int"),
    ],
)
def test_a_fault_in_the_document_would_be_found(document: dict[str, Any], path: list[Any], value: Any):
    broken = msgspec.json.decode(msgspec.json.encode(document))
    part = broken
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value

    assert list(faults_of(broken))


def test_every_operation_has_a_name_and_says_what_it_does(operations: list[Operation]):
    names = [operation.spec["operationId"] for operation in operations]

    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []
    for member in ("summary", "description", "tags"):
        assert [operation for operation in operations if not operation.spec.get(member)] == [], member


def test_every_operation_says_how_it_can_fail(operations: list[Operation]):
    """An outage, a missing token, a body that does not fit, something that is not there."""
    lacking: list[str] = []
    for operation in operations:
        wanted: set[str] = set()
        if operation.is_public_api:
            wanted.add("503")
        if operation.spec.get("security"):
            wanted.add("401")
        if operation.body is not None:
            wanted |= {"400", "413", "415", "422"}
        if operation.names("path"):
            wanted.add("404")
        if operation.names("query"):
            wanted.add("422")
        lacking += [f"{operation} {status}" for status in wanted - set(operation.spec["responses"])]

    assert sorted(lacking) == []


def test_every_failure_is_a_problem_document(operations: list[Operation]):
    others = [
        f"{operation} {status}"
        for operation in operations
        for status, response in operation.spec["responses"].items()
        if status[0] in "45" and set(response.get("content", {})) != {PROBLEM_JSON}
    ]

    assert others == []


async def test_every_problem_that_is_named_can_be_looked_up(
    operations: list[Operation], client: httpx.AsyncClient
):
    named = {
        slug
        for operation in operations
        for response in operation.spec["responses"].values()
        for slug in re.findall(r"`(/problems/[a-z-]+)`", response["description"])
    }

    assert len(named) > 20
    assert len({kind.slug for kind in Refusal.__subclasses__()}) == len(Refusal.__subclasses__())
    for slug in named:
        assert (await client.get(f"{ORIGIN}{slug}")).status_code == 200, slug


def test_what_an_answer_is_and_its_headers_are_said(document: dict[str, Any], operations: list[Operation]):
    said = {
        (str(operation), status): (response["description"], set(response.get("headers", {})))
        for operation in operations
        for status, response in operation.spec["responses"].items()
    }

    assert [key for key, (words, _) in said.items() if re.search("fulfilled|URL follows", words)] == []
    for words, _ in said.values():
        slugs = re.findall(r"`(/problems/[a-z-]+)`", words)
        assert len(slugs) == len(set(slugs)), words
    assert all("Retry-After" in headers for (_, status), (_, headers) in said.items() if status == "429")
    assert "Idempotent-Replayed" in said["POST /api/v1/bookings", "201"][1]
    assert "Link" in said["GET /api/v1/events", "200"][1]
    assert "ETag" in said["GET /api/v1/events/{event_id}", "200"][1]
    assert [name for name in document["components"]["schemas"] if not re.fullmatch(r"[A-Za-z]+", name)] == []


def test_operations_that_documents_name_are_there(document: dict[str, Any], operations: list[Operation]):
    """The guide at the beginning of /docs, README and docs/: whoever follows them finds what they say."""

    def plain(path: str) -> str:
        return re.sub(r"{\w+}", "{}", path).removeprefix("/api/v1")

    there = {(operation.method.upper(), plain(operation.path)) for operation in operations}
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for text in (document["info"]["description"], *[path.read_text() for path in documents]):
        named = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]+)", text)
        assert [(method, path) for method, path in named if (method, plain(path)) not in there] == []
    assert len(re.findall("`GET /api", document["info"]["description"])) > 5


async def test_whoever_opens_the_bare_address_is_sent_to_the_docs(client: httpx.AsyncClient):
    answer = await client.get(f"{ORIGIN}/")

    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")


async def test_a_method_that_a_path_does_not_take_is_told_where_to_look(client: httpx.AsyncClient):
    answer = await client.delete(f"{ORIGIN}/api/v1/events")

    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST", "OPTIONS"}
    assert "`Allow`" in answer.json()["detail"]


def test_every_body_has_an_example_that_its_handler_takes(operations: list[Operation], app: Litestar):
    handlers = {
        handler.operation_id: handler
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler)
    }
    for operation in operations:
        if operation.body is None:
            continue
        kind = handlers[operation.spec["operationId"]].parsed_fn_signature.parameters["data"].annotation
        for shape in operation.body.get("oneOf", [operation.body]):
            try:
                example = operation.example(shape)
            except LookupError as error:
                pytest.fail(f"{operation} has no example of {error}")
            if kind is bytes:
                read_seat_map(msgspec.json.encode(example))
            else:
                msgspec.convert(example, kind)


class _Addresses(HTMLParser):
    """Every address a page makes a browser open by itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"src", "href"}]


async def test_the_docs_page_has_all_it_needs_in_this_house(client: httpx.AsyncClient):
    page = await client.get(f"{ORIGIN}/docs")
    addresses = _Addresses(page.text).found

    assert page.status_code == 200
    assert len(addresses) >= 3
    for address in addresses:
        assert re.match(r"/[^/]", address), f"{address} is in another house"
        answer = await client.get(f"{ORIGIN}{address}")
        assert (answer.status_code, len(answer.content) > 100) == (200, True), address
    assert re.search(
        r'url: *"/schema"', " ".join([(await client.get(f"{ORIGIN}{a}")).text for a in addresses])
    )


async def test_a_browser_lets_the_docs_page_talk_to_nobody_else(client: httpx.AsyncClient):
    """The bundle knows the address of a validator; the page's policy keeps even that from being asked."""
    page = await client.get(f"{ORIGIN}/docs")
    policy = dict(part.split(maxsplit=1) for part in page.headers["content-security-policy"].split("; "))

    assert policy["default-src"] == "'self'"
    assert set(" ".join(policy.values()).split()) <= {"'self'", "'unsafe-inline'", "'none'", "data:"}
    assert "'unsafe-inline'" not in policy.get("script-src", "")
    assert not re.search(r"(https?:)?//\w", page.text)


@pytest.mark.parametrize("name", ["", "..%2F__init__.py", "swagger-editor-bundle.js", "%00", "a" * 5000])
async def test_the_docs_page_hands_out_only_its_own_files(client: httpx.AsyncClient, name: str):
    assert (await client.get(f"{ORIGIN}/docs/swagger-ui/{name}")).status_code == 404


async def test_options_names_all_methods_of_a_path(client: httpx.AsyncClient, operations: list[Operation]):
    documented: dict[str, set[str]] = {}
    for operation in operations:
        documented.setdefault(re.sub(r"{\w+}", "1", operation.path), {"OPTIONS"}).add(
            operation.method.upper()
        )

    answers = {path: await client.options(ORIGIN + path) for path in documented}

    # Where an id must be a UUID, 1 is none, and the path is not there.
    allowed = {
        path: answer.headers["allow"].split(", ") for path, answer in answers.items() if answer.is_success
    }
    assert len(allowed) > len(documented) / 3
    assert {path: set(methods) for path, methods in allowed.items()} == {
        path: documented[path] for path in allowed
    }
