"""Organizers and what they put on: people who talk to the application, maps, venues, events."""

import asyncio
import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from litestar import Litestar

from boxoffice.accounts import queries as accounts
from boxoffice.accounts.identity import Identity, Role
from boxoffice.kit.postgres import Database, Transaction

_numbers = itertools.count(1)

VENUE = {"name": "Old theatre", "city": "Erfurt", "country": "DE", "time_zone": "Europe/Berlin"}


class Person:
    """Somebody with an account, or a stranger without one, at the application's door."""

    def __init__(self, client: httpx.AsyncClient, identity: Identity | None, token: str | None) -> None:
        self.client = client
        self.identity = identity
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def id(self) -> int:
        """Of the account."""
        assert self.identity
        return self.identity.user_id

    async def get(self, path: str, headers: dict[str, str] | None = None, /, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params or None, headers=self.headers | (headers or {}))

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.headers)

    async def post_text(self, path: str, text: str | bytes) -> httpx.Response:
        headers = self.headers | {"Content-Type": "application/json"}
        return await self.client.post(path, content=text, headers=headers)

    async def patch(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.patch(path, json=body, headers=self.headers | (headers or {}))

    async def put(self, path: str, body: Any) -> httpx.Response:
        return await self.client.put(path, json=body, headers=self.headers)

    async def delete(self, path: str) -> httpx.Response:
        return await self.client.delete(path, headers=self.headers)

    async def has_venue(self, **changes: Any) -> int:
        """Make a venue; its id."""
        answer = await self.post("/venues", VENUE | changes)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def has_map(self, venue_id: int, body: Any = None) -> int:
        """Give the venue a seat map; its id."""
        answer = await self.post(f"/venues/{venue_id}/seat-maps", small_map() if body is None else body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def has_draft(self, **changes: Any) -> dict[str, Any]:
        """Make a draft with prices, at a new venue unless one is given."""
        venue_id = changes.get("venue_id") or await self.has_venue()
        seat_map_id = changes.get("seat_map_id") or await self.has_map(venue_id)
        answer = await self.post("/events", new_event(venue_id, seat_map_id) | changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def has_event(self, **changes: Any) -> dict[str, Any]:
        """Make an event that is on sale."""
        draft = await self.has_draft(**changes)
        answer = await self.post(f"/events/{draft['id']}/publish")
        assert answer.status_code == 200, answer.text
        return answer.json()


async def person(app: Litestar, client: httpx.AsyncClient, db: Database, role: Role) -> Person:
    """Somebody new with this role."""
    async with db.transaction() as tx:
        user_id = await accounts.insert_user(
            tx, email=f"{uuid.uuid4().hex}@example.org", name="Ada", role=role, password_hash="-"
        )
    assert user_id is not None
    return Person(client, Identity(user_id, role), app.state.tokens.issue(user_id, role))


def soon(**later: float) -> str:
    """A moment from now, a day unless told otherwise, as JSON has it."""
    return (datetime.now(UTC) + timedelta(**(later or {"days": 1}))).isoformat()


def word() -> str:
    """A word that no other test uses."""
    return f"w{uuid.uuid4().hex[:12]}"


def new_event(venue_id: int, seat_map_id: int, **changes: Any) -> dict[str, Any]:
    """The body of an event on the small map."""
    return {
        "venue_id": venue_id,
        "seat_map_id": seat_map_id,
        "title": f"Evening {next(_numbers)}",
        "starts_at": soon(),
        "currency": "EUR",
        "prices": {"Stalls": 4500, "Floor": 2000},
        **changes,
    }


def small_map() -> dict[str, Any]:
    """Our own shape: four seats in two rows, an area, and a category that nobody uses."""
    return {
        "format": "BOXOFFICE",
        "name": "Small",
        "categories": [
            {"name": "Stalls", "color": "#112233"},
            {"name": "Floor"},
            {"name": "Unused"},
        ],
        "zones": [
            {
                "name": "Left",
                "rows": [
                    {
                        "name": row,
                        "seats": [
                            {"number": "1", "x": 0, "y": y, "category": "Stalls", "accessible": True},
                            {"number": "2", "x": 25.5, "y": y, "category": "Stalls"},
                        ],
                    }
                    for row, y in (("A", 0), ("B", 30))
                ],
            }
        ],
        "areas": [{"name": "Floor", "capacity": 500, "category": "Floor"}],
    }


def small_plan() -> dict[str, Any]:
    """The open seating-plan JSON, with members we do not know and positions that add up."""
    return {
        "name": "Plan",
        "version": "0.0.1",
        "size": {"width": 100, "height": 100},
        "categories": [{"name": "Stalls", "color": "red"}, {"name": "Box", "color": "#aabbcc"}],
        "zones": [
            {
                "name": "Main",
                "zone_id": "z",
                "position": {"x": 100, "y": 200},
                "areas": [{"shape": "circle", "position": {"x": 0, "y": 0}, "color": "#fff"}],
                "rows": [
                    {
                        "row_number": "A",
                        "row_number_position": "both",
                        "uuid": "r",
                        "position": {"x": 10, "y": 20},
                        "seats": [
                            {
                                "seat_guid": f"guid-{number}",
                                "seat_number": str(number),
                                "radius": 10,
                                "start_at": 1,
                                "position": {"x": number, "y": 3},
                                "category": "Box" if number == 3 else "Stalls",
                            }
                            for number in (1, 2, 3)
                        ],
                    }
                ],
            }
        ],
    }


def arena(seats: int, *, row_seats: int = 100) -> dict[str, Any]:
    """A map of this many seats in one zone."""
    return {
        "format": "BOXOFFICE",
        "name": "Arena",
        "categories": [{"name": "Stalls"}, {"name": "Floor"}],
        "zones": [
            {
                "name": "Arena",
                "rows": [
                    {
                        "name": str(row),
                        "seats": [
                            {"number": str(seat), "x": seat * 25, "y": row * 30, "category": "Stalls"}
                            for seat in range(min(row_seats, seats - row * row_seats))
                        ],
                    }
                    for row in range(-(-seats // row_seats))
                ],
            }
        ],
    }


def pointers(answer: httpx.Response) -> list[str]:
    """Where a refusal points, after looking that it is a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return [error.get("pointer") or f"?{error['parameter']}" for error in problem["errors"]]


async def wait_until_it_waits(tx: Transaction, holder: int, rival: asyncio.Task[Any]) -> None:
    """Return once some other connection waits for the lock of the backend `holder`."""
    async with asyncio.timeout(10):
        while not await tx.get(
            bool,
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid)))",
            holder,
        ):
            assert not rival.done(), rival.result()
            await asyncio.sleep(0.01)
