"""The archive: what is over is put away and not lost."""

from typing import Any

from boxoffice.kit.postgres import Database
from catalog.stage import Person, soon, word


async def listed(person: Person, title: str, **params: Any) -> list[int]:
    """The events of this title in a list."""
    answer = await person.get("/events", {}, q=title, **params)
    assert answer.status_code == 200, answer.text
    return [event["id"] for event in answer.json()["items"]]


async def make_past(db: Database, event_id: int, *, sale_ends_in: str | None = None) -> None:
    """Time goes by."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events SET starts_at = now() - interval '3 hours', ends_at = now() - interval '1 second',
                              sale_starts_at = NULL, sale_ends_at = now() + $2::text::interval
             WHERE id = $1
            """,
            event_id,
            sale_ends_in,
        )


async def test_a_past_event_goes_into_the_archive_and_comes_back(
    organizer: Person, stranger: Person, db: Database
):
    title = word()
    event = await organizer.has_event(title=title)
    path = f"/events/{event['id']}"
    await make_past(db, event["id"])
    past = {"from": soon(days=-1)}
    assert await listed(stranger, title, **past) == await listed(organizer, title, mine=True) == [event["id"]]

    first = await organizer.post(f"{path}/archive")
    second = await organizer.post(f"{path}/archive")

    assert first.status_code == second.status_code == 200, first.text
    assert first.json() == second.json()
    assert first.json()["archived_at"] is not None
    assert await listed(stranger, title, **past) == await listed(organizer, title, mine=True) == []
    assert await listed(organizer, title, mine=True, archived=True) == [event["id"]]
    assert (await stranger.get(path)).json()["id"] == event["id"], "nothing is deleted"

    for _ in range(2):
        back = await organizer.post(f"{path}/unarchive")
        assert (back.status_code, back.json()["archived_at"]) == (200, None)
    assert await listed(stranger, title, **past) == await listed(organizer, title, mine=True) == [event["id"]]
    assert await listed(organizer, title, mine=True, archived=True) == []


async def test_what_is_to_come_or_still_on_sale_is_not_put_away(organizer: Person, db: Database):
    coming, draft, on_sale, by_channel = [
        await (organizer.has_draft() if number == 1 else organizer.has_event()) for number in range(4)
    ]
    await make_past(db, on_sale["id"], sale_ends_in="1 hour")
    await make_past(db, by_channel["id"])
    async with db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO channels (event_id, id, name, key_hash, sale_ends_at)
            VALUES ($1, 0, 'Box office', sha256('x'), now() + interval '1 hour')
            """,
            by_channel["id"],
        )

    for event in (coming, draft, on_sale, by_channel):
        answer = await organizer.post(f"/events/{event['id']}/archive")
        assert answer.status_code == 409, answer.text
        assert answer.json()["type"] == "/problems/event-is-not-over"
        assert answer.json()["over_at"]


async def test_what_is_put_away_is_not_put_on_sale_again(organizer: Person, db: Database):
    event, draft = await organizer.has_event(), await organizer.has_draft()
    channel = (await organizer.post(f"/events/{event['id']}/channels", {"name": "Box office"})).json()
    for each in (event, draft):
        await make_past(db, each["id"])
        assert (await organizer.post(f"/events/{each['id']}/archive")).status_code == 200

    later, path = {"sale_ends_at": soon(days=9)}, f"/events/{event['id']}"
    refused = (
        await organizer.patch(path, later),
        await organizer.patch(f"/events/{draft['id']}", {"starts_at": soon(days=9)}),
        await organizer.post(f"{path}/channels", {"name": "Late"} | later),
        await organizer.patch(f"{path}/channels/{channel['id']}", later),
    )

    assert [each.status_code for each in refused] == [409, 409, 409, 409]
    assert {each.json()["type"] for each in refused} == {"/problems/event-is-archived"}
    assert (await organizer.post(f"{path}/unarchive")).status_code == 200
    assert (await organizer.patch(path, later)).status_code == 200


async def test_a_cancelled_event_may_be_put_away_at_once(organizer: Person):
    event = await organizer.has_event()
    assert (await organizer.post(f"/events/{event['id']}/cancel")).status_code == 200

    assert (await organizer.post(f"/events/{event['id']}/archive")).status_code == 200


async def test_only_its_organizer_puts_an_event_away(
    organizer: Person, rival: Person, buyer: Person, stranger: Person, admin: Person, db: Database
):
    event = await organizer.has_event()
    await make_past(db, event["id"])
    for what in ("archive", "unarchive"):
        path = f"/events/{event['id']}/{what}"
        answers = [await person.post(path) for person in (rival, buyer, stranger, admin)]
        assert [answer.status_code for answer in answers] == [404, 403, 401, 200]


async def test_the_archive_of_others_cannot_be_listed(organizer: Person):
    answer = await organizer.get("/events", {}, archived=True)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "archived"
