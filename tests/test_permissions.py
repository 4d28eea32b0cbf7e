"""Every route is tried by everybody: the table in `permissions.py` is what the doors do."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar, get

from boxoffice import permissions
from boxoffice.accounts.identity import Role
from boxoffice.catalog.team import queries as team
from boxoffice.catalog.team.roles import RIGHTS, Right, TeamRole
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.permissions import PERMISSIONS, Who, check_permissions
from catalog.stage import Person, person
from journeys.api_document import Operation, operations_of

# What each of these may do: whether somebody is let in, by what the table says of the route.
TEAM = {f"team {role}": RIGHTS[role] for role in TeamRole}
KEYS = {f"key {role}": RIGHTS[role] for role in TeamRole}
WHO = [
    "stranger", "forger", "buyer", "owner", "demoted owner", "other organizer", "admin", "former admin",
    "team elsewhere", "key elsewhere", "key of a former organizer", "key that is over", *TEAM, *KEYS,
]  # fmt: skip

# Refused at the door, by these and no other refusals.
SHUT = {"/problems/not-signed-in", "/problems/not-allowed"}
NOT_FOUND = "/problems/not-found"


def may(who: str, operation: str) -> bool:
    """What the table means, said a second time."""
    permission = PERMISSIONS[operation]
    if who == "key of a former organizer":
        stays = (Right.SEE, Right.SCAN, Who.VIEWER, Who.CONCERNED, Who.ANYBODY)
        return permission in stays or operation in ("RefundBooking", "TryRefundAgain")
    if isinstance(permission, Right):
        rights = {**TEAM, **KEYS, **dict.fromkeys(("owner", "admin"), frozenset(Right))}
        return permission in rights.get(who, ())
    keys = {*KEYS, "key elsewhere"}
    persons = {*TEAM, "buyer", "owner", "demoted owner", "other organizer", "admin", "former admin"}
    persons.add("team elsewhere")
    let_in: dict[Who, set[str]] = {
        Who.ANYBODY: set(WHO),
        Who.VIEWER: {*persons, *keys, "stranger"},
        Who.PERSON: persons,
        Who.CONCERNED: persons | {key for key, rights in KEYS.items() if Right.SEE in rights},
        Who.ORGANIZER: {"owner", "other organizer", "admin"},
        Who.SELLER: {"owner", "other organizer", "admin", "key OWNER", "key MANAGER"},
        Who.ADMIN: {"admin"},
    }
    return who in let_in[permission]


# An id that nothing has: 1 is the organizer whose team is left, where this is the first test of a database.
NOBODYS = "999999999999"


class House:
    """An organizer's event, and everybody who may come to its doors."""

    def __init__(self, app: Litestar, client: httpx.AsyncClient, db: Database) -> None:
        self.app, self.client, self.db = app, client, db

    async def open(self, who: str) -> Person:
        """A new event of a new organizer, and this somebody."""
        self.owner = await person(self.app, self.client, self.db, Role.ORGANIZER)
        venue_id = await self.owner.has_venue()
        event = await self.owner.has_event(venue_id=venue_id)
        self.ids: dict[str, Any] = {
            "venue_id": venue_id,
            # Of nobody: a member who leaves would be let in nowhere from then on.
            "member_id": "999999999",
            "event_id": event["id"],
            **{
                name: str(new_id(event["id"]))
                for name in ("booking_id", "payment_id", "ticket_id", "block_id")
            },
            "provider": "sandbox",
        }
        return await self._somebody(who)

    async def _somebody(self, who: str) -> Person:
        if who == "stranger":
            return Person(self.client, None, None)
        if who == "forger":
            return Person(self.client, None, "e30.e30.e30")
        if who == "owner":
            return self.owner
        if who == "demoted owner":
            return Person(
                self.client, self.owner.identity, self.app.state.tokens.issue(self.owner.id, Role.USER)
            )
        if who.startswith("key"):
            return await self._key(who)
        roles = {"admin": Role.ADMIN, "former admin": Role.ADMIN, "other organizer": Role.ORGANIZER}
        somebody = await person(self.app, self.client, self.db, roles.get(who, Role.USER))
        if who == "former admin":
            await self._set_role(somebody.id, Role.USER)
        if who.startswith("team"):
            elsewhere = (await self.owner.has_event())["id"]
            async with self.db.transaction() as tx:
                await team.insert_member(
                    tx,
                    organizer_id=self.owner.id,
                    user_id=somebody.id,
                    event_id=elsewhere if who == "team elsewhere" else None,
                    role=TeamRole.MANAGER if who == "team elsewhere" else TeamRole(who.removeprefix("team ")),
                )
        return somebody

    async def _key(self, who: str) -> Person:
        role = {"key elsewhere": "MANAGER", "key that is over": "OWNER"}.get(who, who.removeprefix("key "))
        body: dict[str, Any] = {"name": "A key", "role": role if role in RIGHTS else "OWNER"}
        if who == "key elsewhere":
            body["event_id"] = (await self.owner.has_event())["id"]
        if who == "key that is over":
            body["expires_at"] = "2020-01-01T00:00:00Z"
        answer = await self.owner.post("/api-keys", body)
        assert answer.status_code == 201, answer.text
        if who == "key of a former organizer":
            await self._set_role(self.owner.id, Role.USER)
        return Person(self.client, None, answer.json()["key"])

    async def _set_role(self, user_id: int, role: Role) -> None:
        async with self.db.transaction() as tx:
            await tx.execute("UPDATE users SET role = $2 WHERE id = $1", user_id, role)

    async def knock(self, somebody: Person, operation: Operation) -> httpx.Response:
        """Ask with a body that fits nothing, which is looked at behind the door only."""
        names = operation.names("path")
        address = operation.path.format(**{name: self.ids.get(name, NOBODYS) for name in names})
        headers = somebody.headers | {"Content-Type": "application/json"}
        content = b"[]" if operation.body is not None else None
        return await self.client.request(
            operation.method, f"http://testserver{address}", headers=headers, content=content
        )


@pytest_asyncio.fixture
async def house(app: Litestar, client: httpx.AsyncClient, db: Database) -> AsyncGenerator[House]:
    yield House(app, client, db)


@pytest.mark.parametrize("who", WHO)
async def test_every_route_lets_in_whom_the_table_says(house: House, who: str):
    operations = operations_of((await house.client.get("http://testserver/schema")).json())
    somebody = await house.open(who)
    wrong: list[str] = []
    tried = 0
    # What ends the event is tried last.
    for operation in sorted(operations, key=lambda each: "cancel" in each.path):
        if not operation.is_public_api or operation.is_stream:
            continue
        tried += 1
        permission = PERMISSIONS[operation.spec["operationId"]]
        answer = await house.knock(somebody, operation)
        problem = answer.json()["type"] if answer.status_code >= 400 else ""
        shut = problem in SHUT or (problem == NOT_FOUND and isinstance(permission, Right))
        is_vague = set(operation.names("path")) - {"event_id", "venue_id"} and problem == NOT_FOUND
        if answer.status_code >= 500 or (shut == may(who, operation.spec["operationId"]) and not is_vague):
            wrong.append(f"{operation} {permission}: {answer.status_code} {problem}")

    assert not wrong
    assert tried >= 60


def test_a_route_without_a_line_keeps_the_application_from_starting(monkeypatch: pytest.MonkeyPatch):
    @get("/api/v1/new", operation_id="New", sync_to_thread=False)
    def new() -> None: ...

    monkeypatch.setattr(permissions, "PERMISSIONS", {"Old": Who.ANYBODY})
    with pytest.raises(LookupError, match=r"\['New', 'Old'\]"):
        check_permissions(Litestar([new], openapi_config=None), "/api/v1")


async def test_the_document_says_which_routes_need_a_token(house: House):
    operations = operations_of((await house.client.get("http://testserver/schema")).json())
    said = {
        each.spec["operationId"]: bool(each.spec.get("security")) for each in operations if each.is_public_api
    }

    assert said == {name: who not in (Who.ANYBODY, Who.VIEWER) for name, who in PERMISSIONS.items()}
