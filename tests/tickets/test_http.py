"""Tickets over HTTP: who may see and scan them, and what a scanner can send."""

import base64
from typing import Any

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.tickets.code import read_code
from boxoffice.tickets.schemas import SCANNED_CHARACTERS_MAX
from tickets.qr_reader import modules_of_png, modules_of_svg, read_qr
from tickets.sales import Sale, insert_user, open_sale


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


class Door:
    """The application as one signed-in person reaches it."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, user_id: int, role: Role) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {app.state.tokens.issue(user_id, role)}"}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._client.get(path, headers=self._headers | headers)

    async def scan(self, sale: Sale, code: Any) -> httpx.Response:
        return await self._client.post(
            f"/events/{sale.event_id}/check-ins", json={"code": code}, headers=self._headers
        )

    async def post(self, path: str, content: bytes) -> httpx.Response:
        headers = self._headers | {"Content-Type": "application/json"}
        return await self._client.post(path, content=content, headers=headers)


@pytest.fixture
def buyer(app: Litestar, client: httpx.AsyncClient, sale: Sale) -> Door:
    return Door(app, client, sale.buyer_id, Role.USER)


@pytest.fixture
def gate(app: Litestar, client: httpx.AsyncClient, sale: Sale) -> Door:
    return Door(app, client, sale.organizer_id, Role.ORGANIZER)


async def test_a_buyer_opens_a_ticket_and_the_gate_admits_it_once(sale: Sale, buyer: Door, gate: Door):
    booking_id = await sale.sell(seat_ids=(12,), area_ids=(0,))

    listed = (await buyer.get(f"/bookings/{booking_id}/tickets")).json()["items"]
    ticket = (await buyer.get(f"/tickets/{listed[0]['id']}")).json()
    first = await gate.scan(sale, ticket["code"])
    second = await gate.scan(sale, ticket["code"])

    assert [item["place"]["label"] for item in listed] == ["Block A, row 2, seat 3", "Floor"]
    assert (
        ticket
        == listed[0]
        == {
            "id": ticket["id"],
            "booking_id": str(booking_id),
            "event_id": sale.event_id,
            "event_title": "An evening",
            "starts_at": "2030-05-03T18:00:00Z",
            "place": {
                "label": "Block A, row 2, seat 3",
                "zone": "Block A",
                "row": "2",
                "number": "3",
                "area": None,
                "seat_id": 12,
                "area_id": None,
            },
            "ticket_type": None,
            "state": "VALID",
            "code": ticket["code"],
            "admitted_at": None,
        }
    )
    assert (first.status_code, first.json()["result"]) == (200, "ADMITTED")
    assert (second.status_code, second.json()["result"]) == (200, "ALREADY_ADMITTED")
    assert second.json()["admitted_at"] == first.json()["admitted_at"]
    seen = (await buyer.get(f"/tickets/{ticket['id']}")).json()
    assert seen["admitted_at"] == first.json()["admitted_at"]


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", "image/svg+xml"),
        ("", "image/svg+xml", "image/svg+xml"),
        ("", "image/png", "image/png"),
        ("", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/svg+xml"),
        ("", "application/json", "image/svg+xml"),
        ("", ";;;q=inf,/,image/png;q=1e999", "image/png"),
        ("?format=png", "image/svg+xml", "image/png"),
        ("?format=svg", "image/png", "image/svg+xml"),
    ],
)
async def test_a_qr_code_comes_as_the_picture_that_was_asked_for(
    sale: Sale, buyer: Door, query: str, accept: str, media_type: str
):
    booking_id = await sale.sell(seat_ids=(12,))
    (ticket,) = (await buyer.get(f"/bookings/{booking_id}/tickets")).json()["items"]

    answer = await buyer.get(f"/tickets/{ticket['id']}/qr{query}", Accept=accept)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "private, max-age=300"
    read = modules_of_png if media_type == "image/png" else modules_of_svg
    assert read_qr(read(answer.content)) == ticket["code"]


async def test_an_unknown_picture_format_is_refused_by_name(sale: Sale, buyer: Door):
    booking_id = await sale.sell(seat_ids=(12,))
    (ticket,) = await sale.tickets(booking_id)

    answer = await buyer.get(f"/tickets/{ticket.id}/qr?format=gif")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "format"


async def test_a_void_ticket_has_no_qr_code_any_more(sale: Sale, buyer: Door):
    booking_id = await sale.sell(seat_ids=(12,))
    (ticket,) = await sale.tickets(booking_id)
    await sale.apply(sale.cancelled(booking_id))

    answer = await buyer.get(f"/tickets/{ticket.id}/qr")

    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/ticket-is-void")


async def test_other_peoples_tickets_are_not_there(app: Litestar, client: httpx.AsyncClient, sale: Sale):
    booking_id = await sale.sell(seat_ids=(12,))
    (ticket,) = await sale.tickets(booking_id)
    stranger = Door(app, client, await insert_user(sale.db), Role.USER)

    paths = [
        f"/bookings/{booking_id}/tickets",
        f"/bookings/{new_id(sale.event_id)}/tickets",
        "/bookings/1/tickets",
        f"/tickets/{ticket.id}",
        f"/tickets/{ticket.id}/qr",
        "/tickets/00000000-0000-0000-0000-000000000000",
        "/tickets/nothing",
        "/tickets/%00",
    ]
    answers = [await stranger.get(path) for path in paths]
    without_token = [await client.get(path) for path in (paths[0], paths[3], paths[4])]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.status_code for answer in without_token} == {401}


async def test_a_gate_is_the_events_organizer_or_an_admin(
    app: Litestar, client: httpx.AsyncClient, sale: Sale, buyer: Door
):
    stranger = Door(app, client, await insert_user(sale.db, "ORGANIZER"), Role.ORGANIZER)
    admin = Door(app, client, await insert_user(sale.db, "ADMIN"), Role.ADMIN)

    answers = {
        "nobody": (await client.post(f"/events/{sale.event_id}/check-ins", json={"code": ""})).status_code,
        "buyer": (await buyer.scan(sale, "")).status_code,
        "stranger": (await stranger.scan(sale, "")).status_code,
        "admin": (await admin.scan(sale, "")).status_code,
    }

    assert answers == {"nobody": 401, "buyer": 403, "stranger": 404, "admin": 200}


@pytest.mark.parametrize(
    "scanned", ["", "\x00", "hello", "☃" * 146, "A" * 146, "A" * SCANNED_CHARACTERS_MAX, "\U0001f3ab"]
)
async def test_whatever_a_scanner_reads_is_answered_with_a_result(sale: Sale, gate: Door, scanned: str):
    answer = await gate.scan(sale, scanned)

    assert (answer.status_code, answer.json()["result"]) == (200, "BAD_CODE")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"code": "\xff"}', 400, None),
        (b"[]", 422, ""),
        (b"{}", 422, "/code"),
        (b'{"code": 1}', 422, "/code"),
        (b'{"code": null}', 422, "/code"),
        (b'{"code": "", "admit": true}', 422, "/admit"),
        (b'{"code": "%s"}' % (b"A" * (SCANNED_CHARACTERS_MAX + 1)), 422, "/code"),
        (b'{"code": "%s"}' % (b"A" * 2_000_000), 413, None),
    ],
)
async def test_a_malformed_scan_is_refused(
    sale: Sale, gate: Door, body: bytes, status: int, pointer: str | None
):
    answer = await gate.post(f"/events/{sale.event_id}/check-ins", body)

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    if pointer is not None:
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("event_id", ["0", "-1", "4294967296", str(10**30), "one"])
async def test_an_event_that_cannot_be_is_not_there(gate: Door, event_id: str):
    answer = await gate.post(f"/events/{event_id}/check-ins", b'{"code": ""}')

    assert answer.status_code == 404


async def test_a_gate_without_a_connection_verifies_with_the_public_keys(
    client: httpx.AsyncClient, sale: Sale, buyer: Door
):
    booking_id = await sale.sell(seat_ids=(12,))
    (ticket,) = (await buyer.get(f"/bookings/{booking_id}/tickets")).json()["items"]

    keys = {key["kid"]: key for key in (await client.get("/ticket-keys")).json()["keys"]}

    code = read_code(ticket["code"])
    assert code is not None
    key = keys[code.key_id.hex()]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert code.signed_by(base64.urlsafe_b64decode(key["x"] + "="))
    assert (code.event_id, str(code.ticket_id)) == (sale.event_id, ticket["id"])


async def test_the_api_document_names_both_pictures(app: Litestar):
    paths = app.openapi_schema.to_schema()["paths"]

    answer = paths["/api/v1/tickets/{ticket_id}/qr"]["get"]["responses"]["200"]
    assert set(answer["content"]) == {"image/svg+xml", "image/png"}
