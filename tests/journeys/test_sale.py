"""The sale as a buyer lives it, over HTTP, with the sandbox provider reporting over HTTP too."""

import asyncio
from typing import Any

import httpx
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from payments.conftest import headers_of
from server import Server
from shows import Show, insert_user, open_show


class Buyer:
    """Somebody with a browser."""

    def __init__(self, http: httpx.AsyncClient, user_id: int) -> None:
        self.http = http
        self.headers = headers_of(user_id)

    async def hold(self, show: Show, *seat_ids: int) -> dict[str, Any]:
        """Hold seats."""
        answer = await self.http.post(
            "/api/v1/bookings", json={"event_id": show.event_id, "seat_ids": seat_ids}, headers=self.headers
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def press(self, booking: dict[str, Any], button: str) -> dict[str, Any]:
        """Start the payment and press one of the sandbox's buttons."""
        payment = await self.http.post(
            f"/api/v1/bookings/{booking['id']}/payments", json={}, headers=self.headers
        )
        assert payment.status_code == 201, payment.text
        pressed = await self.http.post(f"{payment.json()['checkout_url']}/{button}")
        assert pressed.status_code == 200, pressed.text
        return payment.json()

    async def get(self, path: str) -> Any:
        """Read something of one's own."""
        answer = await self.http.get(f"/api/v1{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def wait_for(self, path: str, field: str, *wanted: str) -> str:
        """Look until it is so: what a page that polls does."""
        async with asyncio.timeout(30):
            while (found := (await self.get(path))[field]) not in wanted:
                await asyncio.sleep(0.1)
        return found


@pytest.fixture
async def buyer(db: Database, two_servers: tuple[Server, Server]):
    """A new buyer at the first server."""
    async with httpx.AsyncClient(base_url=two_servers[0].url, timeout=30) as http:
        yield Buyer(http, await insert_user(db))


async def test_hold_pay_get_tickets_and_be_admitted_once(db: Database, buyer: Buyer):
    show = await open_show(db)
    booking = await buyer.hold(show, 3, 4)
    await buyer.press(booking, "pay")

    assert (await buyer.get(f"/bookings/{booking['id']}"))["state"] == "CONFIRMED"
    tickets = await buyer.get(f"/bookings/{booking['id']}/tickets")
    codes = [ticket["code"] for ticket in (tickets["items"] if isinstance(tickets, dict) else tickets)]
    assert len(codes) == 2

    gate = headers_of(show.organizer_id, Role.ORGANIZER)
    path = f"/api/v1/events/{show.event_id}/check-ins"
    scans = [await buyer.http.post(path, json={"code": codes[0]}, headers=gate) for _ in range(2)]
    assert [scan.json()["result"] for scan in scans] == ["ADMITTED", "ALREADY_ADMITTED"]
    await show.check_promises()


async def test_a_webhook_that_comes_twice_counts_once(db: Database, buyer: Buyer):
    show = await open_show(db)
    booking = await buyer.hold(show, 3)
    payment = await buyer.press(booking, "pay-twice")

    assert (await buyer.get(f"/payments/{payment['id']}"))["state"] == "CAPTURED"
    assert await show.count("tickets") == 1
    await show.check_promises()


async def test_a_declined_card_can_be_followed_by_one_that_works(db: Database, buyer: Buyer):
    show = await open_show(db)
    booking = await buyer.hold(show, 3)
    payment = await buyer.press(booking, "decline")
    assert (await buyer.get(f"/payments/{payment['id']}"))["state"] == "DECLINED"

    again = await buyer.press(booking, "pay")

    assert again["id"] == payment["id"]
    assert (await buyer.get(f"/bookings/{booking['id']}"))["state"] == "CONFIRMED"


async def test_late_money_for_free_seats_becomes_tickets(db: Database, buyer: Buyer):
    show = await open_show(db, hold_seconds=2)
    booking = await buyer.hold(show, 3)
    payment = await buyer.press(booking, "pay-late")

    await buyer.wait_for(f"/payments/{payment['id']}", "state", "CAPTURED")

    assert (await buyer.get(f"/bookings/{booking['id']}"))["state"] == "CONFIRMED"
    await show.check_promises()


async def test_late_money_for_taken_seats_is_refunded_without_anybody(db: Database, buyer: Buyer):
    show = await open_show(db, hold_seconds=2)
    booking = await buyer.hold(show, 3)
    payment = await buyer.press(booking, "pay-late")
    await show.wait_for_holds_to_end()
    rival = Buyer(buyer.http, await insert_user(db))
    await rival.press(await rival.hold(show, 3), "pay")

    await buyer.wait_for(f"/payments/{payment['id']}", "state", "REFUNDED")

    assert (await buyer.get(f"/bookings/{booking['id']}"))["state"] == "EXPIRED"
    assert await show.count("tickets") == 1
    await show.check_promises()


async def test_the_sweeper_of_a_running_server_tidies_up(db: Database, buyer: Buyer):
    show = await open_show(db, hold_seconds=1)
    await buyer.hold(show, 3)

    async with asyncio.timeout(30):
        while await show.claims():
            await asyncio.sleep(0.1)
    assert set((await show.states()).values()) == {"EXPIRED"}
