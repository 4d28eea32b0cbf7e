"""What `boxoffice journal` does and prints."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from boxoffice.catalog.schemas import Moment
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.inventory.journal.queries import find_head, list_events_with_journal
from boxoffice.inventory.journal.replay import Impossible, UnknownVersion
from boxoffice.inventory.journal.seat_changes import in_words
from boxoffice.inventory.journal.snapshot import Snapshot, take_snapshot
from boxoffice.inventory.journal.verification import Difference, verify_event
from boxoffice.kit.errors import NotFound, SetupError
from boxoffice.kit.postgres import Database

Answer = TypeVar("Answer")


def verify(dsn: str, event_id: int | None) -> bool:
    """Verify one event or all, print each one's first difference; whether there was none.

    Raises `SetupError` for an event that is not there.
    """

    async def run(db: Database) -> bool:
        event_ids = await list_events_with_journal(db) if event_id is None else [event_id]
        return await _verify(db, event_ids)

    return _with_database(dsn, run, event_id)


def take(dsn: str, event_id: int, at: datetime | None, version: int | None, *, with_seats: bool) -> Snapshot:
    """Replay an event. Raises `SetupError` when it or the version is not there, or cannot be replayed."""

    async def run(db: Database) -> Snapshot:
        try:
            return await take_snapshot(db, event_id, at=at, version=version, with_seats=with_seats)
        except UnknownVersion as error:
            raise SetupError(f"Event {event_id} has no such version: {error}") from None
        except Impossible as error:
            raise SetupError(
                f"Event {event_id} cannot be replayed ({error}): `boxoffice journal verify` says more."
            ) from None

    return _with_database(dsn, run, event_id)


def moment_of(text: str) -> datetime:
    """Read a time as a person types it. Raises `SetupError`."""
    try:
        moment = msgspec.convert(text, Moment)
    except msgspec.ValidationError:
        raise SetupError(
            f"{text!r} is no RFC 3339 time with an offset, such as 2027-01-11T10:00:03Z."
        ) from None
    if not is_storable(moment):
        raise SetupError(f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    return moment


def show(snapshot: Snapshot, *, as_json: bool) -> None:
    """Print what the inventory was."""
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(snapshot), indent=2).decode()
        sys.stdout.write(f"{text}\n")
        return
    console = Console()
    changed = "before anything was sold"
    if snapshot.changed_at is not None:
        changed = f"version {snapshot.version} of {in_words(snapshot.changed_at)}"
    title = f"Event {snapshot.event_id}, {snapshot.title}, at {in_words(snapshot.at)}: {changed}"
    console.print(Text(title), soft_wrap=True)
    console.print(_counts(snapshot))
    if snapshot.taken_seats is not None:
        console.print(_taken_seats(snapshot))


def _with_database(dsn: str, run: Callable[[Database], Awaitable[Answer]], event_id: int | None) -> Answer:
    async def work() -> Answer:
        db = Database(dsn, connections_max=1)
        await db.open()
        try:
            return await run(db)
        except NotFound:
            raise SetupError(f"There is no event {event_id}: check its id.") from None
        finally:
            await db.close()

    return asyncio.run(work())


async def _verify(db: Database, event_ids: list[int]) -> bool:
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    rows = differing = 0
    with progress:
        events = progress.add_task("Events", total=len(event_ids))
        for event_id in event_ids:
            head = await find_head(db, event_id)
            task = progress.add_task(f"Journal of event {event_id}", total=head.version if head else 0)
            found = await verify_event(db, event_id, lambda more, task=task: progress.advance(task, more))
            progress.remove_task(task)
            progress.advance(events)
            if isinstance(found, Difference):
                differing += 1
                sys.stdout.write(f"{found.words}\n")
            else:
                rows += found.version
    if differing:
        sys.stdout.write(f"{differing} of {_counted(len(event_ids), 'event')} not as the journal says.\n")
    else:
        sys.stdout.write(
            f"{_counted(len(event_ids), 'event')}, {_counted(rows, 'journal row')}: every journal holds "
            "together, and the tables say the same.\n"
        )
    return differing == 0


def _counts(snapshot: Snapshot) -> Table:
    seats, over = snapshot.seats, snapshot.pending_but_over
    table = Table("What", title="Inventory", title_justify="left")
    table.add_column("How many", justify="right")
    for what, count in (
        ("Seats free", seats.free),
        ("Seats held", seats.held),
        ("... of which the hold was over", seats.held_but_over),
        ("Seats sold", seats.sold),
        ("Pending bookings", snapshot.pending_bookings),
        ("... of which the hold was over", over),
    ):
        table.add_row(what, f"{count:,}")
    for area in snapshot.areas:
        table.add_row(Text(f"{area.name}: places taken of {area.capacity:,}"), f"{area.taken:,}")
    return table


def _taken_seats(snapshot: Snapshot) -> Table:
    table = Table(title="Seats", title_justify="left")
    for name in ("Id", "Zone", "Row", "Seat", "State"):
        table.add_column(name, overflow="fold")
    # A booking's id is there to be copied.
    table.add_column("Booking", no_wrap=True, min_width=36)
    for seat in snapshot.taken_seats or ():
        state = seat.state.lower() if seat.held_until is None else f"held until {in_words(seat.held_until)}"
        booking = "" if seat.booking_id is None else str(seat.booking_id)
        table.add_row(str(seat.seat_id), Text(seat.zone), Text(seat.row), Text(seat.number), state, booking)
    return table


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
