"""Ticket types: whether places may be had as what they are asked for. Counted under the event's lock."""

from collections import Counter
from collections.abc import Iterator, Mapping

from boxoffice.catalog.prices.ticket_types import sold_by_type
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.offer import Places
from boxoffice.inventory.refusals import TicketTypesFull, TypeLeft
from boxoffice.kit.errors import FieldError, InvalidInput, Refusal


def ticket_types_refusal(draft: Draft, places: Places, prices: Mapping[str, int]) -> Refusal | None:
    """Whether each place is sold as the ticket type that is asked for, and so many of these are left.

    A category that has no price itself is sold by ticket type only.
    """
    if not draft.inventory.terms.ticket_types and not places.ticket_types:
        return None
    if errors := list(_faults(draft, places, prices)):
        return InvalidInput(errors=errors)
    full = full_types(draft, places.ticket_types, places.given_types)
    return TicketTypesFull(ticket_types=full) if full else None


def full_types(
    draft: Draft, types: tuple[str | None, ...], given: tuple[str | None, ...] = ()
) -> list[TypeLeft]:
    """The ticket types of which there are not that many left, with those that are given back for them.

    Areas and seats are counted elsewhere.
    """
    offered = draft.inventory.terms.ticket_types
    return [
        TypeLeft(ticket_type=name, places_left=left)
        for name, wanted in sorted(Counter(filter(None, types)).items())
        if name in offered
        and (limit := offered[name].limit) is not None
        and (left := max(0, limit - draft.type_taken(name) + given.count(name))) < wanted
    ]


def _faults(draft: Draft, places: Places, prices: Mapping[str, int]) -> Iterator[FieldError]:
    offered = draft.inventory.terms.ticket_types
    categories = draft.names_of(places.seat_ids, places.area_ids)
    seats = len(places.seat_ids)
    types = places.ticket_types or (None,) * len(categories)
    said: set[tuple[str, str]] = set()
    for index, (category, name) in enumerate(zip(categories, types, strict=True)):
        if name is None:
            if category in prices:
                continue
            detail = f"{category!r} is sold by ticket type: name one of {sold_by_type(category, offered)}."
        elif name in offered and offered[name].category == category and name in prices:
            continue
        else:
            detail = f"This event has no ticket type {name!r} for {category!r}."
        pointer = f"{places.below}/seat_ticket_types/{index}" if index < seats else f"{places.below}/areas"
        # Each admission to an area is a place; what is wrong with it is said once.
        if (pointer, detail) not in said:
            said.add((pointer, detail))
            yield FieldError(pointer=pointer, detail=detail)
