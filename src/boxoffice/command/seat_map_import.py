"""`boxoffice seat-map import`: a plan from a file into a venue."""

import asyncio
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.schemas import SeatMapSummary
from boxoffice.catalog.seat_maps.versions import import_seat_map
from boxoffice.kit.errors import NotFound, SetupError
from boxoffice.kit.http import SEAT_MAP_BODY_BYTES_MAX
from boxoffice.kit.postgres import Database

_CHUNK_BYTES = 1_000_000


def import_file(dsn: str, user: Identity, venue_id: int, file: Path) -> SeatMapSummary:
    """Read, check and store the plan. Raises `SetupError`, `InvalidInput`, `UnreadableBody`."""
    size = file.stat().st_size
    if size > SEAT_MAP_BODY_BYTES_MAX:
        raise SetupError(f"{file} has {size:,} bytes; a seat map has {SEAT_MAP_BODY_BYTES_MAX:,} at most.")
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with progress:
        task = progress.add_task(f"Reading {file.name}", total=size)
        document = bytearray()
        with file.open("rb") as plan:
            while chunk := plan.read(_CHUNK_BYTES):
                document += chunk
                progress.advance(task, len(chunk))
        # How long this takes is not known; a bar without an end says that it goes on.
        progress.update(task, description="Checking and storing", total=None)
        return asyncio.run(_import(dsn, user, venue_id, bytes(document)))


async def _import(dsn: str, user: Identity, venue_id: int, document: bytes) -> SeatMapSummary:
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        return await import_seat_map(db, user, venue_id, document)
    except NotFound:
        raise SetupError(f"There is no venue {venue_id}: make it first, or check its id.") from None
    finally:
        await db.close()
