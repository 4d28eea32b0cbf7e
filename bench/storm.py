"""The row `storm`: how long a hold takes while 200 people log in at once."""

import asyncio
import json
import time

from bench.accounting import Accountant
from bench.asking import hold_at
from bench.figures import Figure, Finding
from bench.stage import Stage
from bench.visits import render
from boxoffice.accounts.passwords import Passwords

ROW = "storm"

LOG_INS = 200

# Far from the peak, so that what is slow is the log-ins' doing.
HOLDS_A_SECOND = 200.0
CONNECTIONS = 64

# A hold beside the storm may take so many times as long as without it.
GOAL_TIMES = 2.0

# Who is told to come back in 4 seconds tries again after this: people do not read Retry-After.
PAUSE_SECONDS = 1.0

_QUIET, _STORM = "quiet", f"{LOG_INS} log-ins at once"

_PASSWORD = "correct horse battery staple"  # noqa: S105  of people who live for minutes


class Storm:
    """Measures holds without the storm, then with it."""

    def __init__(self, stage: Stage, accountant: Accountant, seconds: float) -> None:
        self._stage = stage
        self._accountant = accountant
        self._seconds = seconds

    async def measure_quiet(self, seed: int) -> Figure:
        """Only holds."""
        return await self._measure(_QUIET, seed)

    async def measure_storm(self, seed: int) -> Figure:
        """The same holds, and everybody logs in, and again, until the phase is over."""
        addresses = await self._new_people()
        storm = asyncio.create_task(self._log_everybody_in(addresses))
        figure = await self._measure(_STORM, seed)
        storm.cancel()
        await asyncio.wait([storm])
        return figure

    async def _measure(self, name: str, seed: int) -> Figure:
        return await hold_at(
            self._stage,
            self._accountant,
            HOLDS_A_SECOND,
            row=ROW,
            name=name,
            connections=CONNECTIONS,
            seconds=self._seconds,
            seed=seed,
        )

    async def _new_people(self) -> list[str]:
        """Accounts with a real password, hashed at the real cost (once: they share it)."""
        passwords = Passwords(1)
        password_hash = await passwords.hash(_PASSWORD)
        passwords.close()
        first = int(time.time() * 1000)
        async with self._stage.db.transaction() as tx:
            return await tx.list(
                str,
                """
                INSERT INTO users (email, email_key, name, password_hash)
                SELECT format('storm%s@bench.test', n), format('storm%s@bench.test', n), 'Somebody', $3
                  FROM generate_series($1::bigint, $2::bigint) AS n
                RETURNING email
                """,
                first,
                first + LOG_INS - 1,
                password_hash,
            )

    async def _log_everybody_in(self, addresses: list[str]) -> None:
        async with asyncio.TaskGroup() as group:
            for address in addresses:
                group.create_task(self._log_in_again_and_again(address))

    async def _log_in_again_and_again(self, address: str) -> None:
        body = json.dumps({"email": address, "password": _PASSWORD}).encode()
        request = render(self._stage.port, "POST", "/api/v1/auth/login", body, extra="Connection: close\r\n")
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._stage.port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            if b" 200 " not in answer[:20]:
                await asyncio.sleep(PAUSE_SECONDS)


def storm_found(figures: list[Figure]) -> list[Finding]:
    """The goal of this row."""
    found = {figure.name: figure.p99_ms for figure in figures if figure.row == ROW}
    quiet, storm = found.get(_QUIET), found.get(_STORM)
    if not quiet or not storm:
        return []
    return [Finding(row=ROW, name="p99 in the storm / quiet", value=storm / quiet, unit="x", goal=GOAL_TIMES)]
