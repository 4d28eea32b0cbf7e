"""What a viewer is told (Server-Sent Events), and what one that was away has missed."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

import msgspec

from boxoffice.catalog.schemas import ComingPrices, EventState
from boxoffice.inventory.availability.document import (
    CategoryLeft,
    Picture,
    TicketTypeLeft,
    areas_left,
    categories_left,
    categories_of,
    changed_areas,
    changed_seats,
    seats_by_code,
    types_left,
)
from boxoffice.inventory.changes import BookingExchanged, BookingReduced, Change
from boxoffice.inventory.refusals import AreaLeft

# A seat takes about six bytes of a delta: one of more seats than this is longer than the whole document.
DELTA_SEATS_MAX = 2_500

# Beyond this many steps back nobody can have been away for a moment only.
STEPS_KEPT_MAX = 1_000

# Keeps proxies from closing a stream that has nothing to say, and shows us which viewers are gone.
HEARTBEAT = b":\n\n"


class Terms(msgspec.Struct, frozen=True):
    """`event: terms`, at the beginning and when the event or a price was changed: state, window, prices."""

    version: int
    revision: int
    state: EventState
    starts_at: datetime
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    accessible_released_at: datetime | None
    categories: list[CategoryLeft]
    ticket_types: list[TicketTypeLeft]
    next_price_change: ComingPrices | None


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """`event: delta`: the state, as of `version`, of each seat that changed, and the counts that changed.

    Saying it twice does no harm. What is empty is left out.
    """

    version: int
    free: list[int] = []
    held: list[int] = []
    sold: list[int] = []
    not_for_sale: list[int] = []
    categories: list[CategoryLeft] = []
    ticket_types: list[TicketTypeLeft] = []
    areas: list[AreaLeft] = []


class Reset(msgspec.Struct, frozen=True):
    """`event: reset`: too much has changed since; get the document again and begin a new stream after it.

    `seat_map_id` is the map that the event sells now: get it, too, when it is another one than yours.
    """

    version: int
    seat_map_id: int


def render_terms(picture: Picture) -> bytes:
    """The event's own terms."""
    terms = picture.terms
    return _event(
        "terms",
        picture.version,
        Terms(
            version=picture.version,
            revision=terms.revision,
            state=terms.state,
            starts_at=terms.starts_at,
            sale_starts_at=terms.sale_starts_at,
            sale_ends_at=terms.sale_ends_at,
            accessible_released_at=terms.accessible_released_at,
            categories=categories_left(picture, range(len(picture.category_left))),
            ticket_types=types_left(picture, {each.name for each in picture.seat_map.categories}),
            next_price_change=picture.next_price_change,
        ),
    )


def render_delta(picture: Picture, seat_ids: Iterable[int], area_ids: Iterable[int]) -> bytes:
    """How it stands with these seats and areas."""
    seat_ids, area_ids = sorted(seat_ids), sorted(area_ids)
    free, held, sold, not_for_sale = seats_by_code(picture.codes, seat_ids)
    categories = categories_of(picture.seat_map, seat_ids, area_ids)
    delta = Delta(
        version=picture.version,
        free=free,
        held=held,
        sold=sold,
        not_for_sale=not_for_sale,
        categories=categories_left(picture, categories),
        ticket_types=types_left(picture, {picture.seat_map.categories[index].name for index in categories}),
        areas=areas_left(picture, area_ids),
    )
    return _event("delta", picture.version, delta)


def render_reset(picture: Picture) -> bytes:
    """That the document has to be fetched again, and perhaps the seat map."""
    return _event("reset", picture.version, Reset(picture.version, picture.seat_map.id))


def _event(kind: str, version: int, data: msgspec.Struct) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (version, kind.encode(), msgspec.json.encode(data))


class Step(msgspec.Struct, frozen=True, gc=False):
    """Which places changed on the way to `version`."""

    version: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]


def step_between(before: Picture, after: Picture) -> Step:
    """What changed from one picture to the next.

    An exchange may take another ticket type for the same place: the place is as it was, and an area or else a
    seat of that category is told of all the same, and its ticket types with it.
    """
    area_ids = set(changed_areas(before.area_left, after.area_left))
    seat_ids = changed_seats(before.codes, after.codes)
    if before.types_left != after.types_left:
        types = zip(after.terms.ticket_types.values(), before.types_left, after.types_left, strict=False)
        changed = {each.category for each, were, are in types if were != are}
        first = {area.category: area.id for area in reversed(after.seat_map.areas)}
        area_ids.update(first[category] for category in changed & first.keys())
        for index, category in enumerate(after.seat_map.categories):
            seat_id = after.seat_map.category_of.find(index)
            if category.name in changed - first.keys() and seat_id >= 0:
                seat_ids.append(seat_id)
    return Step(after.version, tuple(seat_ids), tuple(sorted(area_ids)))


def step_of(version: int, changes: Iterable[Change]) -> Step:
    """What a journal row may have changed."""
    seat_ids: set[int] = set()
    area_ids: set[int] = set()
    for change in changes:
        if isinstance(change, BookingExchanged):
            # What it has kept may be of another ticket type.
            seat_ids.update(change.freed_seat_ids, change.seat_ids)
            area_ids.update(change.freed_area_ids, change.area_ids)
        elif isinstance(change, BookingReduced):
            seat_ids.update(change.freed_seat_ids)
            area_ids.update(change.freed_area_ids)
        else:
            seat_ids.update(getattr(change, "seat_ids", ()))
            area_ids.update(getattr(change, "area_ids", ()))
    return Step(version, tuple(seat_ids), tuple(area_ids))


class Recent:
    """The latest steps of an event: from any version since `floor` on it is known what changed.

    It forgets the oldest steps when there are more than STEPS_KEPT_MAX, or more than DELTA_SEATS_MAX
    seats in them.
    """

    def __init__(self, version: int) -> None:
        self.floor = version
        self._steps: deque[Step] = deque()
        self._seats = 0

    def add(self, step: Step) -> None:
        """The event has come to the step's version."""
        self._steps.append(step)
        self._seats += len(step.seat_ids)
        while len(self._steps) > STEPS_KEPT_MAX or self._seats > DELTA_SEATS_MAX:
            forgotten = self._steps.popleft()
            self._seats -= len(forgotten.seat_ids)
            self.floor = forgotten.version

    def add_before(self, step: Step) -> bool:
        """What changed on the way to the version that is known so far; False when there is no room for it."""
        if len(self._steps) >= STEPS_KEPT_MAX or self._seats + len(step.seat_ids) > DELTA_SEATS_MAX:
            return False
        self._steps.appendleft(step)
        self._seats += len(step.seat_ids)
        self.floor = step.version - 1
        return True

    def since(self, version: int) -> tuple[set[int], set[int]] | None:
        """The seats and areas that changed after this version; None when that is not known any more."""
        if version < self.floor:
            return None
        seat_ids: set[int] = set()
        area_ids: set[int] = set()
        for step in reversed(self._steps):
            if step.version <= version:
                break
            seat_ids.update(step.seat_ids)
            area_ids.update(step.area_ids)
        return seat_ids, area_ids
