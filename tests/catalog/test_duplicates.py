"""Duplicates: everything of an event but its sales, at another time."""

from typing import Any

import httpx

from boxoffice.kit.postgres import Database
from catalog.stage import Person, pointers, soon

OLD, NEW = "2028-03-20T19:00:00Z", "2028-03-27T18:00:00Z"
# The clocks are put forward on 26 March 2028: both are eight in the evening.


async def has_original(organizer: Person) -> dict[str, Any]:
    """An event that says everything it can, in Berlin, with two channels."""
    event = await organizer.has_event(
        starts_at=OLD,
        ends_at="2028-03-20T22:00:00Z",
        sale_starts_at="2028-03-01T08:00:00Z",
        sale_ends_at="2028-03-20T18:30:00Z",
        accessible_released_at="2028-03-10T08:00:00Z",
        description="With everything.",
        places_per_buyer_max=3,
        hold_seconds=77,
        orphan_rule="PREFER",
        price_changes=[{"starts_at": "2028-03-15T08:00:00Z", "prices": {"Stalls": 5000}}],
        fees=[{"name": "Ours", "per": "TICKET", "mode": "ABSORBED", "amount": 100}],
        tax={"name": "VAT", "mode": "INCLUDED", "basis_points": 700},
    )
    for channel in (
        {"name": "Fans", "sale_starts_at": "2028-02-20T08:00:00Z", "prices": {"Floor": 1}},
        {"name": "Agency"},
    ):
        answer = await organizer.post(f"/events/{event['id']}/channels", channel)
        assert answer.status_code == 201, answer.text
    return (await organizer.get(f"/events/{event['id']}")).json()


async def duplicate(
    organizer: Person, event: dict[str, Any], body: Any, key: str | None = None
) -> httpx.Response:
    """Ask for one."""
    headers = organizer.headers | ({"Idempotency-Key": key} if key else {})
    return await organizer.client.post(f"/events/{event['id']}/duplicate", json=body, headers=headers)


async def test_a_duplicate_has_everything_but_the_sales_by_the_clock_on_the_wall(organizer: Person):
    event = await has_original(organizer)

    answer = await duplicate(organizer, event, {"starts_at": NEW})

    assert answer.status_code == 201, answer.text
    copy = answer.json()
    new = {
        "id", "state", "revision", "created_at", "published_at", "starts_at", "ends_at", "sale_starts_at",
        "sale_ends_at", "accessible_released_at", "price_changes", "next_price_change",
    }  # fmt: skip
    assert {name for name, value in copy.items() if event[name] != value} == new
    assert (copy["state"], copy["published_at"]) == ("DRAFT", None)
    assert (copy["starts_at"], copy["ends_at"]) == (NEW, "2028-03-27T21:00:00Z")
    assert copy["sale_starts_at"] == "2028-03-08T08:00:00Z"
    assert copy["sale_ends_at"] == "2028-03-27T17:30:00Z"
    assert copy["accessible_released_at"] == "2028-03-17T08:00:00Z"
    assert copy["price_changes"] == [{"starts_at": "2028-03-22T08:00:00Z", "prices": {"Stalls": 5000}}]
    channels = (await organizer.get(f"/events/{copy['id']}/channels")).json()
    assert [(each["name"], each["sale_starts_at"], each["prices"]) for each in channels] == [
        ("Fans", "2028-02-27T08:00:00Z", {"Floor": 1}),
        ("Agency", None, {}),
    ]
    assert (await organizer.post(f"/events/{copy['id']}/publish")).status_code == 200


async def test_a_duplicate_asks_the_same_and_has_the_codes_if_they_are_wanted(
    organizer: Person, buyer: Person
):
    event = await has_original(organizer)
    path, asked = f"/events/{event['id']}", {"questions": [{"name": "badge", "text": "Who?", "kind": "TEXT"}]}
    assert (await organizer.put(f"{path}/questions", asked)).status_code == 200
    terms = {"valid_from": "2028-03-10T08:00:00Z", "valid_until": "2028-03-20T19:00:00Z", "places_max": 1}
    code = {"code": "EARLY", "amount": 500, "categories": ["Floor"], "opens": [], **terms}
    assert (await organizer.post(f"{path}/promo-codes", code)).status_code == 201

    without, with_them = [
        (await duplicate(organizer, event, {"starts_at": NEW} | more)).json()
        for more in ({}, {"with_promo_codes": True})
    ]

    assert (await organizer.get(f"/events/{without['id']}/promo-codes")).json() == []
    [copied] = (await organizer.get(f"/events/{with_them['id']}/promo-codes")).json()
    moved = {"valid_from": "2028-03-17T08:00:00Z", "valid_until": "2028-03-27T18:00:00Z"}
    assert {name: copied[name] for name in code} == code | moved
    assert (copied["places_used"], copied["discounted"]["amount"]) == (0, 0)
    assert (await organizer.post(f"/events/{with_them['id']}/publish")).status_code == 200
    questions = (await buyer.get(f"/events/{with_them['id']}/questions")).json()["questions"]
    assert [each["name"] for each in questions] == ["badge"]
    late = await duplicate(
        organizer, event | {"starts_at": OLD}, {"starts_at": "2199-12-31T22:00:00Z", "with_promo_codes": True}
    )
    assert pointers(late)[0] == "/starts_at"


async def test_a_duplicates_channels_have_keys_of_their_own(organizer: Person, db: Database):
    event = await has_original(organizer)
    copy = (await duplicate(organizer, event, {"starts_at": NEW, "title": "Again"})).json()

    hashes = await db.list(
        str,
        "SELECT encode(key_hash, 'hex') FROM channels WHERE event_id = ANY ($1::bigint[])",
        [event["id"], copy["id"]],
    )

    assert copy["title"] == "Again"
    assert len(set(hashes)) == 4


async def test_a_past_or_cancelled_event_can_be_put_on_again(organizer: Person, db: Database):
    event = await organizer.has_event(sale_ends_at=soon(hours=5))
    assert (await organizer.post(f"/events/{event['id']}/cancel")).status_code == 200
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events SET starts_at = starts_at - interval '400 days',
                              sale_ends_at = sale_ends_at - interval '400 days'
             WHERE id = $1
            """,
            event["id"],
        )

    copy = (await duplicate(organizer, event, {"starts_at": soon(days=9)})).json()

    assert (copy["state"], copy["cancelled_at"]) == ("DRAFT", None)
    assert (await organizer.post(f"/events/{copy['id']}/publish")).status_code == 200


async def test_asking_twice_under_one_key_makes_one(organizer: Person):
    event = await has_original(organizer)

    first = await duplicate(organizer, event, {"starts_at": NEW}, "again")
    second = await duplicate(organizer, event, {"starts_at": NEW}, "again")

    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"


async def test_a_time_at_which_it_cannot_be_is_refused(organizer: Person):
    event = await has_original(organizer)
    # A week later its sale moves into the night of 25 hours.
    odd = await organizer.has_draft(
        starts_at="2028-10-28T19:00:00Z", sale_starts_at="2028-10-21T23:30:00Z",
        sale_ends_at="2028-10-22T00:30:00Z",
    )  # fmt: skip

    for starts_at in (soon(days=-1), "1999-01-01T00:00:00Z", "2199-12-31T23:00:00Z"):
        assert pointers(await duplicate(organizer, event, {"starts_at": starts_at}))[0] == "/starts_at"
    moved = await duplicate(organizer, odd, {"starts_at": "2028-11-04T20:00:00Z", "title": "Odd"})
    assert moved.status_code == 201, moved.text
    for body in (
        {},
        {"starts_at": "soon"},
        {"starts_at": NEW, "price": 1},
        {"starts_at": "2028-03-27T18:00:00"},
    ):
        assert (await duplicate(organizer, event, body)).status_code == 422


async def test_only_its_organizer_duplicates_an_event(
    organizer: Person, rival: Person, buyer: Person, stranger: Person, admin: Person
):
    event = await has_original(organizer)

    answers = [await duplicate(person, event, {"starts_at": NEW}) for person in (rival, buyer, stranger)]
    assert [answer.status_code for answer in answers] == [404, 403, 401]
    copy = (await duplicate(admin, event, {"starts_at": NEW})).json()
    assert copy["organizer_id"] == organizer.id
