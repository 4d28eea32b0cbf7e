"""The peers: the same booking by pgbench, straight into PostgreSQL, one transaction each.

Both scripts take pairs of neighbouring seats in random order, each pair once, so that nobody waits
for or loses to another: that is their best case. They check no account, no limit, no sale window
and no expired hold, compute no price and keep no journal.
"""

import asyncio
import os
import re
import resource
import tempfile
import time
from enum import StrEnum
from pathlib import Path

import msgspec

from bench.accounting import Accountant
from bench.figures import Figure
from bench.stage import PAIRS, SEATS, Stage
from boxoffice.kit.postgres import Database

# More than a peer can book in one phase.
EVENTS = 4

# A booking of a client is one of `clients` that count together: 0, 1, 2 ... across all of them.
_NEXT_PAIR = f"""
\\set n :n + 1
\\set k :n * :clients + :client_id
\\set event :k / {PAIRS} + 1
\\set seat 2 * permute(:k % {PAIRS}, {PAIRS}, 7)
\\set neighbour :seat + 1
\\set buyer random(1, 5000)
"""

# The primary key of claims refuses a seat that is taken, and with it the whole statement.
_SINGLE = """
WITH booking AS (
    INSERT INTO peer.bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total, currency,
                               created_at, changed_at, expires_at)
    VALUES (:event, peer.new_id(), :buyer, 'PENDING', ARRAY[:seat, :neighbour]::integer[], '{}',
            '{4500,4500}', 9000, 'EUR', now(), now(), now() + interval '10 minutes')
    RETURNING id
)
INSERT INTO peer.claims (event_id, seat_id, booking_id)
SELECT :event, seat_id, booking.id
  FROM booking, unnest(ARRAY[:seat, :neighbour]::integer[]) AS seat_id;
"""

_CLASSIC = """
BEGIN;
SELECT seat_id, state FROM peer.seats
 WHERE event_id = :event AND seat_id IN (:seat, :neighbour) ORDER BY seat_id FOR UPDATE;
INSERT INTO peer.orders (event_id, id, buyer_id, state, total, currency, created_at, expires_at)
VALUES (:event, peer.new_id(), :buyer, 'PENDING', 9000, 'EUR', now(), now() + interval '10 minutes')
RETURNING id AS booking \\gset
INSERT INTO peer.order_lines (event_id, order_id, seat_id, amount)
VALUES (:event, :booking, :seat, 4500), (:event, :booking, :neighbour, 4500);
UPDATE peer.seats SET state = 'HELD', order_id = :booking
 WHERE event_id = :event AND seat_id IN (:seat, :neighbour);
COMMIT;
"""


class Peer(StrEnum):
    """The best a single statement does on our own tables, and the transaction most shops would write."""

    SINGLE = "single statement"
    CLASSIC = "classic transaction"


_SCRIPTS = {Peer.SINGLE: _SINGLE, Peer.CLASSIC: _CLASSIC}


class _Booked(msgspec.Struct, frozen=True):
    bookings: int
    seats: int


async def make_tables(db: Database) -> None:
    """For the single statement tables like ours, indexes and checks too; for the classic, seat rows."""
    version = await db.get(int, "SELECT current_setting('server_version_num')::integer")
    async with db.transaction() as tx:
        await tx.execute(
            """
            CREATE SCHEMA peer;
            CREATE TABLE peer.bookings (LIKE bookings INCLUDING ALL);
            CREATE TABLE peer.claims (LIKE claims INCLUDING ALL);
            CREATE TABLE peer.seats (
                event_id bigint,
                seat_id  integer,
                state    text NOT NULL,
                order_id uuid,
                PRIMARY KEY (event_id, seat_id)
            ) WITH (fillfactor = 50);
            CREATE TABLE peer.orders (
                event_id   bigint,
                id         uuid,
                buyer_id   bigint NOT NULL,
                state      text NOT NULL,
                total      bigint NOT NULL,
                currency   text NOT NULL,
                created_at timestamptz NOT NULL,
                expires_at timestamptz,
                PRIMARY KEY (event_id, id)
            );
            CREATE INDEX orders_of_a_buyer ON peer.orders (buyer_id, id);
            CREATE TABLE peer.order_lines (
                event_id bigint,
                order_id uuid,
                seat_id  integer,
                amount   bigint NOT NULL,
                PRIMARY KEY (event_id, order_id, seat_id)
            );
            """
        )
        # Ids that begin with the time keep index inserts on the right-hand page, as ours do.
        if version >= 180000:
            await tx.execute("CREATE FUNCTION peer.new_id() RETURNS uuid LANGUAGE sql AS 'SELECT uuidv7()'")
        else:
            await tx.execute(
                "CREATE FUNCTION peer.new_id() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'"
            )


async def measure_peer(
    stage: Stage, accountant: Accountant, peer: Peer, clients: int, seconds: float
) -> Figure:
    """Run the peer on empty tables. What it takes to connect and to prepare is not counted."""
    await _empty_tables(stage.db)
    connecting = await _run(stage, accountant, peer, clients, ["-t", "1"])
    await _empty_tables(stage.db)
    run = await _run(stage, accountant, peer, clients, ["-T", str(max(round(seconds), 1))])
    count = _number(r"actually processed: (\d+)", run.said)
    client_seconds = run.client_seconds - connecting.client_seconds
    booked = await _count(stage.db, peer)
    failed = _number(r"failed transactions: (\d+)", run.said)
    faults = (
        [] if (booked.bookings, booked.seats, failed) == (count, 2 * count, 0) else [f"{count} but {booked}"]
    )
    return Figure(
        row="holds",
        name=f"pgbench, {peer}, {clients} clients",
        connections=clients,
        count=int(count),
        seconds=run.seconds,
        rate=_number(r"tps = ([\d.]+)", run.said),
        latency_ms=_number(r"latency average = ([\d.]+)", run.said),
        app_ms=0.0,
        postgres_ms=(run.postgres_seconds - connecting.postgres_seconds) / count * 1000,
        client_ms=client_seconds / count * 1000,
        client_s_per_1000_requests=client_seconds / count * 1000,
        elsewhere=run.elsewhere,
        faults=faults,
    )


class _Run(msgspec.Struct, frozen=True):
    said: str
    seconds: float
    postgres_seconds: float
    client_seconds: float
    elsewhere: float


async def _run(stage: Stage, accountant: Accountant, peer: Peer, clients: int, how_long: list[str]) -> _Run:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.sql"
        script.write_text(_NEXT_PAIR + _SCRIPTS[peer])
        before, client_before, started = accountant.read(), _children_seconds(), time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            stage.pgbench,
            *(
                "--no-vacuum",
                "-M",
                "prepared",
                "-c",
                str(clients),
                "-j",
                str(min(clients, os.cpu_count() or 1)),
            ),
            *("-D", "n=-1", "-D", f"clients={clients}", "-f", script, *how_long, stage.postgres.dsn),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        spent, client = accountant.read() - before, _children_seconds() - client_before
        seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"boxoffice: pgbench failed:\n{said.decode()}")
    return _Run(
        said=said.decode(),
        seconds=seconds,
        postgres_seconds=spent.postgres,
        client_seconds=client,
        elsewhere=max(spent.machine - spent.postgres - spent.app - client, 0.0)
        / (seconds * (os.cpu_count() or 1)),
    )


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise SystemExit(f"boxoffice: pgbench said something else than expected:\n{said}")
    return float(found[1])


async def _empty_tables(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("TRUNCATE peer.bookings, peer.claims, peer.orders, peer.order_lines, peer.seats")
        await tx.execute(
            """
            INSERT INTO peer.seats (event_id, seat_id, state)
            SELECT event_id, seat_id, 'FREE'
              FROM generate_series(1, $1::integer) AS event_id, generate_series(0, $2::integer - 1) AS seat_id
            """,
            EVENTS,
            SEATS,
        )
        await tx.execute("ANALYZE peer.seats")


async def _count(db: Database, peer: Peer) -> _Booked:
    if peer is Peer.SINGLE:
        return await db.get(
            _Booked,
            """
            SELECT (SELECT count(*) FROM peer.bookings) AS bookings,
                   (SELECT count(DISTINCT (event_id, seat_id)) FROM peer.claims) AS seats
            """,
        )
    return await db.get(
        _Booked,
        """
        SELECT (SELECT count(*) FROM peer.orders) AS bookings,
               (SELECT count(*) FROM peer.seats WHERE state = 'HELD') AS seats
        """,
    )
