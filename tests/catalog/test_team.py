"""Teams by invitation, and API keys."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from accounts.mailbox import Mailbox, read, token_in
from boxoffice.accounts.identity import Role
from boxoffice.catalog.team import keys, members
from boxoffice.catalog.team.members import Invitations, InvitationWanted, carry_out_invitation
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from catalog.stage import VENUE, Person, person, soon, word

SHOP = "https://shop.example.org"


@pytest.fixture
async def owner(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def helper(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


async def invitation(mailbox: Mailbox, owner: Person, **body: Any) -> str:
    """Invite somebody; the token that arrives."""
    email = body.setdefault("email", f"{word()}@example.org").lower()
    answer = await owner.post("/team/invitations", {"role": "MANAGER", **body})
    assert answer.status_code == 201, answer.text
    async with mailbox.db.transaction() as tx:
        payloads = await tx.list(
            bytes, "DELETE FROM pgqueuer WHERE entrypoint = $1 RETURNING payload", members.INVITATION_JOB
        )
    invitations = Invitations(Settings().secret)
    for payload in payloads:
        if msgspec.json.decode(payload, type=InvitationWanted).invitation_id == answer.json()["id"]:
            await carry_out_invitation(mailbox.db, mailbox.post, invitations, SHOP, payload)
    letter = read(mailbox.envelopes[-1])
    assert (letter["To"], letter["Subject"]) == (email, "Join a team")
    return token_in(letter)


async def test_who_accepts_an_invitation_works_on_the_event_and_on_no_other(
    owner: Person, helper: Person, mailbox: Mailbox
):
    draft, other = await owner.has_draft(), await owner.has_draft()
    path = f"/events/{draft['id']}"
    token = await invitation(mailbox, owner, event_id=draft["id"])
    assert (await helper.get(path)).status_code == 404
    accepted = await helper.post("/team/invitations/accept", {"token": token})

    assert accepted.status_code == 200
    assert [item["event_id"] for item in accepted.json()["items"]] == [draft["id"]]
    assert (await helper.get(path)).json()["id"] == draft["id"]
    assert (await helper.patch(path, {"title": "Another"})).json()["title"] == "Another"
    assert (await helper.delete(path)).status_code == 403
    assert (await helper.patch(f"/events/{other['id']}", {"title": "No"})).status_code == 403
    assert (await helper.get(f"/events/{other['id']}")).status_code == 404
    assert (await helper.post("/team/invitations/accept", {"token": token})).status_code == 410
    assert (await owner.get("/team")).json()["invitations"] == []


async def test_who_is_taken_out_of_the_team_is_out_at_once(owner: Person, helper: Person, mailbox: Mailbox):
    draft = await owner.has_draft()
    token = await invitation(mailbox, owner)
    await helper.post("/team/invitations/accept", {"token": token})
    (member,) = (await owner.get("/team")).json()["members"]
    assert (member["user_id"], member["role"], member["event_id"]) == (helper.id, "MANAGER", None)
    assert (await helper.get(f"/events/{draft['id']}")).status_code == 200

    assert (await helper.delete(f"/team/members/{member['id']}")).status_code == 403
    assert (await owner.delete(f"/team/members/{member['id']}")).status_code == 204
    assert (await helper.get(f"/events/{draft['id']}")).status_code == 404
    assert (await owner.delete(f"/team/members/{member['id']}")).status_code == 404


async def test_a_member_leaves_and_nobody_leaves_for_another(owner: Person, helper: Person, mailbox: Mailbox):
    await helper.post("/team/invitations/accept", {"token": await invitation(mailbox, owner)})
    (membership,) = (await helper.get("/me/memberships")).json()["items"]

    assert membership["organizer_id"] == owner.id
    assert (await owner.delete(f"/me/memberships/{membership['id']}")).status_code == 404
    assert (await helper.delete(f"/me/memberships/{membership['id']}")).status_code == 204
    assert (await helper.get("/me/memberships")).json() == {"items": []}


async def test_an_invitation_is_withdrawn_or_replaced(owner: Person, helper: Person, mailbox: Mailbox):
    email = f"{word()}@example.org"
    first = await invitation(mailbox, owner, email=email.upper())
    second = await invitation(mailbox, owner, email=email)
    (invited,) = (await owner.get("/team")).json()["invitations"]

    assert (await helper.post("/team/invitations/accept", {"token": first})).status_code == 410
    assert (await owner.delete(f"/team/invitations/{invited['id']}")).status_code == 204
    assert (await helper.post("/team/invitations/accept", {"token": second})).status_code == 410


@pytest.mark.parametrize("change", [{"suspended": True}, {"role": "USER"}], ids=str)
async def test_the_team_of_who_may_not_sell_any_more_lets_guests_in_and_gives_back(
    owner: Person, helper: Person, mailbox: Mailbox, admin: Person, change: dict[str, Any]
):
    venue_id = await owner.has_venue()
    event = await owner.has_event(venue_id=venue_id)
    await helper.post("/team/invitations/accept", {"token": await invitation(mailbox, owner, role="OWNER")})
    asked = (
        (f"/events/{event['id']}/duplicate", {"starts_at": soon()}),
        (f"/events/{event['id']}/check-ins", {"code": "X"}),
        (f"/venues/{venue_id}/seat-maps", {}),
        (f"/bookings/{new_id(event['id'])}/refunds", {}),
        (f"/bookings/{new_id(event['id'])}/refunds/{new_id(event['id'])}/settle", None),
    )
    made = await owner.post("/api-keys", {"name": "Key", "role": "OWNER"})
    key = Person(owner.client, None, made.json()["key"])
    before = [(await helper.post(*each)).status_code for each in asked]
    assert (await admin.patch(f"/users/{owner.id}", change)).status_code == 200

    for who in (helper, key):
        assert [(await who.post(*each)).status_code for each in asked] == [403, 200, 403, 404, 403]
        assert (await who.get(f"/events/{event['id']}/check-ins")).status_code == 200
        assert (await who.get(f"/events/{event['id']}/bookings")).status_code == 403
    assert (await key.post("/venues", VENUE)).status_code == 403
    assert before == [201, 200, 422, 404, 404]
    await admin.patch(f"/users/{owner.id}", {"suspended": False, "role": "ORGANIZER"})
    assert (await helper.post(*asked[0])).status_code == 201


async def test_nobody_invites_to_events_of_others(
    owner: Person, app: Litestar, client: httpx.AsyncClient, db: Database
):
    other = await person(app, client, db, Role.ORGANIZER)
    draft = await other.has_draft()
    body = {"email": "ada@example.org", "role": "OWNER", "event_id": draft["id"]}
    answer = await owner.post("/team/invitations", body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/event_id")
    answer = await owner.post("/api-keys", {"name": "Key", "role": "OWNER", "event_id": draft["id"]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/event_id")


async def test_a_team_has_so_many_members_and_no_more(owner: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(members, "TEAM_MEMBERS_MAX", 3)
    answers = await asyncio.gather(
        *(owner.post("/team/invitations", {"email": f"{word()}@b.org", "role": "VIEWER"}) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5


async def test_a_key_opens_what_its_role_opens_and_tells_when_it_was_used(owner: Person, db: Database):
    event = await owner.has_event()
    made = await owner.post("/api-keys", {"name": "North gate", "role": "SCANNER", "event_id": event["id"]})
    key, about = made.json()["key"], made.json()["about"]
    gate = Person(owner.client, None, key)
    path = f"/events/{event['id']}/check-ins"

    assert key.startswith(f"bxo_{about['prefix']}_")
    assert about["last_used_at"] is None
    assert (await gate.post(path, {"code": "X"})).json()["result"] == "BAD_CODE"
    assert (await gate.get(f"/events/{event['id']}/journal")).status_code == 403
    assert (await gate.get("/bookings")).status_code == 403
    assert (await gate.post("/bookings", {"event_id": event["id"], "seat_ids": [0]})).status_code == 403
    (listed,) = (await owner.get("/api-keys")).json()["items"]
    assert listed["last_used_at"] is not None
    assert key not in (await owner.get("/api-keys")).text
    stored = await db.get(bytes, "SELECT secret_hash FROM api_keys WHERE id = $1", about["id"])
    assert key.encode() not in stored
    assert (await owner.delete(f"/api-keys/{about['id']}")).status_code == 204
    assert (await gate.post(path, {"code": "X"})).status_code == 401


@pytest.mark.parametrize(("role", "elsewhere"), [("SCANNER", False), ("VIEWER", True)])
async def test_a_key_without_the_right_sees_what_everybody_sees(owner: Person, role: str, elsewhere: bool):  # noqa: FBT001
    event, draft = await owner.has_event(), await owner.has_draft()
    body = {"name": "Key", "role": role} | ({"event_id": event["id"]} if elsewhere else {})
    program = Person(owner.client, None, (await owner.post("/api-keys", body)).json()["key"])

    assert (await program.get(f"/events/{event['id']}")).status_code == 200
    assert (await program.get(f"/events/{draft['id']}")).status_code == 404
    assert (await program.get("/events", mine="true")).status_code == 401


async def test_a_key_that_may_manage_makes_events(owner: Person):
    body = {"name": "Our shop", "role": "MANAGER", "expires_at": soon()}
    program = Person(owner.client, owner.identity, (await owner.post("/api-keys", body)).json()["key"])
    draft = await program.has_draft()

    assert draft["organizer_id"] == owner.id
    assert (await program.post(f"/events/{draft['id']}/publish")).status_code == 200
    assert (await program.delete(f"/events/{draft['id']}")).status_code == 403


@pytest.mark.parametrize("change", ["prefix", "secret", "case", "longer"])
async def test_a_key_that_is_not_quite_ours_opens_nothing(owner: Person, change: str):
    key: str = (await owner.post("/api-keys", {"name": "Key", "role": "OWNER"})).json()["key"]
    wrong = {
        "prefix": "bxo_aaaaaaaa" + key[12:],
        "secret": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "case": key.swapcase(),
        "longer": key + "A",
    }[change]

    assert (await Person(owner.client, None, wrong).get("/events", mine="true")).status_code == 401


async def test_there_are_so_many_keys_and_no_more(owner: Person, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keys, "API_KEYS_MAX", 3)
    answers = await asyncio.gather(
        *(owner.post("/api-keys", {"name": "Key", "role": "VIEWER"}) for _ in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
