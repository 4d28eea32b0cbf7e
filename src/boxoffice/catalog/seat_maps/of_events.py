"""The seat map of an event that is on sale: what another one would change, and how the event gets it.

What is worked out here is a plan. Whether the seats that it takes away are free is decided by the event's
inventory, under its lock; the plan is carried out in that transaction, or not at all.
"""

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import queries
from boxoffice.catalog.event_changes import EventIsArchived, EventIsCancelled, amounts_of, refuse_stale
from boxoffice.catalog.event_rules import faults_of_offer
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.prices import queries as price_queries
from boxoffice.catalog.prices.changes import faults_of_prices, faults_of_steps, pointer_to_price
from boxoffice.catalog.prices.ticket_types import faults_of_ticket_types, names_of_prices
from boxoffice.catalog.schemas import Event, EventState
from boxoffice.catalog.seat_maps import queries as seat_map_queries
from boxoffice.catalog.seat_maps.document import (
    AREAS_MAX,
    CATEGORIES_MAX,
    SEATS_MAX,
    CategoryPlaces,
    SeatMapDocument,
    count_places,
)
from boxoffice.catalog.seat_maps.merge import Merged, merge
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.seat_maps.versions import in_reader, row_of
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.postgres import Database, Source, Transaction


class SeatMapOfADraft(Refusal, status=409):
    """The event is a draft: give it another `seat_map_id` as you change everything else about it."""


class Plan(msgspec.Struct, frozen=True):
    """What giving an event the venue's version `wanted_id` comes to, at the event's `revision`.

    `is_done`: the event has this very map already. `prices` are those of new categories, and `unpriced` what
    is still wrong with what the event would offer.
    """

    event: Event
    venue_id: int
    wanted_id: int
    merged: Merged
    prices: dict[str, int]
    unpriced: list[FieldError]
    is_done: bool

    @property
    def all_prices(self) -> dict[str, int]:
        """What every category and ticket type costs from then on."""
        return amounts_of(self.event) | self.prices


async def plan_seat_map(
    db: Database,
    user: Identity,
    event_id: int,
    wanted_id: int,
    prices: dict[str, int],
    if_match: str | None,
) -> Plan:
    """Compare the event's map with a version of its venue's. Writes nothing.

    Raises `NotFound`, `SeatMapOfADraft`, `EventIsCancelled`, `EventIsArchived`, `EventHasChanged`,
    `InvalidInput`.
    """
    event = await get_any_event(db, event_id)
    if not may_change(user, event.organizer_id):
        raise NotFound
    _refuse_state(event)
    refuse_stale(event, if_match)
    wanted = await seat_map_queries.find_origin(db, wanted_id)
    if wanted is None or wanted.venue_id != event.venue.id or wanted.event_id is not None:
        raise invalid("/seat_map_id", "The event's venue has no such seat map.")
    now = await seat_map_queries.find_origin(db, event.seat_map_id)
    is_done = wanted_id == event.seat_map_id or (now is not None and now.made_from == wanted_id)
    text_before = await queries.get_seat_map_document(db, event.seat_map_id)
    text_wanted = await queries.get_seat_map_document(db, wanted_id)
    merged, categories = await in_reader(_merge, text_before, text_wanted)
    _refuse_what_does_not_fit(event, merged.document, categories, prices)
    unpriced = list(faults_of_offer(amounts_of(event) | prices, categories, event.ticket_types))
    return Plan(event, wanted.venue_id, wanted_id, merged, prices, unpriced, is_done)


async def store_seat_map(db: Database, plan: Plan) -> int:
    """Store the map that the plan has made, for its event to get; its id."""
    row = await in_reader(row_of, plan.venue_id, plan.merged.document)
    async with db.transaction() as tx:
        return await seat_map_queries.insert_revision(
            tx, plan.event.id, plan.wanted_id, plan.event.seat_map_id, row
        )


async def forget_seat_map(db: Database, event_id: int, seat_map_id: int) -> None:
    """Forget a map that was stored for an event which did not get it."""
    async with db.transaction() as tx:
        await seat_map_queries.delete_revision(tx, event_id, seat_map_id)


async def give_seat_map(
    tx: Transaction, event_id: int, *, revision: int, before_id: int, seat_map_id: int, prices: dict[str, int]
) -> bool:
    """Have the event sell this map from now on, at these prices of what is new in it.

    False, and nothing is done, when the event is not what it was at that revision.
    """
    if not await seat_map_queries.update_seat_map(tx, event_id, revision, before_id, seat_map_id):
        return False
    if prices:
        await price_queries.insert_prices(tx, [event_id], prices)
    return True


async def get_first_seat_map(source: Source, event_id: int) -> SeatMap:
    """The map that the event had when its journal began."""
    *_, first = await seat_map_queries.list_seat_map_ids(source, event_id)
    return await get_seat_map(source, first)


def _merge(before: str, wanted: str) -> tuple[Merged, list[CategoryPlaces]]:
    decoder = msgspec.json.Decoder(SeatMapDocument)
    merged = merge(decoder.decode(before), decoder.decode(wanted))
    return merged, count_places(merged.document)


def _refuse_state(event: Event) -> None:
    if event.state is EventState.DRAFT:
        raise SeatMapOfADraft
    if event.state is EventState.CANCELLED:
        raise EventIsCancelled
    if event.archived_at is not None:
        raise EventIsArchived


def _refuse_what_does_not_fit(
    event: Event, document: SeatMapDocument, categories: list[CategoryPlaces], prices: dict[str, int]
) -> None:
    """The limits hold for what an event has had altogether, and a name means one thing."""
    for count, limit, what in (
        (document.seat_count, SEATS_MAX, "seats"),
        (len(document.areas), AREAS_MAX, "areas"),
        (len(categories), CATEGORIES_MAX, "categories"),
    ):
        if count > limit:
            detail = (
                f"With those that were there before, the event would have {count} {what}: more than {limit}."
            )
            raise invalid("/seat_map_id", detail)
    if any(faults_of_ticket_types(event.ticket_types, categories)):
        raise invalid("/seat_map_id", "A category of this seat map has the name of a ticket type.")
    faults = list(faults_of_prices(prices, names_of_prices(categories, event.ticket_types)))
    faults += faults_of_steps(event.currency, prices)
    known = amounts_of(event)
    faults += [
        FieldError(pointer=pointer_to_price(name), detail="This has a price: change it at the event.")
        for name in prices
        if name in known
    ]
    if faults:
        raise InvalidInput(errors=faults)
