"""`boxoffice demo`: something to buy, three people, and the lines that make a whole sale."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from boxoffice.accounts.admin import create_user
from boxoffice.accounts.identity import Role
from boxoffice.accounts.passwords import Passwords
from boxoffice.catalog.demo import Demo, load_demo
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.command.queries import list_claimed_seats
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings

# Neighbours with more than this many times the row's smallest distance have an aisle between them.
_AISLE_FACTOR = 1.5

_STEPS = 5

_JSON = "-H 'Content-Type: application/json'"


class Person(msgspec.Struct, frozen=True):
    """A user of the demo. The passwords are in this file: nobody else's data is behind them."""

    role: Role
    name: str
    email: str
    password: str


BUYER = Person(Role.USER, "Bea Buyer", "buyer@example.org", "row-7-on-the-aisle")
ORGANIZER = Person(Role.ORGANIZER, "Otto Organizer", "organizer@example.org", "doors-open-at-six")
ADMIN = Person(Role.ADMIN, "Ada Admin", "admin@example.org", "keys-to-the-house")


class Offer(msgspec.Struct, frozen=True):
    """What can be bought at this moment: two seats next to each other, or none if all pairs are gone."""

    demo: Demo
    seat_ids: tuple[int, int] | None


def prepare(settings: Settings, dsn: str, console: Console) -> Offer:
    """Make the demo's people and events, unless they are there. Raises `SetupError`."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("Preparing the demo", total=_STEPS)

        def done(next_step: str) -> None:
            bar.update(task, advance=1, description=next_step)

        return asyncio.run(_prepare(settings, dsn, done))


async def _prepare(settings: Settings, dsn: str, done: Callable[[str], None]) -> Offer:
    async with _database(dsn) as db:
        passwords = Passwords(settings.password_threads)
        ids: dict[str, int] = {}
        for person in (BUYER, ORGANIZER, ADMIN):
            ids[person.email] = await create_user(
                db,
                passwords,
                email=person.email,
                name=person.name,
                password=person.password,
                role=person.role,
            )
            done("Making people")
        passwords.close()
        demo = await load_demo(db, ids[ORGANIZER.email])
        done("Building the hall")
        offer = Offer(demo=demo, seat_ids=await _find_free_pair(db, demo.hall_event_id))
        done("Looking for free seats")
        return offer


async def _find_free_pair(db: Database, event_id: int) -> tuple[int, int] | None:
    terms = await find_sale_terms(db, event_id)
    if terms is None:
        raise SetupError(f"Event {event_id} of the demo is gone: start anew with --reset.")
    seat_map = await get_seat_map(db, terms.seat_map_id)
    return find_pair(seat_map, set(await list_claimed_seats(db, event_id)))


def find_pair(seat_map: SeatMap, claimed: set[int]) -> tuple[int, int] | None:
    """The first two free seats with nothing but air between them, no aisle and no stranger."""
    pairs = [
        (seat, seat + 1)
        for seat in range(seat_map.seat_count - 1)
        if seat_map.row_of[seat] == seat_map.row_of[seat + 1]
        and seat_map.withdrawn.isdisjoint((seat, seat + 1))
    ]
    if not pairs:
        return None
    apart = {pair: abs(seat_map.xs[pair[0]] - seat_map.xs[pair[1]]) for pair in pairs}
    close = min(distance for distance in apart.values()) * _AISLE_FACTOR
    return next((pair for pair in pairs if apart[pair] <= close and claimed.isdisjoint(pair)), None)


@asynccontextmanager
async def _database(dsn: str) -> AsyncGenerator[Database]:
    db = Database(dsn, connections_max=2)
    await db.open()
    try:
        yield db
    finally:
        await db.close()


def sale_lines(url: str, offer: Offer) -> list[tuple[str, str]]:
    """The lines to paste, each with what it does: five make a sale, two more are the gate.

    They need curl and sed, as macOS and Debian have them, and a POSIX shell; each shows the answer.
    """
    api, bearer = f"{url}/api/v1", '-H "Authorization: Bearer $TOKEN"'
    body = msgspec.json.encode({"event_id": offer.demo.hall_event_id, "seat_ids": offer.seat_ids}).decode()
    gate = '-H "Authorization: Bearer $GATE"'
    scan = '-d "{\\"code\\":\\"$CODE\\"}"'
    check_ins = f"{api}/events/{offer.demo.hall_event_id}/check-ins"
    return [
        ("Log in", _log_in("TOKEN", api, BUYER)),
        (
            "Hold two seats next to each other",
            _keep("BOOKING", "id", f"{api}/bookings {bearer} {_JSON} -d '{body}'"),
        ),
        (
            "Start the payment",
            _keep("CHECKOUT", "checkout_url", f"{api}/bookings/$BOOKING/payments {bearer} {_JSON} -d '{{}}'"),
        ),
        ("Press `pay` at the payment provider", 'curl -sS -X POST "$CHECKOUT/pay"; echo'),
        ("Get the tickets", _keep("CODE", "code", f"{api}/bookings/$BOOKING/tickets {bearer}")),
        ("At the gate: log in as the organizer", _log_in("GATE", api, ORGANIZER)),
        (
            "At the gate: scan the last ticket twice",
            f"for scan in 1 2; do curl -sS {check_ins} {gate} {_JSON} {scan}; echo; done",
        ),
    ]


def _log_in(variable: str, api: str, person: Person) -> str:
    body = msgspec.json.encode({"email": person.email, "password": person.password}).decode()
    return _keep(variable, "access_token", f"{api}/auth/login {_JSON} -d '{body}'")


def _keep(variable: str, member: str, request: str) -> str:
    """Send a request, show the answer, and keep its last member of this name in a shell variable."""
    pick = rf's/.*"{member}":"\([^"]*\)".*/\1/'
    # Not by way of /dev/stderr: a terminal that belongs to another user (sudo, su) lets nobody open it.
    return f"""A=$(curl -sS {request}); printf '%s\\n' "$A"; {variable}=$(printf %s "$A" | sed '{pick}')"""


def show(console: Console, url: str, offer: Offer) -> None:
    """Print who there is, what is on sale and the lines to paste."""
    people = Table("Role", "E-mail", "Password", title="People", title_justify="left")
    for person in (BUYER, ORGANIZER, ADMIN):
        people.add_row(person.role, person.email, person.password)
    console.print(people)
    console.print(
        f"On sale: event {offer.demo.hall_event_id}, a hall with numbered seats, and "
        f"event {offer.demo.festival_event_id}, a festival with 20,000 admissions.\n"
        f"API documentation: {url}/docs",
        highlight=False,
    )
    if offer.seat_ids is None:
        console.print("No two seats next to each other are left: start anew with --reset.")
        return
    console.print(Rule("Paste these lines into another terminal, one by one", align="left"))
    for number, (what, line) in enumerate(sale_lines(url, offer), start=1):
        console.print(f"\n[bold]{number}. {what}[/bold]", highlight=False)
        # As it is: a line break or a colour in the middle could not be pasted.
        console.print(Text(line), soft_wrap=True)
    console.print()
    console.print(Rule())
