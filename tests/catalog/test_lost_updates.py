"""Two people who change one event: with If-Match, neither undoes what it has not seen."""

import asyncio
from contextvars import Context

import pytest

from boxoffice.kit.postgres import Database
from catalog.stage import Person, wait_until_it_waits


async def test_an_event_that_one_has_already_is_not_sent_again(organizer: Person, stranger: Person):
    event = await organizer.has_event()
    path = f"/events/{event['id']}"

    first = await stranger.get(path)
    tag = first.headers["etag"]
    again = [await stranger.get(path, {"If-None-Match": known}) for known in (tag, f'"x", W/{tag}', "*")]
    changed = await organizer.patch(path, {"title": "Another"})
    then = await stranger.get(path, {"If-None-Match": tag})

    assert (tag, first.headers["cache-control"]) == (f'"{event["revision"]}"', "no-cache")
    assert [(answer.status_code, answer.content, answer.headers["etag"]) for answer in again] == [
        (304, b"", tag)
    ] * 3
    assert (then.status_code, then.json()["title"]) == (200, "Another")
    assert then.headers["etag"] == changed.headers["etag"] != tag


async def test_a_draft_is_kept_out_of_shared_caches_and_tells_strangers_no_revision(
    organizer: Person, stranger: Person
):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"

    own = await organizer.get(path)

    assert own.headers["cache-control"] == "private, no-cache"
    assert (await stranger.get(path, {"If-None-Match": own.headers["etag"]})).status_code == 404


@pytest.mark.parametrize("known", ['"1"', '"7", "1"', 'W/"1"', "*"])
async def test_a_change_of_the_revision_one_knows_is_made(organizer: Person, known: str):
    draft = await organizer.has_draft()

    answer = await organizer.patch(f"/events/{draft['id']}", {"title": "Mine"}, {"If-Match": known})

    assert (answer.status_code, answer.json()["title"], answer.headers["etag"]) == (200, "Mine", '"2"')


@pytest.mark.parametrize("known", ['"2"', '"11"', "1", "", ","])
async def test_a_change_of_another_revision_is_refused_and_changes_nothing(organizer: Person, known: str):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"

    answer = await organizer.patch(path, {"title": "Mine"}, {"If-Match": known})

    assert answer.status_code == 412
    assert (answer.json()["type"], answer.json()["revision"]) == ("/problems/event-has-changed", 1)
    assert "If-Match" in answer.json()["detail"]
    assert (await organizer.get(path)).json() == draft


async def test_other_peoples_events_are_not_found_whatever_one_claims_to_know(
    organizer: Person, rival: Person
):
    event = await organizer.has_event()

    answer = await rival.patch(f"/events/{event['id']}", {"title": "Mine"}, {"If-Match": '"99"'})

    assert answer.status_code == 404


async def test_a_change_that_waited_for_another_sees_it_and_is_refused(organizer: Person, db: Database):
    """The revision is compared under the lock. With the lock taken out, this answers 200: theirs is lost."""
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"

    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET title = 'Theirs', revision = revision + 1 WHERE id = $1", draft["id"]
        )
        mine = await tx.get(int, "SELECT pg_backend_pid()")
        # A context of its own, as another client's request has: ours says that a transaction is open.
        change = asyncio.create_task(
            organizer.patch(path, {"title": "Mine"}, {"If-Match": '"1"'}), context=Context()
        )
        await wait_until_it_waits(tx, mine, change)
    answer = await change

    assert (answer.status_code, answer.json()["revision"]) == (412, 2)
    assert (await organizer.get(path)).json()["title"] == "Theirs"


async def test_of_many_changes_of_one_revision_one_is_made(organizer: Person):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"

    answers = await asyncio.gather(
        *(organizer.patch(path, {"title": f"By {n}"}, {"If-Match": '"1"'}) for n in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    [made] = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await organizer.get(path)).json() == made
    assert made["revision"] == 2
