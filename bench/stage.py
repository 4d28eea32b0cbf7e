"""What is measured: a PostgreSQL of its own, halls to sell, and the server as users run it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import psutil

from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.catalog.event_changes import publish_event
from boxoffice.catalog.events import create_event
from boxoffice.catalog.schemas import NewEvent, NewVenue
from boxoffice.catalog.seat_maps.versions import import_seat_map
from boxoffice.catalog.venues import create_venue
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.postgres import Database
from boxoffice.migrations.run import migrate

RESULTS = Path(__file__).parent / "results"

SEATS = 50_000
PAIRS = SEATS // 2

# Longer than any run, so that what was held at its beginning is still there to be counted at its end.
HOLD_SECONDS = 3_600

# Long enough for a cold start of two workers on a busy machine.
START_SECONDS_MAX = 60

SECRET = "known-to-everybody-because-nothing-real-is-sold-here"  # noqa: S105  of a server that lives for minutes

SEATS_A_ROW = 100


class Stage:
    """Everything a row of the benchmark needs: where to ask, what to buy, whose CPU to count."""

    def __init__(self, postgres: EmbeddedPostgres, port: int) -> None:
        self.postgres = postgres
        self.db = Database(postgres.dsn, connections_max=2)
        self.port = port
        self._organizer: Identity
        self._venue_id = 0
        self._seat_maps: dict[int, int] = {}
        self._tokens = Tokens(SECRET, minutes=15)
        self._buyers = 0

    @contextmanager
    def at(self, port: int) -> Generator[None]:
        """Ask another server for the length of the block."""
        before, self.port = self.port, port
        try:
            yield
        finally:
            self.port = before

    @property
    def postmaster(self) -> psutil.Process:
        """The server process all others of PostgreSQL descend from."""
        return psutil.Process(int((self.postgres.pgdata / "postmaster.pid").read_text().split()[0]))

    @property
    def pgbench(self) -> Path:
        """The program that came with the server."""
        assert self.postgres.binaries
        return self.postgres.binaries.folder / "pgbench"

    @asynccontextmanager
    async def built(self) -> AsyncGenerator[None]:
        """Have a hall of 50,000 seats in one category, and an organizer to sell it."""
        await self.db.open()
        try:
            await self._build_hall()
            yield
        finally:
            await self.db.close()

    async def _build_hall(self) -> None:
        self._organizer = Identity((await self._insert_users(1))[0], Role.ORGANIZER)
        venue = NewVenue(name="Bench arena", city="Erfurt", country="DE", time_zone="Europe/Berlin")
        self._venue_id = (await create_venue(self.db, self._organizer, venue)).id
        await self._seat_map_of(SEATS)

    async def _seat_map_of(self, seats: int) -> int:
        """The hall with so many seats, built when it is first asked for."""
        if seats not in self._seat_maps:
            document = _seat_map(seats)
            made = await import_seat_map(self.db, self._organizer, self._venue_id, document)
            self._seat_maps[seats] = made.id
        return self._seat_maps[seats]

    async def new_event(self, seats: int = SEATS, hold_seconds: int = HOLD_SECONDS) -> int:
        """An event with all its seats free."""
        event = NewEvent(
            venue_id=self._venue_id,
            seat_map_id=await self._seat_map_of(seats),
            title="Bench night",
            starts_at=datetime.now(UTC) + timedelta(days=30),
            currency="EUR",
            prices={"Stalls": 4_500},
            places_per_buyer_max=100,
            hold_seconds=hold_seconds,
        )
        event_id = (await create_event(self.db, self._organizer, event)).id
        return (await publish_event(self.db, self._organizer, event_id)).id

    async def sell(self, event_id: int, firsts: list[int], places: int) -> None:
        """Have these groups of `places` seats sold, to a buyer each, before anybody has asked for the event.

        Straight into the tables that an inventory is loaded from; there is neither payment nor journal.
        """
        async with self.db.transaction() as tx:
            await tx.execute(
                """
                WITH sold AS (
                    INSERT INTO bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total,
                                          currency, created_at, changed_at, ticket_count)
                    SELECT $1, gen_random_uuid(), 1000000000 + first,
                           'CONFIRMED', ARRAY(SELECT generate_series(first, first + $3::integer - 1)), '{}',
                           array_fill(4500::bigint, ARRAY[$3::integer]), 4500 * $3::integer, 'EUR',
                           now(), now(), $3::integer
                      FROM unnest($2::integer[]) AS first
                    RETURNING id, seat_ids
                )
                INSERT INTO claims (event_id, seat_id, booking_id)
                SELECT $1, seat_id, id FROM sold, unnest(seat_ids) AS seat_id
                """,
                event_id,
                firsts,
                places,
            )

    async def insert_past(self, number: int, bookings: int) -> None:
        """An event of the past: so many confirmed bookings of two seats, their claims and a journal.

        Its id is below those of all events to come, as it is with what is old; its buyers are strangers.
        """
        async with self.db.transaction() as tx:
            await tx.execute(
                """
                WITH sold AS (
                    INSERT INTO bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total,
                                          currency, created_at, changed_at, ticket_count)
                    SELECT -1000000 + $1::bigint, gen_random_uuid(), (random() * 1000000)::bigint,
                           'CONFIRMED', ARRAY[2 * n, 2 * n + 1], '{}', '{4500,4500}', 9000,
                           'EUR', now(), now(), 2
                      FROM generate_series(0, $2::integer - 1) AS n
                    RETURNING event_id, id, seat_ids
                ), claimed AS (
                    INSERT INTO claims (event_id, seat_id, booking_id)
                    SELECT event_id, seat_id, id FROM sold, unnest(seat_ids) AS seat_id
                )
                INSERT INTO journal (event_id, version, at, changes, hash)
                SELECT -1000000 + $1::bigint, version, now(), to_json(repeat('x', 2000)), sha256('x')
                  FROM generate_series(1, $2::integer / 20) AS version
                """,
                number,
                bookings,
            )

    async def tidy_up(self) -> None:
        """What PostgreSQL would do by and by after a bulk load, done at once."""
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            for table in ("bookings", "claims", "journal"):
                await connection.execute(f"VACUUM (ANALYZE) {table}")
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()

    async def new_buyers(self, count: int) -> list[str]:
        """Access tokens of this many new accounts."""
        return [self.token_of(user_id) for user_id in await self._insert_users(count)]

    def token_of(self, user_id: int) -> str:
        """An access token, as logging in would give it."""
        return self._tokens.issue(user_id, Role.USER)

    async def _insert_users(self, count: int) -> list[int]:
        first = self._buyers + 1
        self._buyers += count
        async with self.db.transaction() as tx:
            return await tx.list(
                int,
                """
                INSERT INTO users (email, email_key, name, password_hash)
                SELECT format('buyer%s@bench.test', n), format('buyer%s@bench.test', n), 'Buyer', 'none'
                  FROM generate_series($1::integer, $2::integer) AS n
                RETURNING id
                """,
                first,
                self._buyers,
            )


def _seat_map(seats: int) -> bytes:
    lines = [
        [
            {"number": str(number + 1), "x": number, "y": row, "category": "Stalls"}
            for number in range(SEATS_A_ROW)
        ]
        for row in range(seats // SEATS_A_ROW)
    ]
    return msgspec.json.encode(
        {
            "format": "BOXOFFICE",
            "name": "Bench arena",
            "categories": [{"name": "Stalls"}],
            "zones": [
                {
                    "name": "Stalls",
                    "rows": [{"name": str(row + 1), "seats": line} for row, line in enumerate(lines)],
                }
            ],
        }
    )


@contextmanager
def cluster() -> Generator[EmbeddedPostgres]:
    """A migrated PostgreSQL with the settings of production, in a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="boxoffice-bench-"))
    # As root we run the server as another user, who must be able to reach its data.
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "data") as postgres:
            migrate(postgres.dsn)
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(dsn: str, port: int, workers: int, log: Path) -> Generator[psutil.Process]:
    """`boxoffice serve` on this database, from its first good answer to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BOXOFFICE_")}
    environment = {
        **kept,
        "DATABASE_URL": dsn,
        "BOXOFFICE_PORT": str(port),
        "BOXOFFICE_WORKERS": str(workers),
        "BOXOFFICE_SECRET": SECRET,
        "BOXOFFICE_REQUESTS_PER_ADDRESS": "0",
        "BOXOFFICE_REQUESTS_PER_ACCOUNT": "0",
        "BOXOFFICE_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("boxoffice"), "serve"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, port, log)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return
        time.sleep(0.1)
    tail = log.read_text(errors="replace")[-2000:]
    raise SystemExit(f"boxoffice: the server did not come to answer. Its log ends:\n{tail}")
