"""What the role that serves may do: read and write rows, but change no books and no schema.

Whoever owns a table can change whatever a trigger or a missing privilege forbids, by taking that away first.
So the owner migrates, and the application logs in as a role that owns nothing.
"""

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg

from boxoffice.kit.errors import SetupError
from boxoffice.migrations import ADVISORY_LOCK

# Books, and what is proof of them: the application writes rows here and can neither change nor delete one.
# What is not in the list is corrected or forgotten in the course of business.
ONLY_ADDED_TO = (
    "audit_log",
    "differences_done",
    "foreign_money",
    "invoices",
    "journal",
    "ledger_movements",
    "payment_events",
    "payout_returns",
    "payouts",
    "ticket_keys",
)

# RFC 7677 asks for 4,096 at least; it is PostgreSQL's own default.
SCRAM_ITERATIONS = 4096
SCRAM_SALT_BYTES = 16


class Login(NamedTuple):
    """How the application logs in. Without a password the server must know it in another way."""

    role: str
    password: str | None


def login_of(dsn: str) -> Login:
    """The role that a DSN names, with its password. Raises `SetupError` when it names none."""
    url = urlsplit(dsn)
    asked = dict(parse_qsl(url.query))
    role = unquote(url.username) if url.username else asked.get("user")
    if role is None:
        raise SetupError(
            "DATABASE_URL names no role: put it before the @, as in postgresql://role:password@host."
        )
    return Login(role, unquote(url.password) if url.password else asked.get("password"))


def grant_rights(owner_dsn: str, login: Login) -> None:
    """Let this role serve; it is made if it is not there. Safe to repeat, and to be run twice at once.

    To be run after each migration, for the tables it has made, by the program that has made them: an older
    one knows less of what is only added to. Raises `SetupError`.
    """

    async def grant(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", ADVISORY_LOCK)
            if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", login.role):
                await connection.execute(_creation(login))
            await connection.execute(rights_sql(login.role))

    asyncio.run(_on_connection(owner_dsn, grant))


def rights_sql(role: str) -> str:
    """The statements that let an existing role serve, for a DBA to read and run."""
    name, added_to = _quoted(role), ", ".join(ONLY_ADDED_TO)
    # A table of one's own in pg_temp comes before ours in the search path: the triggers of the audit log
    # would write there.
    return f"""
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {name};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name};
REVOKE UPDATE, DELETE ON {added_to} FROM {name};
GRANT EXECUTE ON FUNCTION forget_addresses TO {name};
REVOKE INSERT, UPDATE, DELETE ON alembic_version, oldest_program FROM {name};
"""


def _creation(login: Login) -> str:
    verifier = "" if login.password is None else f" PASSWORD '{scram_verifier(login.password)}'"
    return f"CREATE ROLE {_quoted(login.role)} LOGIN NOINHERIT{verifier}"


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL keeps of a password: with it, the password is in no statement and no log of the server.

    Raises `SetupError` for a password outside of ASCII, which would have to be normalised (RFC 4013) first.
    """
    if not password.isascii():
        raise SetupError(
            "The password of the application's role must be of ASCII characters: choose another."
        )
    salt = os.urandom(SCRAM_SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, SCRAM_ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{text[0]}${text[1]}:{text[2]}"


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


async def _on_connection(dsn: str, work: Callable[[Any], Awaitable[None]]) -> None:
    try:
        connection = await asyncpg.connect(dsn)
        try:
            await work(connection)
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise SetupError(
            f"The application's role cannot be given its rights ({str(error).splitlines()[0]}): have it made "
            f"with LOGIN and a password, and let the owner of the tables run `boxoffice migrate`."
        ) from error
