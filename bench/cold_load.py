"""What one process needs to have a sold-out event in memory: `python -m bench.cold_load DSN EVENT...`.

Loads the events one after the other under their locks, as a worker does at its first request, and prints
what each took as one JSON line. A process of its own, so that its memory is nothing else's.
"""

import gc
import sys
import time

import msgspec
import psutil
import uvloop

from boxoffice.inventory.batch import load, lock_event
from boxoffice.inventory.state import SOLD, Inventory
from boxoffice.kit.postgres import Database


class Loaded(msgspec.Struct, frozen=True):
    """One load: how long under the lock, by how much the process grew, and what it then knows."""

    seconds: float
    bytes: int
    sold: int


async def _load(dsn: str, event_ids: list[int]) -> list[Loaded]:
    db = Database(dsn, connections_max=1)
    await db.open()
    kept: list[Inventory] = []
    found: list[Loaded] = []
    process = psutil.Process()
    try:
        for event_id in event_ids:
            gc.collect()
            before = process.memory_info().rss
            async with db.transaction() as tx:
                locked = await lock_event(tx, event_id)
                started = time.perf_counter()
                inventory = await load(tx, event_id, locked, reason="cold")
                seconds = time.perf_counter() - started
            kept.append(inventory)
            gc.collect()
            sold = sum(state == SOLD for state in inventory.seats)
            found.append(Loaded(seconds, process.memory_info().rss - before, sold))
    finally:
        await db.close()
    return found


def main() -> None:
    """Load what the arguments say."""
    dsn, *event_ids = sys.argv[1:]
    found = uvloop.run(_load(dsn, [int(event_id) for event_id in event_ids]))
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
