"""The audit log has every change, with who made it, and nobody can change or forge it."""

from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar

from accounts.browser import Browser
from boxoffice.accounts.identity import Role
from boxoffice.accounts.unused import forget_addresses
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person

ENTRY = {
    "id", "at", "actor_id", "key_id", "address", "request_id", "action", "object", "row_id", "event_id",
    "before", "after",
}  # fmt: skip


@pytest.fixture
async def owner(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


async def entries(somebody: Person, **query: Any) -> list[dict[str, Any]]:
    answer = await somebody.get("/audit-log", limit=100, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_change_is_written_with_who_where_before_and_after(owner: Person):
    draft = await owner.has_draft()
    path = f"/events/{draft['id']}"
    answer = await owner.patch(path, {"title": "Another"}, {"X-Request-Id": "the-change"})
    assert answer.status_code == 200
    entry = next(each for each in await entries(owner) if each["action"] == "CHANGED")

    assert set(entry) == ENTRY
    assert (entry["actor_id"], entry["address"], entry["request_id"]) == (owner.id, "127.0.0.1", "the-change")
    assert (entry["object"], entry["row_id"], entry["event_id"]) == ("events", str(draft["id"]), draft["id"])
    assert entry["before"] == {"title": draft["title"], "revision": draft["revision"]}
    assert entry["after"] == {"title": "Another", "revision": draft["revision"] + 1}


async def test_everything_an_organizer_does_is_there(owner: Person):
    event = await owner.has_event()
    await owner.post(f"/events/{event['id']}/channels", {"name": "Presale"})
    await owner.post(f"/events/{event['id']}/promo-codes", {"code": "EARLY", "amount": 1})
    seller = {"name": "Halls Ltd", "address_lines": ["1 Road"], "country": "GB"}
    assert (await owner.client.put("/me/seller", json=seller, headers=owner.headers)).status_code == 200
    await owner.post("/team/invitations", {"email": "ada@example.org", "role": "VIEWER"})
    key = (await owner.post("/api-keys", {"name": "Key", "role": "MANAGER"})).json()
    program = Person(owner.client, None, key["key"])
    await program.patch(f"/events/{event['id']}", {"description": "By a program"})
    listed = await entries(owner)

    assert {(each["action"], each["object"]) for each in listed} >= {
        ("CREATED", "venues"),
        ("CREATED", "seat_maps"),
        ("CREATED", "events"),
        ("CREATED", "event_prices"),
        ("CHANGED", "events"),
        ("CREATED", "channels"),
        ("CREATED", "promo_codes"),
        ("CREATED", "sellers"),
        ("CREATED", "team_invitations"),
        ("CREATED", "api_keys"),
    }
    assert listed[0]["key_id"] == key["about"]["id"]
    assert {each["actor_id"] for each in listed} == {owner.id}


async def test_no_secret_and_no_personal_data_gets_into_the_log(ada: Browser, owner: Person, db: Database):
    key = (await owner.post("/api-keys", {"name": "Key", "role": "VIEWER"})).json()["key"]
    await ada.ask("POST", "/me/second-factor", {"password": "correct horse battery staple"})
    texts = await db.list(str, "SELECT audit_log::text FROM audit_log ORDER BY id DESC LIMIT 200")
    text = "\n".join(texts)
    hashes = await db.list(
        str, "SELECT secret_hash::text FROM api_keys UNION SELECT password_hash FROM users"
    )

    assert ada.email not in text
    assert key not in text
    assert not any(each in text for each in hashes if len(each) > 1)
    assert '""password_hash"": ""***""' in text


async def test_an_organizer_sees_their_own_things_and_an_admin_everything(
    owner: Person, app: Litestar, client: httpx.AsyncClient, db: Database
):
    other = await person(app, client, db, Role.ORGANIZER)
    admin = await person(app, client, db, Role.ADMIN)
    draft = await owner.has_draft()

    assert await entries(other) == []
    assert await entries(other, event_id=draft["id"]) == []
    assert [each["object"] for each in await entries(owner, event_id=draft["id"])].count("events") == 1
    assert [each["object"] for each in await entries(admin, event_id=draft["id"])].count("events") == 1
    page = (await owner.get("/audit-log", limit=1)).json()
    following = (await owner.get("/audit-log", limit=1, cursor=page["next_cursor"])).json()
    assert following["items"][0]["id"] < page["items"][0]["id"]


async def test_a_change_that_is_taken_back_leaves_no_entry(owner: Person):
    draft = await owner.has_draft()
    before = await entries(owner)
    answer = await owner.patch(f"/events/{draft['id']}", {"title": "Another", "prices": {"No such": 1}})

    assert answer.status_code == 422
    assert await entries(owner) == before


async def test_who_is_at_work_is_forgotten_with_the_transaction(owner: Person, db: Database):
    await owner.has_draft()
    async with db.transaction() as tx:
        assert await tx.find(str, "SELECT current_setting('boxoffice.actor', true)") in (None, "")
    async with db.transaction() as tx:
        await tx.execute("UPDATE users SET suspended_at = now() WHERE id = $1", owner.id)
    actor = await db.find(
        int,
        "SELECT actor_id FROM audit_log WHERE object = 'users' AND row_id = $1 ORDER BY id DESC LIMIT 1",
        str(owner.id),
    )

    assert actor is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor_id = 1",
        "UPDATE audit_log SET actor_id = 1 WHERE false",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ],
)
async def test_nobody_changes_the_log(dsn: str, statement: str):
    connection = await asyncpg.connect(dsn)
    try:
        with pytest.raises(asyncpg.PostgresError, match=r"only added to|permission denied"):
            await connection.execute(statement)
        granted = await connection.fetch(
            "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = 'audit_log'"
        )
        assert not {row[0] for row in granted} & {"UPDATE", "DELETE", "TRUNCATE"}
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "actor_id = 1",
        "address = '10.0.0.1'",
        "address = NULL, after = '{}'",
        "address = NULL, before = before - 'user_id'",
        "address = NULL, after = after - 'user_id'",
    ],
)
async def test_not_even_the_owner_changes_it_but_for_where_somebody_was(
    ada: Browser, owner_db: Database, change: str
):
    """The owner has to take the trigger away first, which an attacker's SQL cannot."""
    _, old = await _age_log_in_of(owner_db, (await ada.me()).json()["id"])

    with pytest.raises(asyncpg.RaiseError, match="only added to"):
        async with owner_db.transaction() as tx:
            statement: Any = f"UPDATE audit_log SET {change} WHERE id = $1"  # noqa: S608
            await tx.execute(statement, old)


async def test_addresses_are_forgotten_and_nothing_else(ada: Browser, db: Database, owner_db: Database):
    user_id = (await ada.me()).json()["id"]
    recent, old = await _age_log_in_of(owner_db, user_id)
    [before] = await db.list(str, "SELECT after::text FROM audit_log WHERE id = $1", old)

    await forget_addresses(db, 400)

    query = "SELECT after::text FROM audit_log WHERE id = $1"
    fields = msgspec.json.decode(before)
    assert {"address", "user_agent", "user_id"} <= fields.keys()
    assert msgspec.json.decode(await db.get(str, query, old)) == {
        name: value for name, value in fields.items() if name not in ("address", "user_agent")
    }
    assert "127.0.0.1" in await db.get(str, query, recent)
    # The role that serves may have it done sooner, but the log itself insists on a month.
    await _age_log_in_of(owner_db, user_id, days=29)
    with pytest.raises(asyncpg.RaiseError, match="after 30 days"):
        await forget_addresses(db, 28)


async def _age_log_in_of(owner_db: Database, user_id: int, days: int = 401) -> tuple[int, int]:
    """The log-in's entry, and a copy of it that is so old."""
    async with owner_db.transaction() as tx:
        recent = await tx.get(
            int,
            """
            SELECT min(id) FROM audit_log
             WHERE object = 'sessions' AND action = 'CREATED' AND (after ->> 'user_id')::bigint = $1
            """,
            user_id,
        )
        old = await tx.get(
            int,
            """
            INSERT INTO audit_log (at, address, action, object, row_id, after)
            SELECT at - make_interval(days => $2), '10.1.1.1', action, object, row_id, after
              FROM audit_log
             WHERE id = $1
            RETURNING id
            """,
            recent,
            days,
        )
    return recent, old


# Why a table has no trigger: it is nobody's decision, or is told of elsewhere.
NOT_AUDITED = {
    **dict.fromkeys(("alembic_version", "oldest_program"), "the schema's own"),
    "account_uses": "when somebody logged in, which `sessions` says",
    "audit_log": "the log itself",
    "email_proofs": "what was mailed; what it opened is audited",
    "ended_sessions": "follow from sessions, and are forgotten after minutes",
    "ticket_keys": "made by the program, published",
    **dict.fromkeys(
        ("sandbox_checkouts", "sandbox_refunds", "sandbox_disputes"),
        "the other side of payments that take no money",
    ),
    "answers": "a buyer's own words, which can be erased",
    "cancellations": "progress of what `events` says was decided",
    **dict.fromkeys(
        ("inventories", "area_counts", "bookings", "claims", "blocks", "journal", "promo_uses"),
        "places: the journal has every change",
    ),
    "offline_check_ins": "follow from tickets; each says when and by whom, and is only added",
    "refused_check_ins": "counts of scans that changed nothing",
    "tickets": "follow from bookings; a scan says when and by whom",
    **dict.fromkeys(
        (
            "payments",
            "payment_events",
            "provider_refunds",
            "disputes",
            "foreign_money",
            "reconciliations",
            "reconciliation_turns",
            "book_differences",
        ),
        "money: facts of the provider, kept as they came",
    ),
    **dict.fromkeys(
        ("invoice_series", "invoice_cursors", "invoices"), "papers, which never change, and their numbers"
    ),
    **dict.fromkeys(
        ("letter_cursors", "booking_letters"), "follow from the journal; gone when they are sent"
    ),
    "ledger_movements": "the ledger, which is only added to itself",
    **dict.fromkeys(("ledger_sums", "ledger_cursors"), "follow from the ledger, and may be deleted"),
    **dict.fromkeys(
        ("idempotency_keys", "rate_limits", "request_counts"), "of the machine; forgotten after a while"
    ),
}


async def test_every_table_is_audited_or_says_why_not(db: Database):
    audited = await db.list(
        str,
        """
        SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
         WHERE tgname IN ('every_change_is_audited', 'every_version_is_audited')
        """,
    )
    tables = await db.list(
        str,
        """
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT LIKE 'pgqueuer%'
        """,
    )

    assert set(tables) - set(audited) == NOT_AUDITED.keys()
