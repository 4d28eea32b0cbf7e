"""What may be taken, by whom and when: every reason to refuse places, asked in one order."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.channels.keys import WrongChannelKey
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces
from boxoffice.catalog.schemas import EventState, OrphanRule
from boxoffice.catalog.terms import Channel
from boxoffice.inventory.choosing import Access, Choice, choose, instead_of, side_by_side_max, stranded_by
from boxoffice.inventory.commands import BestAvailable, Booking, BookingState
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.refusals import (
    AreaLeft,
    AreasFull,
    BookingIsOver,
    CompanionSeatsAlone,
    EventCancelled,
    NoSuchSeatsLeft,
    PlacesHidden,
    SaleClosed,
    SaleNotOpen,
    SeatsBlocked,
    SeatsKept,
    SeatsTaken,
    SingleSeatLeft,
    TooManyPlaces,
)
from boxoffice.inventory.seating import Keeping
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid


class Places(msgspec.Struct, frozen=True, gc=False):
    """What a command wants to take; with `accessible`, also seats kept for people who need them."""

    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    accessible: bool
    # The sales channel it comes through.
    channel_id: int | None = None
    # Where in the body these places were named.
    below: str = ""
    # Seats that the booking has already and keeps.
    beside: tuple[int, ...] = ()
    # What it gives back in the same step: that is to be had again, as another ticket type for instance.
    given_seat_ids: frozenset[int] = frozenset()
    given_area_ids: tuple[int, ...] = ()
    given_types: TypesOfPlaces = ()
    # The hidden categories that its promo code opens.
    opened: frozenset[str] = frozenset()
    # For each place, the seats first, its ticket type or None; empty when none has one.
    ticket_types: TypesOfPlaces = ()

    @property
    def count(self) -> int:
        """Seats and admissions together."""
        return len(self.seat_ids) + len(self.area_ids)


def pending_booking(draft: Draft, booking_id: UUID, buyer_id: int) -> Booking | Refusal:
    """The buyer's booking, which still holds its places."""
    booking = draft.booking(booking_id)
    if booking is None or booking.buyer_id != buyer_id:
        return NotFound()
    if booking.state is not BookingState.PENDING:
        return BookingIsOver(state=booking.state)
    return booking


def find_channel(draft: Draft, key_hash: str | None) -> Channel | Refusal | None:
    """The sales channel whose key this is; None without a key."""
    if key_hash is None:
        return None
    return draft.inventory.terms.channels.get(key_hash) or WrongChannelKey()


def sale_refusal(draft: Draft, now: datetime, channel_id: int | None = None) -> Refusal | None:
    """Whether the event is on sale at this moment; a channel may have a sale window of its own."""
    terms = draft.inventory.terms
    window = terms.window_of(channel_id)
    if terms.state is EventState.CANCELLED:
        return EventCancelled()
    if terms.state is EventState.DRAFT:
        return NotFound()
    if window.starts_at is not None and now < window.starts_at:
        return SaleNotOpen(sale_starts_at=window.starts_at)
    if now >= window.ends_at:
        return SaleClosed()
    return None


def places_refusal(draft: Draft, places: Places, now: datetime) -> Refusal | None:
    """Whether every one of these places is there, offered to this request, and free."""
    refusal = unknown_places(draft, places) or _hidden_places(draft, places)
    if refusal := refusal or _kept_places(draft, places, now):
        return refusal
    wanted = [seat_id for seat_id in places.seat_ids if seat_id not in places.given_seat_ids]
    if gone := [seat_id for seat_id in wanted if not draft.is_free(seat_id, places.channel_id)]:
        withdrawn = draft.inventory.seat_map.withdrawn
        if all(draft.blocked_in(seat_id) is not None or seat_id in withdrawn for seat_id in gone):
            return SeatsBlocked(seat_ids=gone)
        return SeatsTaken(seat_ids=gone)
    if full := full_areas(draft, places.area_ids, places.given_area_ids):
        return AreasFull(areas=full)
    return None


def limit_refusal(draft: Draft, buyer_id: int, more: int) -> Refusal | None:
    """Whether one person may have so many more places."""
    limit = draft.inventory.terms.places_per_buyer_max
    already = draft.places_of(buyer_id)
    return TooManyPlaces(limit=limit, already_yours=already) if already + more > limit else None


def orphan_refusal(draft: Draft, places: Places, now: datetime) -> Refusal | None:
    """Where the rule is ENFORCED: a single seat may be left only when there is no other way."""
    seat_ids = tuple([seat_id for seat_id in places.seat_ids if seat_id not in places.given_seat_ids])
    if draft.inventory.terms.orphan_rule is not OrphanRule.ENFORCE or not seat_ids:
        return None
    stranded = stranded_by(draft, seat_ids)
    if not stranded:
        return None
    instead = instead_of(
        draft,
        seat_ids,
        access_of(draft, now, places.channel_id, accessible=places.accessible, opened=places.opened),
    )
    if instead is None:
        return None
    return SingleSeatLeft(stranded_seat_ids=stranded, instead_seat_ids=list(instead))


def choose_seats(
    draft: Draft, wanted: BestAvailable, now: datetime, channel_id: int | None, opened: frozenset[str]
) -> Choice | Refusal:
    """The best seats for this party, or why there are none."""
    seat_map = draft.inventory.seat_map
    if wanted.category is not None and wanted.category not in {each.name for each in seat_map.categories}:
        return invalid("/best_available/category", f"This event has no category {wanted.category!r}.")
    if wanted.zone is not None and wanted.zone not in {zone for zone, _ in seat_map.rows}:
        return invalid("/best_available/zone", f"This event has no zone {wanted.zone!r}.")
    access = access_of(draft, now, channel_id, accessible=wanted.accessible, opened=opened)
    no_orphans = draft.inventory.terms.orphan_rule is not OrphanRule.OFF
    choice = choose(draft, wanted, access, no_orphans=no_orphans)
    if choice is None:
        together = side_by_side_max(draft, wanted, access)
        return NoSuchSeatsLeft(quantity=wanted.quantity, side_by_side_max=together)
    return choice


def keeping_of(draft: Draft, now: datetime, *, accessible: bool) -> Keeping:
    """How the seats that are kept stand to a request at this moment."""
    released_at = draft.inventory.terms.accessible_released_at
    if released_at is None or now >= released_at:
        return Keeping.RELEASED
    return Keeping.ACCESSIBLE if accessible else Keeping.GENERAL


def access_of(
    draft: Draft, now: datetime, channel_id: int | None, *, accessible: bool, opened: frozenset[str]
) -> Access:
    """Which seats a request may be given when they are chosen for it."""
    has_blocks = bool(draft.inventory.block_of or draft.blocks)
    return Access(
        keeping_of(draft, now, accessible=accessible),
        channel_id if has_blocks else None,
        draft.inventory.terms.hidden_categories - opened,
    )


def _hidden_places(draft: Draft, places: Places) -> Refusal | None:
    """Whether places are asked for whose category is hidden, and that no code opens."""
    closed = draft.inventory.terms.hidden_categories - places.opened
    if not closed:
        return None
    seat_map = draft.inventory.seat_map
    seat_ids = [
        seat_id
        for seat_id in places.seat_ids
        if seat_map.categories[seat_map.category_of[seat_id]].name in closed
    ]
    area_ids = sorted({area_id for area_id in places.area_ids if seat_map.areas[area_id].category in closed})
    return PlacesHidden(seat_ids=seat_ids, area_ids=area_ids) if seat_ids or area_ids else None


def _kept_places(draft: Draft, places: Places, now: datetime) -> Refusal | None:
    """Whether seats are asked for that are kept for people who need them, or for their companions."""
    keeping = keeping_of(draft, now, accessible=places.accessible)
    if keeping is Keeping.RELEASED:
        return None
    kept = draft.inventory.seat_map.kept if keeping is Keeping.GENERAL else frozenset[int]()
    if found := [seat_id for seat_id in places.seat_ids if seat_id in kept]:
        return SeatsKept(seat_ids=found, kept_until=draft.inventory.terms.accessible_released_at or now)
    return _companions_refusal(draft, places, now)


def _companions_refusal(draft: Draft, places: Places, now: datetime) -> Refusal | None:
    """A companion's seat goes with the accessible seat that it belongs to, in one booking."""
    companion_of = draft.inventory.seat_map.companion_of
    together = {*places.seat_ids, *places.beside}
    alone = [seat_id for seat_id in together if companion_of.get(seat_id, seat_id) not in together]
    if not alone:
        return None
    return CompanionSeatsAlone(
        seat_ids=sorted(alone),
        accessible_seat_ids=sorted({companion_of[seat_id] for seat_id in alone}),
        kept_until=draft.inventory.terms.accessible_released_at or now,
    )


def unknown_places(draft: Draft, places: Places) -> Refusal | None:
    """Whether all of these places are there."""
    seat_map = draft.inventory.seat_map
    errors = [
        FieldError(pointer=f"{places.below}/seat_ids/{index}", detail=f"This event has no seat {seat_id}.")
        for index, seat_id in enumerate(places.seat_ids)
        if not 0 <= seat_id < seat_map.seat_count
    ]
    errors += [
        FieldError(pointer=f"{places.below}/areas", detail=f"This event has no area {area_id}.")
        for area_id in sorted(set(places.area_ids))
        if not 0 <= area_id < len(seat_map.areas)
    ]
    return InvalidInput(errors=errors) if errors else None


def full_areas(draft: Draft, area_ids: tuple[int, ...], given: tuple[int, ...] = ()) -> list[AreaLeft]:
    """The areas that do not have that many places left, with those that are given back for them."""
    return [
        AreaLeft(area_id=area_id, places_left=left)
        for area_id in sorted(set(area_ids))
        if (left := draft.places_left(area_id) + given.count(area_id)) < area_ids.count(area_id)
    ]
