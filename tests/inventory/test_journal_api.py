"""The journal over HTTP and on the command line."""

import json
import re
from typing import Any

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.inventory.changes import Change
from boxoffice.inventory.journal import feed as journal_feed
from boxoffice.inventory.journal.chain import GENESIS, chain_hash
from boxoffice.inventory.journal.feed import JournalEntry
from boxoffice.inventory.journal.queries import list_rows
from boxoffice.inventory.journal.replay import VERSION_MAX
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from command_line import run_here
from inventory.selling import hold
from inventory.stories import Story, tamper, tell_story
from payments.conftest import headers_of
from shows import insert_user, open_show


@pytest.fixture
async def story(parts: Parts, other_parts: Parts) -> Story:
    return await tell_story(parts, other_parts)


def organizer_of(story: Story) -> dict[str, str]:
    return headers_of(story.show.organizer_id, Role.ORGANIZER)


async def get(client: httpx.AsyncClient, story: Story, path: str, **params: Any) -> Any:
    """What the organizer is answered."""
    answer = await client.get(
        f"/events/{story.show.event_id}/{path}", params=params, headers=organizer_of(story)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_feed_has_every_row_in_order_and_its_changes_by_type(
    client: httpx.AsyncClient, story: Story
):
    page = await get(client, story, "journal")

    assert page["next_cursor"] is None
    assert [entry["version"] for entry in page["items"]] == [1, 2, 3, 4, 5]
    assert [change["type"] for entry in page["items"] for change in entry["changes"]] == [
        "HELD", "HELD", "CONFIRMED", "CANCELLED", "HELD",
    ]  # fmt: skip
    first = page["items"][0]["changes"][0]
    assert (first["booking_id"], first["buyer_id"]) == (str(story.sold.id), 1)
    assert (first["seat_ids"], first["area_ids"], first["amounts"]) == ([3, 4], [0], [2500] * 3)
    entries = msgspec.convert(page["items"], list[JournalEntry], strict=False)
    previous = GENESIS
    for entry in entries:
        text = msgspec.json.encode(tuple[Change, ...](entry.changes)).decode()
        previous = chain_hash(previous, entry.version, entry.at, text)
        assert entry.hash == previous.hex()


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_the_feed_can_be_followed_by_link_and_by_version(
    client: httpx.AsyncClient, story: Story, limit: int
):
    path: str | None = f"/events/{story.show.event_id}/journal?limit={limit}"
    seen: list[int] = []
    while path is not None:
        answer = await client.get(path, headers=organizer_of(story))
        seen += [entry["version"] for entry in answer.json()["items"]]
        link = answer.links.get("next", {}).get("url")
        path = None if link is None else link.removeprefix("/api/v1")
    assert seen == [1, 2, 3, 4, 5]

    since = await get(client, story, "journal", after=3, limit=limit)
    assert [entry["version"] for entry in since["items"]] == [4, 5][:limit]
    assert (await get(client, story, "journal", after=5))["items"] == []
    assert (await get(client, story, "journal", after=VERSION_MAX))["items"] == []


async def test_a_page_of_long_rows_is_short_and_goes_on(
    db: Database, client: httpx.AsyncClient, story: Story, monkeypatch: pytest.MonkeyPatch
):
    rows = await list_rows(db, story.show.event_id, 0, 5, 5)
    sizes = [len(row.changes) for row in rows]

    async def versions_with(bytes_max: int) -> list[int]:
        monkeypatch.setattr(journal_feed, "PAGE_BYTES_MAX", bytes_max)
        page = await get(client, story, "journal")
        assert (page["next_cursor"] is None) == (len(page["items"]) == 5)
        return [entry["version"] for entry in page["items"]]

    assert await versions_with(1) == [1]
    assert await versions_with(sizes[0]) == [1]
    assert await versions_with(sizes[0] + 1) == [1, 2]
    assert await versions_with(sum(sizes[:4]) + 1) == [1, 2, 3, 4, 5]


async def test_a_seat_has_its_label_and_its_history(client: httpx.AsyncClient, story: Story):
    found = await get(client, story, "seats/7/history", limit=1)

    assert (found["seat_id"], found["zone"], found["row"], found["number"]) == (7, "Block A", "1", "8")
    assert [(item["kind"], item["state"]) for item in found["items"]] == [("HELD", "HELD")]
    assert found["items"][0]["booking_id"] == str(story.cancelled.id)
    assert found["moment"] is None
    rest = await get(client, story, "seats/7/history", cursor=found["next_cursor"])
    assert [(item["kind"], item["state"]) for item in rest["items"]] == [("CANCELLED", "FREE")]


async def test_why_a_seat_could_not_be_had_is_answered(client: httpx.AsyncClient, story: Story):
    moment = story.cancelled.created_at.isoformat()

    found = await get(client, story, "seats/7/history", at=moment)

    then = found["moment"]
    assert (then["state"], then["available"], then["version"]) == ("HELD", False, 2)
    assert f"by booking {story.cancelled.id}, since " in then["words"]
    assert (then["because"]["version"], then["then"]["version"]) == (2, 4)
    assert found["items"] == []


@pytest.mark.parametrize("path", ["journal", "seats/3/history"])
async def test_only_the_organizer_and_an_admin_may_look(
    db: Database, client: httpx.AsyncClient, story: Story, path: str
):
    url = f"/events/{story.show.event_id}/{path}"
    statuses = {
        "admin": headers_of(await insert_user(db, "ADMIN"), Role.ADMIN),
        "another organizer": headers_of(await insert_user(db, "ORGANIZER"), Role.ORGANIZER),
        "buyer": headers_of(await insert_user(db)),
        "stranger": {},
    }

    answers = {who: (await client.get(url, headers=headers)).status_code for who, headers in statuses.items()}

    assert answers == {"admin": 200, "another organizer": 404, "buyer": 403, "stranger": 401}
    nowhere = await client.get(f"/events/{2**32 - 1}/{path}", headers=statuses["admin"])
    assert nowhere.status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("seats/39/history", 200),
        ("seats/40/history", 404),
        (f"seats/{2**63 - 1}/history", 404),
        (f"seats/{2**63}/history", 404),
        ("seats/-1/history", 404),
        ("seats/3/history?at=yesterday", 422),
        ("seats/3/history?at=2027-01-11T10:00:03", 422),
        ("seats/3/history?at=0001-01-01T00:00:00%2B14:00", 422),
        ("seats/3/history?at=2027-01-11T10:00:03+01:00", 200),
        ("seats/3/history?at=2027-01-11T10:00:03Z", 200),
        ("seats/3/history?cursor=x", 422),
        ("seats/3/history?cursor=W1sxXV0", 200),
        ("seats/3/history?cursor=W1stMV1d", 422),
        ("seats/3/history?limit=101", 422),
        ("journal?limit=0", 422),
        ("journal?after=-1", 422),
        (f"journal?after={2**63}", 422),
        ("journal?cursor=WzFd", 200),
        ("journal?cursor=Wy0xXQ", 422),
        ("journal?cursor=WyJ4Il0", 422),
    ],
)
async def test_what_does_not_fit_is_refused(client: httpx.AsyncClient, story: Story, path: str, status: int):
    answer = await client.get(f"/events/{story.show.event_id}/{path}", headers=organizer_of(story))

    assert answer.status_code == status, answer.text


async def test_an_event_that_never_sold_has_an_empty_journal(db: Database, client: httpx.AsyncClient):
    show = await open_show(db, state="DRAFT")
    headers = headers_of(show.organizer_id, Role.ORGANIZER)

    feed = await client.get(f"/events/{show.event_id}/journal", headers=headers)
    seat = await client.get(
        f"/events/{show.event_id}/seats/0/history?at=2027-01-11T10:00:03Z", headers=headers
    )

    assert feed.json() == {"items": [], "next_cursor": None}
    assert seat.json()["moment"]["words"] == "Free: nobody had taken it yet."


async def test_the_command_line_verifies_and_exits_with_1_at_a_difference(
    db: Database, owner_db: Database, dsn: str, story: Story
):
    event_id = story.show.event_id
    environment = {"DATABASE_URL": dsn}
    fine = run_here("journal", "verify", "--event", str(event_id), environment=environment)
    await tamper(owner_db, "DELETE FROM claims WHERE event_id = $1 AND seat_id = 3", event_id)
    wrong = run_here("journal", "verify", environment=environment)
    unknown = run_here("journal", "verify", "--event", str(2**32), environment=environment)

    assert (fine.returncode, fine.stderr) == (0, "")
    together = "every journal holds together, and the tables say the same."
    assert fine.stdout == f"1 event, 5 journal rows: {together}\n"
    assert (wrong.returncode, wrong.stderr) == (1, "")
    words = f"Event {event_id}, seat 3: expected a claim of booking {story.sold.id}, found no claim.\n"
    assert words in wrong.stdout
    assert (unknown.returncode, unknown.stderr) == (
        1,
        f"boxoffice: There is no event {2**32}: check its id.\n",
    )


async def test_the_command_line_shows_an_inventory_as_it_was(dsn: str, story: Story):
    event = ("--event", str(story.show.event_id))

    def replay(*options: str) -> tuple[int, str, str]:
        done = run_here(
            "journal", "replay", *event, *options, environment={"DATABASE_URL": dsn, "COLUMNS": "80"}
        )
        return done.returncode, done.stdout, done.stderr

    status, printed, _ = replay("--at", story.cancelled.created_at.isoformat(), "--seats", "--json")
    then = json.loads(printed)
    assert status == 0
    assert (then["version"], then["seats"]["held"], then["pending_bookings"]) == (2, 3, 2)
    assert [seat["seat_id"] for seat in then["taken_seats"]] == [3, 4, 7]
    _, table, _ = replay("--seats")
    assert f"│ {story.sold.id} │" in table
    assert re.search(r"│ Area 1: places taken of 4 +│ +1 │", table)
    assert re.match(r"Event \d+, An evening, at \S+Z: version 5 of \S+Z\n", table)
    assert replay("--version", "6")[2].endswith("The journal ends at version 5.\n")
    assert replay("--at", "noon")[0] == 1
    assert "not both" in replay("--at", "2027-01-11T10:00:03Z", "--version", "1")[2]


async def test_a_journal_that_cannot_be_replayed_says_so(
    db: Database, owner_db: Database, dsn: str, parts: Parts
):
    show = await open_show(db)
    await hold(parts.sales, show.event_id, 1, seat_ids=[1])
    await tamper(owner_db, "UPDATE journal SET changes = '[1]' WHERE event_id = $1", show.event_id)

    done = run_here("journal", "replay", "--event", str(show.event_id), environment={"DATABASE_URL": dsn})

    assert done.returncode == 1
    assert done.stderr.startswith(f"boxoffice: Event {show.event_id} cannot be replayed (expected changes of")
