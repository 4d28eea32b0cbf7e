"""Whatever a client sends, it gets an answer that says what is wrong, and nothing changes.

The operations are those of the OpenAPI document, so one that is added is tried by itself.
"""

import base64
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from catalog.stage import Person, new_event, person, small_map, soon
from journeys.api_document import WRITING, Operation, operations_of
from journeys.bad_input import (
    BODIES,
    LARGE,
    NEVER,
    NUMBERS,
    PARAMETERS,
    POSITIONS,
    UUIDS,
    WORDS,
    with_bad_members,
    with_unknown_members,
)
from journeys.faults import Reading, fault_of, fault_of_problem, faults_in

ORIGIN = "http://testserver"
JSON = {"Content-Type": "application/json"}

TOKENS = ("", "Bearer", "Bearer x.y.z", "Bearer " + "x" * 5_000, "Basic dXNlcjpwYXNz", "Bearer \xff\x00")


class _Ids(dict[str, Any]):
    """What goes into addresses, by the parameter's name. What is in the things of ours, such as a seat: 1."""

    def __missing__(self, name: str) -> str:
        return "1"


class House:
    """An organizer with an event on sale, a draft, a booking, and everything that may be asked of them."""

    def __init__(self, organizer: Person, document: dict[str, Any], connection: asyncpg.Connection) -> None:
        self.organizer = organizer
        self.operations = operations_of(document)
        self.connection = connection
        self.ids = _Ids(provider="sandbox", slug="not-found")

    async def open(self) -> None:
        """Put on what is asked for below."""
        venue_id = await self.organizer.has_venue()
        seat_map_id = await self.organizer.has_map(venue_id)
        self.draft = await self.organizer.has_draft(venue_id=venue_id, seat_map_id=seat_map_id)
        self.event = await self.organizer.has_event(venue_id=venue_id, seat_map_id=seat_map_id)
        answer = await self.organizer.post("/bookings", {"event_id": self.event["id"], "seat_ids": [0]})
        assert answer.status_code == 201, answer.text
        booking_id = answer.json()["id"]
        payment = await self.organizer.post(f"/bookings/{booking_id}/payments", {})
        night = new_event(venue_id, seat_map_id)
        del night["starts_at"]
        series = await self.organizer.post("/series", night | {"starts": ["2030-01-31T20:00:00"]})
        self.ids |= {
            "venue_id": venue_id,
            "event_id": self.draft["id"],
            "booking_id": booking_id,
            "payment_id": payment.json()["id"],
            **{
                name: str(new_id(self.event["id"]))
                for name in ("ticket_id", "refund_id", "block_id", "payout_id")
            },
            "seat_map_id": seat_map_id,
            "series_id": series.json()["id"],
        }

    def address(self, operation: Operation, **ids: Any) -> str:
        """Where it is asked for, with our own ids unless others are given."""
        return ORIGIN + operation.path.format_map(_Ids(self.ids | ids))

    def examples(self, operation: Operation) -> list[Any]:
        """Bodies that fit, about our own things; none for an operation without a body."""
        if operation.body is None:
            return []
        bodies = [operation.example(shape) for shape in operation.body.get("oneOf", [operation.body])]
        fitting: dict[str, dict[str, Any]] = {
            "CreateEvent": {**new_event(self.ids["venue_id"], self.ids["seat_map_id"])},
            "CreateSeries": {
                "venue_id": self.ids["venue_id"],
                "seat_map_id": self.ids["seat_map_id"],
                "prices": {"Stalls": 1, "Floor": 2},
            },
            "UpdateSeries": {"prices": {"Stalls": 1, "Floor": 2}},
            "UpdateEvent": {"seat_map_id": self.ids["seat_map_id"], "prices": {"Stalls": 1, "Floor": 2}},
            "HoldPlaces": {"event_id": self.event["id"], "seat_ids": [1, 2], "answers": []},
        }
        return [body | fitting.get(operation.spec["operationId"], {}) for body in bodies]

    async def send(self, operation: Operation, address: str, **request: Any) -> httpx.Response:
        """Ask as the organizer, unless the request says otherwise."""
        headers = request.pop("headers", self.organizer.headers | JSON)
        return await self.organizer.client.request(operation.method, address, headers=headers, **request)

    async def state(self) -> dict[str, tuple[int, int]]:
        """How many rows each table but the unlogged has, and the newest transaction that wrote one."""
        logged = "relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p'"
        tables = await self.connection.fetch(f"SELECT relname FROM pg_class WHERE {logged}")  # noqa: S608
        counts = [
            f"SELECT '{table[0]}', count(*), coalesce(max(xmin::text::bigint), 0) FROM {table[0]}"  # noqa: S608  names from the catalog
            for table in tables
        ]
        rows = await self.connection.fetch(" UNION ALL ".join(counts))
        return {row[0]: (row[1], row[2]) for row in rows}


@pytest_asyncio.fixture(scope="module")
async def house(app: Litestar, db: Database, dsn: str) -> AsyncGenerator[House]:
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    connection = await asyncpg.connect(dsn)
    async with httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/api/v1") as client:
        organizer = await person(app, client, db, Role.ADMIN)
        document = (await client.get(f"{ORIGIN}/schema")).json()
        opened = House(organizer, document, connection)
        await opened.open()
        yield opened
    await connection.close()


@pytest.fixture
def with_body(house: House) -> list[Operation]:
    """Every operation that takes a body."""
    found = [operation for operation in house.operations if operation.body is not None]
    assert len(found) >= 9
    return found


async def test_a_body_that_fits_nothing_is_refused_and_changes_nothing(
    house: House, with_body: list[Operation]
):
    before = await house.state()
    answers = {
        f"{operation}, {name}": await house.send(operation, house.address(operation), content=body)
        for operation in with_body
        for name, body in {**BODIES, "two megabytes": LARGE}.items()
    }

    assert not faults_in(answers.items())
    assert {answer.status_code for answer in answers.values()} == {400, 413, 422}
    assert await house.state() == before


async def test_who_is_not_signed_in_learns_nothing_from_a_bad_body(house: House, with_body: list[Operation]):
    guarded = [operation for operation in with_body if operation.spec.get("security")]
    before = await house.state()
    answers = {
        f"{operation}, {name}, {token[:20]!r}": await house.send(
            operation,
            house.address(operation),
            content=body,
            headers=JSON | ({"Authorization": token.encode("latin-1")} if token else {}),
        )
        for operation in guarded
        for token in TOKENS
        for name, body in {
            "half an object": b"{",
            "deep arrays": BODIES["deep arrays"],
            "large": LARGE,
        }.items()
    }

    assert not faults_in(answers.items())
    assert {answer.status_code for answer in answers.values()} == {401}
    assert await house.state() == before


async def test_a_body_that_does_not_call_itself_json_is_refused(house: House, with_body: list[Operation]):
    kinds = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", None)
    before = await house.state()
    answers = {
        f"{operation}, {kind!r}": await house.send(
            operation,
            house.address(operation),
            content=msgspec.json.encode(house.examples(operation)[0]),
            headers=house.organizer.headers | ({} if kind is None else {"Content-Type": kind}),
        )
        for operation in with_body
        for kind in kinds
    }

    assert not faults_in(answers.items())
    assert {answer.status_code for answer in answers.values()} == {415}
    assert await house.state() == before


async def test_no_value_of_a_member_is_too_much_for_us(
    house: House, with_body: list[Operation], app: Litestar
):
    """Of the values that the reading of a body refuses, one for each member is sent; all others are."""
    reading, sent = Reading(app), 0
    for operation in with_body:
        address = house.address(operation)
        for example in house.examples(operation):
            tried: set[str] = set()
            for pointer, name, body in with_bad_members(example):
                what, refused = (operation, pointer, name), reading.refused(operation, body)
                assert refused is None or fault_of_problem(refused["status"], refused) is None, (
                    what,
                    refused,
                )
                if refused is None or pointer not in tried:
                    answer, sent = await house.send(operation, address, content=body), sent + 1
                    assert fault_of(answer) is None, (what, fault_of(answer))
                    if refused is not None:
                        tried.add(pointer)
                        assert answer.json() | {"request_id": None} == refused, what
                assert name not in NEVER or (refused is not None and refused["status"] in (400, 422)), what

    assert sent > 1_000


async def test_an_unknown_member_is_pointed_at(house: House, with_body: list[Operation]):
    before = await house.state()
    for operation in with_body:
        for pointer, body in with_unknown_members(house.examples(operation)[0]):
            if "/prices/" in pointer or pointer.startswith("/tax/basis_points_of"):
                continue
            answer = await house.send(operation, house.address(operation), content=body)

            assert answer.status_code == 422, (operation, pointer, answer.text)
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await house.state() == before


async def test_a_body_where_none_is_wanted_does_no_harm(house: House):
    without = [each for each in house.operations if each.method in WRITING and each.body is None]
    # An event of its own: one of the requests cancels it.
    event = await house.organizer.has_event(
        venue_id=house.ids["venue_id"], seat_map_id=house.ids["seat_map_id"]
    )
    booking = await house.organizer.post("/bookings", {"event_id": event["id"], "seat_ids": [3]})
    ours = {"event_id": event["id"], "booking_id": booking.json()["id"]}
    answers = {
        f"{operation}, {name}": await house.send(operation, house.address(operation, **ours), content=body)
        for operation in without
        for name, body in {**BODIES, "two megabytes": LARGE}.items()
    }

    assert len(without) >= 4
    assert not faults_in(answers.items())


async def test_an_address_of_nothing_is_not_found(house: House):
    """Nor is a thing of another event, or of somebody else."""
    asked = [(operation, name) for operation in house.operations for name in operation.names("path")]
    before = await house.state()
    answers: dict[str, httpx.Response] = {}
    for operation, name in asked:
        # A seat's id begins with 0.
        numbers = NUMBERS if name in house.ids else NUMBERS[1:]
        strange = (*UUIDS, str(new_id(house.event["id"])), str(new_id(2**32 - 1)), *numbers, *WORDS)
        for value in strange:
            examples = house.examples(operation)
            request = {"json": examples[0]} if examples else {}
            address = house.address(operation, **{name: value})
            answers[f"{operation} {name} {value[:50]}"] = await house.send(operation, address, **request)

    assert len(asked) >= 15
    assert not faults_in(answers.items())
    assert {what: answer.status_code for what, answer in answers.items() if answer.status_code != 404} == {}
    assert await house.state() == before


async def test_no_parameter_of_a_query_is_too_much_for_us(house: House):
    finite = [operation for operation in house.operations if not operation.is_stream]
    asked = [(operation, name) for operation in finite for name in operation.names("query")]
    cursors = [base64.urlsafe_b64encode(position).decode().rstrip("=") for position in POSITIONS]
    answers: dict[str, httpx.Response] = {}
    for operation, name in asked:
        for value in [*PARAMETERS, *(cursors if name == "cursor" else [])]:
            address = f"{house.address(operation)}?{name}={value}"
            answers[f"{operation} {name}={value[:50]}"] = await house.send(operation, address)
        address = f"{house.address(operation)}?{name}=1&{name}=2"
        answers[f"{operation} {name} twice"] = await house.send(operation, address)

    assert len(asked) >= 10
    assert not faults_in(answers.items())
    # 409: the booking has no credit note.
    assert {answer.status_code for answer in answers.values()} <= {200, 404, 409, 422}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "abc", "", "1.5", str(2**70)])
async def test_a_page_has_1_to_100_items(house: House, limit: str):
    for operation in house.operations:
        if "limit" in operation.names("query"):
            answer = await house.send(operation, f"{house.address(operation)}?limit={limit}")

            assert answer.status_code == 422, operation
            assert [error["parameter"] for error in answer.json()["errors"]] == ["limit"]


async def test_every_kind_of_problem_can_be_looked_up(house: House):
    """Those too that no operation names: a wrong method, an address that does not exist."""
    client = house.organizer.client
    problems = [
        await client.put("/me"),
        await client.get("/nothing"),
        await client.get("/me"),
        await client.post("/bookings", content=b"{", headers=house.organizer.headers | JSON),
        await client.get("/events?cursor=x"),
    ]

    for problem in problems:
        assert fault_of(problem) is None
        assert problem.status_code >= 400
        assert (await client.get(ORIGIN + problem.json()["type"])).status_code == 200, problem.text


def _seat_map_with_a_seat_twice() -> dict[str, Any]:
    body = small_map()
    body["zones"][0]["rows"][1]["seats"][1]["number"] = "1"
    return body


@pytest.mark.parametrize(
    ("path", "change", "pointer"),
    [
        ("/bookings", {"seat_ids": [1, 2, 1]}, "/seat_ids/2"),
        ("/bookings", {"seat_ids": [1, 4]}, "/seat_ids/1"),
        ("/bookings", {"seat_ids": [2**31 - 1]}, "/seat_ids/0"),
        ("/bookings", {"seat_ids": list(range(10_001))}, "/seat_ids"),
        ("/bookings", {"seat_ids": []}, "/seat_ids"),
        ("/bookings", {"seat_ids": ["1"]}, "/seat_ids/0"),
        ("/bookings", {"seat_ids": [True]}, "/seat_ids/0"),
        ("/bookings", {"seat_ids": [1], "seats": 1}, "/seats"),
        ("/bookings", {"areas": [{"area_id": 1, "quantity": 1}]}, "/areas"),
        ("/bookings", {"areas": [{"area_id": 0, "quantity": 0}]}, "/areas/0/quantity"),
        ("/bookings", {"areas": [{"area_id": 0, "quantity": 1}] * 2}, "/areas/1/area_id"),
        ("/bookings", {"seat_ids": [1], "areas": [{"area_id": 0, "quantity": 100}]}, "/areas"),
        ("/venues/{venue_id}/seat-maps", _seat_map_with_a_seat_twice(), "/zones/0/rows/1/seats/1/number"),
        ("/events", {"starts_at": soon(days=-1)}, "/starts_at"),
        ("/events", {"prices": {"Stalls": -1}}, "/prices/Stalls"),
        ("/events", {"prices": {"Balcony": 1}}, "/prices/Balcony"),
    ],
)
async def test_bad_input_is_pointed_at_and_changes_nothing(
    house: House, path: str, change: dict[str, Any], pointer: str
):
    basis: dict[str, dict[str, Any]] = {
        "/bookings": {"event_id": house.event["id"]},
        "/events": new_event(house.ids["venue_id"], house.ids["seat_map_id"]),
    }
    before = await house.state()
    answer = await house.organizer.post(path.format(**house.ids), basis.get(path, {}) | change)

    assert answer.status_code == 422, answer.text
    assert fault_of(answer) is None
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await house.state() == before


async def test_a_category_without_price_keeps_an_event_from_being_published(house: House):
    draft = await house.organizer.has_draft(
        venue_id=house.ids["venue_id"], seat_map_id=house.ids["seat_map_id"], prices={"Stalls": 100}
    )
    before = await house.state()
    answer = await house.organizer.post(f"/events/{draft['id']}/publish")

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/prices/Floor"]
    assert await house.state() == before


async def test_a_body_of_two_megabytes_is_refused_and_changes_nothing(house: House):
    body = msgspec.json.encode({"event_id": house.event["id"], "seat_ids": [1]})
    before = await house.state()
    answer = await house.organizer.post_text("/bookings", body + b" " * (2_000_000 - len(body)))

    assert answer.status_code == 413
    assert fault_of(answer) is None
    assert await house.state() == before
