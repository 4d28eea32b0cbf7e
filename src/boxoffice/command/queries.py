"""SQL of the command line: what a PostgreSQL server says about itself, and what the demo can still sell."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from boxoffice.kit.postgres import Source


class ServerSetting(msgspec.Struct, frozen=True):
    """A setting as the server uses it for us."""

    name: str
    setting: str


async def list_server_settings(source: Source, names: Sequence[str]) -> list[ServerSetting]:
    return await source.list(
        ServerSetting, "SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])", names
    )


class Rights(msgspec.Struct, frozen=True):
    """What the role that we log in as could do besides serving."""

    role: str
    is_owner: bool
    changes_books: bool


async def get_rights(source: Source) -> Rights:
    """What our role could do, and every role that it could become."""
    return await source.get(
        Rights,
        """
        SELECT current_user AS role,
               coalesce(bool_or(pg_has_role(relowner, 'MEMBER')), false) AS is_owner,
               coalesce(bool_or(has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')), false) AS changes_books
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace
           AND relname IN ('audit_log', 'ledger_movements')
        """,
    )


async def get_clock(source: Source) -> datetime:
    """What the server's clock shows."""
    return await source.get(datetime, "SELECT clock_timestamp()")


# A provider that is away for ten minutes is tried again as often.
_TRIES = 8


class Background(msgspec.Struct, frozen=True):
    """Jobs that should have begun ten minutes ago, and those that failed `tries` times, with their names."""

    late: int
    failing: int
    tries: int
    names: str | None


async def get_background(source: Source) -> Background:
    """How the background jobs stand."""
    return await source.get(
        Background,
        """
        SELECT count(*) FILTER (WHERE status = 'queued' AND execute_after < now() - interval '10 minutes')
                   AS late,
               count(*) FILTER (WHERE attempts >= $1) AS failing,
               $1::integer AS tries,
               string_agg(DISTINCT entrypoint, ', ') FILTER (WHERE attempts >= $1) AS names
          FROM pgqueuer
        """,
        _TRIES,
    )


async def list_claimed_seats(source: Source, event_id: int) -> list[int]:
    """Seats that are sold or held; also those whose hold is over and not tidied up yet."""
    return await source.list(int, "SELECT seat_id FROM claims WHERE event_id = $1", event_id)
