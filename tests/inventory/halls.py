"""An event on sale in a hall that is rebuilt, and its organizer at the application's door."""

from collections.abc import Sequence
from typing import Any

import httpx
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person
from shows import Show

NUMBERS = [str(number) for number in range(1, 9)]


def hall(
    *rows: tuple[str, Sequence[str]], areas: dict[str, int] | None = None, box: str = ""
) -> dict[str, Any]:
    """Rows of seats, 25 apart in the order they are named; the row `box` has a category of its own."""
    return {
        "format": "BOXOFFICE",
        "name": "Hall",
        "categories": [{"name": "Stalls"}, *([{"name": "Box"}] if box else []), {"name": "Floor"}],
        "zones": [
            {
                "name": "Main",
                "rows": [
                    {
                        "name": name,
                        "seats": [
                            {
                                "number": number,
                                "x": 25 * x,
                                "y": 30 * y,
                                "category": "Box" if name == box else "Stalls",
                            }
                            for x, number in enumerate(numbers)
                        ],
                    }
                    for y, (name, numbers) in enumerate(rows)
                ],
            }
        ],
        "areas": [
            {"name": name, "capacity": capacity, "category": "Floor"}
            for name, capacity in (areas or {"Floor": 10}).items()
        ],
    }


class House:
    """An event on sale with two rows of eight seats, and its organizer."""

    def __init__(self, organizer: Person, venue_id: int, event: dict[str, Any], db: Database) -> None:
        self.organizer = organizer
        self.venue_id = venue_id
        self.id: int = event["id"]
        self.path = f"/events/{self.id}"
        self.show = Show(db=db, event_id=self.id, organizer_id=organizer.id)

    async def version(self, body: dict[str, Any]) -> int:
        """A further version of the venue's map."""
        return await self.organizer.has_map(self.venue_id, body)

    async def ask(
        self, action: str, seat_map_id: int, *, tag: str | None = None, **more: Any
    ) -> httpx.Response:
        """Preview the change (`/preview`), or make it."""
        headers = self.organizer.headers | ({} if tag is None else {"If-Match": tag})
        body = {"seat_map_id": seat_map_id, **more}
        return await self.organizer.client.post(f"{self.path}/seat-map{action}", json=body, headers=headers)

    async def change(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Have the event sell this map."""
        made = await self.ask("", await self.version(body), **more)
        assert made.status_code == 200, made.text
        return made.json()

    async def verify(self) -> None:
        """All that must be true of it, whatever happened."""
        await self.show.check_promises()
        assert isinstance(await verify_event(self.show.db, self.id), Verified)


async def open_house(app: Litestar, client: httpx.AsyncClient, db: Database) -> House:
    """A new event in a new hall."""
    organizer = await person(app, client, db, Role.ORGANIZER)
    venue_id = await organizer.has_venue()
    seat_map_id = await organizer.has_map(venue_id, hall(("A", NUMBERS), ("B", NUMBERS)))
    event = await organizer.has_event(venue_id=venue_id, seat_map_id=seat_map_id, hold_seconds=600)
    return House(organizer, venue_id, event, db)


def problem(found: httpx.Response) -> str:
    """What kind of refusal it was."""
    return found.json()["type"].removeprefix("/problems/")
