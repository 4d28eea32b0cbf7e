"""One phase against our server: the client does what the plan says while the meters run."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

import msgspec

from bench.accounting import Accountant
from bench.figures import Figure
from bench.plan import Kind, Plan, Result

# A client that takes longer than its plan and this hangs, and so does the server it waits for.
PATIENCE_SECONDS = 60


class Measured(msgspec.Struct, frozen=True):
    """A phase's figure, and the client's own account of it for the checks."""

    figure: Figure
    result: Result


async def run_phase(
    accountant: Accountant,
    plan: Plan,
    *,
    row: str,
    name: str,
    until: Callable[[], Awaitable[None]] | None = None,
) -> Measured:
    """Measure from the end of the warm-up to the last answer; no visit begins once `until` has returned."""
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # A Ctrl-C is for the harness, which then ends the client.
        start_new_session=True,
    )
    assert client.stdin
    assert client.stdout
    try:
        async with asyncio.timeout(plan.seconds + PATIENCE_SECONDS):
            client.stdin.write(msgspec.json.encode(plan) + b"\n")
            if await client.stdout.readline() != b"ready\n":
                raise SystemExit("boxoffice: the load client failed before it began.")
            before = accountant.read()
            client.stdin.write(b"go\n")
            if until is not None:
                await until()
                client.stdin.write(b"stop\n")
            answer = await client.stdout.readline()
            spent = accountant.read() - before
    finally:
        client.stdin.close()
        if client.returncode is None and await _ended(client) is None:
            client.kill()
    result = msgspec.json.decode(answer, type=Result)
    first = result.latency["hold"]
    visits = max(result.visits, 1)
    elsewhere = spent.machine - spent.app - spent.postgres - result.cpu_seconds
    figure = Figure(
        row=row,
        name=name,
        connections=plan.connections,
        count=result.visits,
        seconds=result.seconds,
        rate=result.visits / result.seconds,
        latency_ms=first.mean,
        p50_ms=first.p50,
        p95_ms=first.p95,
        p99_ms=first.p99,
        app_ms=spent.app / visits * 1000,
        postgres_ms=spent.postgres / visits * 1000,
        client_ms=result.cpu_seconds / visits * 1000,
        client_s_per_1000_requests=result.cpu_seconds / max(result.requests, 1) * 1000,
        elsewhere=max(elsewhere, 0.0) / (result.seconds * (os.cpu_count() or 1)),
    )
    return Measured(figure, result)


async def _ended(client: asyncio.subprocess.Process) -> int | None:
    try:
        return await asyncio.wait_for(client.wait(), 5)
    except TimeoutError:
        return None


# What each step of a visit is answered when all is well.
_EXPECTED = {"hold": 201, "pay": 201, "webhook": 204, "press pay": 200}
_REFUSED = {"hold": 409}


def odd_answers(kind: Kind, result: Result) -> list[str]:
    """Answers that nobody should have got: all places were free, or, to be refused, all were gone."""
    expected = _REFUSED if kind is Kind.REFUSED else _EXPECTED
    such = result.oddities
    return [
        f"{kind}: {count} answers to '{step}' were {status}, such as {such.get(f'{step}: {status}')}"
        for step, counts in result.statuses.items()
        for status, count in counts.items()
        if status != expected[step]
    ]
