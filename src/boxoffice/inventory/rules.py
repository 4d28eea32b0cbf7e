"""Every rule of selling, as one pure function over an inventory, commands and a clock reading.

No I/O, no clock, no change to the inventory: a `Draft` shows each command what the commands before
it in the batch have done, and is forgotten unless the batch commits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import (
    Levies,
    booking_fees_of,
    encode_levies,
    levy,
    total_of,
)
from boxoffice.catalog.prices.ticket_types import decode_types_of_places, encode_types_of_places
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.block_rules import decide_block, release_all
from boxoffice.inventory.cancel_rules import decide_call_off, decide_cancel, decide_withdraw
from boxoffice.inventory.changes import (
    BookingConfirmed,
    BookingExpired,
    BookingHeld,
    BookingRenewed,
    PaymentReturned,
)
from boxoffice.inventory.commands import (
    Block,
    Booking,
    BookingState,
    CallOff,
    Cancel,
    ChangeBlock,
    ChangeSeatMap,
    Command,
    Confirm,
    Exchange,
    Expire,
    GiveUp,
    Held,
    Hold,
    Outcome,
    PaymentOutcome,
    Release,
    Renew,
    TakeBack,
    TakeBackPlaces,
    Withdraw,
)
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.exchange_rules import decide_exchange
from boxoffice.inventory.give_up_rules import decide_give_up
from boxoffice.inventory.map_rules import decide_seat_map
from boxoffice.inventory.offer import (
    Places,
    choose_seats,
    find_channel,
    full_areas,
    limit_refusal,
    orphan_refusal,
    pending_booking,
    places_refusal,
    sale_refusal,
)
from boxoffice.inventory.promo import PromoCode, use_of
from boxoffice.inventory.promo_rules import (
    find_promo_code,
    is_used_up,
    promo_refusal,
)
from boxoffice.inventory.refusals import EventCancelled, HeldLongEnough
from boxoffice.inventory.state import Inventory
from boxoffice.inventory.take_back_rules import decide_take_back_places
from boxoffice.inventory.type_rules import full_types, ticket_types_refusal
from boxoffice.kit.errors import NotFound, Refusal

# A hold may be renewed until it has lasted three times as long as a hold of this event: long enough
# for a second try with another card, too short to keep seats from others for an evening.
RENEWED_HOLDS_MAX = 3


class Decision(msgspec.Struct, frozen=True):
    """What a batch comes to: one outcome a command, in order, and the draft to be written."""

    outcomes: list[Outcome | Refusal]
    draft: Draft
    next_expiry_at: datetime | None


def decide(
    inventory: Inventory, commands: Sequence[Command], bookings: Mapping[UUID, Booking], now: datetime
) -> Decision:
    """Decide the commands one after the other; what is over expires first.

    `bookings` has the rows of the bookings that Cancel and Confirm name, read under the event's lock.
    """
    draft = Draft(inventory, bookings)
    over, next_expiry_at = inventory.due(now)
    for id_ in over:
        if id_ in inventory.blocks:
            release_all(draft, inventory.blocks[id_])
        else:
            _expire(draft, id_)
    outcomes = [_decide_one(draft, command, now) for command in commands]
    ends = [block.released_at for block in draft.blocks.values() if block.released_at is not None]
    if draft.held:
        ends.append(now + timedelta(seconds=inventory.terms.hold_seconds))
    if ends:
        soonest = min(ends)
        next_expiry_at = min(next_expiry_at or soonest, soonest)
    return Decision(outcomes, draft, next_expiry_at)


def _decide_one(  # noqa: C901, PLR0911  one for each command
    draft: Draft, command: Command, now: datetime
) -> Outcome | Refusal:
    match command:
        case Hold():
            return decide_hold(draft, command, now)
        case Renew():
            return decide_renew(draft, command, now)
        case Exchange():
            return decide_exchange(draft, command, now)
        case Confirm():
            return decide_confirm(draft, command, now)
        case Cancel():
            return decide_cancel(draft, command, now)
        case Withdraw() | TakeBack():
            return decide_withdraw(draft, command)
        case TakeBackPlaces():
            return decide_take_back_places(draft, command)
        case GiveUp():
            return decide_give_up(draft, command, now)
        case Block() | ChangeBlock() | Release():
            return decide_block(draft, command, now)
        case CallOff():
            return decide_call_off(draft, command)
        case ChangeSeatMap():
            return decide_seat_map(draft, command)
        case Expire():
            return None


def decide_hold(draft: Draft, command: Hold, now: datetime) -> Held | Refusal:
    """Hold every place or none. A booking that costs nothing is confirmed at once."""
    entry = _entry(draft, command, now)
    if isinstance(entry, Refusal):
        return entry
    channel_id, code = entry
    opened = frozenset[str]() if code is None else code.opens
    seat_ids, explanation = command.seat_ids, None
    if command.best is not None:
        # The limit first: looking for a hundred seats side by side is work for nothing where ten are allowed.
        count = command.best.quantity + len(command.area_ids)
        choice = limit_refusal(draft, command.buyer_id, count) or choose_seats(
            draft, command.best, now, channel_id, opened
        )
        if isinstance(choice, Refusal):
            return choice
        seat_ids, explanation = choice.seat_ids, choice.reason
    accessible = command.accessible if command.best is None else command.best.accessible
    types = command.ticket_types
    places = Places(seat_ids, command.area_ids, accessible, channel_id, opened=opened, ticket_types=types)
    prices = draft.inventory.terms.prices_at(now, channel_id)
    refusal = (
        places_refusal(draft, places, now)
        or limit_refusal(draft, command.buyer_id, places.count)
        or ticket_types_refusal(draft, places, prices)
    )
    if refusal is None and command.best is None:
        refusal = orphan_refusal(draft, places, now)
    if refusal is not None:
        return refusal
    amounts, levies = _priced(draft, places, prices, code)
    if code is not None and (refusal := promo_refusal(draft, code, command.buyer_id, use_of(levies))):
        return refusal
    return Held(_hold(draft, command, places, amounts, levies, now), explanation)


def _hold(
    draft: Draft,
    command: Hold,
    places: Places,
    amounts: tuple[int, ...],
    levies: Levies | None,
    now: datetime,
) -> Booking:
    """Have these places for the buyer, for a while or, when they cost nothing, for good."""
    terms, seat_ids, types = draft.inventory.terms, places.seat_ids, places.ticket_types
    total = total_of(amounts, levies)
    expires_at = now + timedelta(seconds=terms.hold_seconds)
    draft.hold(
        BookingHeld(
            command.booking_id,
            command.buyer_id,
            seat_ids,
            command.area_ids,
            amounts,
            expires_at,
            places.channel_id,
            levies,
            types,
        )
    )
    if total == 0:
        draft.confirm(
            BookingConfirmed(
                command.booking_id, command.buyer_id, seat_ids, command.area_ids, ticket_types=types
            )
        )
    return Booking(
        event_id=terms.event_id,
        id=command.booking_id,
        buyer_id=command.buyer_id,
        state=BookingState.PENDING if total else BookingState.CONFIRMED,
        seat_ids=seat_ids,
        area_ids=command.area_ids,
        amounts=amounts,
        total=total,
        currency=terms.currency,
        created_at=now,
        expires_at=expires_at if total else None,
        channel_id=places.channel_id,
        levies=encode_levies(levies),
        ticket_types=encode_types_of_places(types),
    )


def _entry(draft: Draft, command: Hold, now: datetime) -> tuple[int | None, PromoCode | None] | Refusal:
    """The sales channel a buyer comes through and the code they have, if the sale is open to them."""
    channel = find_channel(draft, command.channel_key_hash)
    if isinstance(channel, Refusal):
        return channel
    channel_id = None if channel is None else channel.id
    if refusal := sale_refusal(draft, now, channel_id):
        return refusal
    code = find_promo_code(draft, command.promo_code_hash, now)
    return code if isinstance(code, Refusal) else (channel_id, code)


def _priced(
    draft: Draft, places: Places, prices: Mapping[str, int], code: PromoCode | None
) -> tuple[tuple[int, ...], Levies | None]:
    """What each of these places costs at these prices, and what they bear."""
    tariff = draft.inventory.terms.tariff
    if tariff is None and code is None:
        return draft.prices_of(places.seat_ids, places.area_ids, prices, places.ticket_types), None
    priced = draft.places_priced(places.seat_ids, places.area_ids, prices, code, places.ticket_types)
    return tuple([place.price for place in priced]), levy(
        priced, booking_fees_of(tariff), draft.inventory.terms.step
    )


def decide_renew(draft: Draft, command: Renew, now: datetime) -> Booking | Refusal:
    """Start the hold's time anew, but never beyond RENEWED_HOLDS_MAX times from its beginning."""
    booking = pending_booking(draft, command.booking_id, command.buyer_id)
    if isinstance(booking, Refusal):
        return booking
    if draft.inventory.terms.state is EventState.CANCELLED:
        return EventCancelled()
    duration = timedelta(seconds=draft.inventory.terms.hold_seconds)
    expires_at = min(now + duration, booking.created_at + RENEWED_HOLDS_MAX * duration)
    if booking.expires_at is not None and expires_at <= booking.expires_at:
        return HeldLongEnough(expires_at=booking.expires_at)
    draft.renew(BookingRenewed(booking.id, booking.buyer_id, expires_at))
    return msgspec.structs.replace(booking, expires_at=expires_at)


def decide_confirm(draft: Draft, command: Confirm, now: datetime) -> PaymentOutcome | Refusal:
    """Turn money into tickets, or give it back; the same payment is dealt with once.

    Money that comes after the hold has expired still buys the places if all of them are free, the buyer's
    limit allows and the show is to come; so does money that comes in time. All else goes back in full.
    """
    booking = draft.booking(command.booking_id)
    if booking is None:
        return NotFound()
    payment = command.payment
    if payment.payment_id in booking.settled_payments:
        return PaymentOutcome.ALREADY_SETTLED
    reason = None
    if not payment.as_asked:
        reason = "The amount is not what was asked for."
    elif (payment.amount, payment.currency) != (booking.total, booking.currency):
        reason = "The amount is not the booking's."
    elif draft.inventory.terms.state is EventState.CANCELLED:
        reason = "The event is cancelled."
    elif booking.state not in (BookingState.PENDING, BookingState.EXPIRED):
        reason = f"The booking is {booking.state}."
    elif booking.state is BookingState.EXPIRED:
        reason = _why_not_again(draft, booking, now)
    if reason is not None:
        draft.give_back(PaymentReturned(booking.id, payment.payment_id, reason))
        return PaymentOutcome.RETURNED
    draft.confirm(
        BookingConfirmed(
            booking.id,
            booking.buyer_id,
            booking.seat_ids,
            booking.area_ids,
            payment_id=payment.payment_id,
            taken_again=booking.state is BookingState.EXPIRED,
            ticket_types=decode_types_of_places(booking.ticket_types),
        )
    )
    return PaymentOutcome.CONFIRMED


def _expire(draft: Draft, booking_id: UUID) -> None:
    held = draft.inventory.pending[booking_id]
    back = draft.back_in_blocks(held.seat_ids)
    draft.release(
        BookingExpired(
            booking_id,
            held.buyer_id,
            held.seat_ids,
            held.area_ids,
            back,
            ticket_types=held.ticket_types,
        )
    )


def _why_not_again(  # noqa: PLR0911  one for each reason
    draft: Draft, booking: Booking, now: datetime
) -> str | None:
    terms = draft.inventory.terms
    if terms.state is not EventState.PUBLISHED:
        return "The event is not on sale any more."
    if now >= max(terms.starts_at, terms.window_of(booking.channel_id).ends_at):
        # A bank may take days: nobody wants a ticket of an evening that is over.
        return "The hold had expired and the show has begun."
    if not all(draft.is_free(seat_id, booking.channel_id) for seat_id in booking.seat_ids):
        return "The hold had expired and its seats are taken."
    if full_areas(draft, booking.area_ids):
        return "The hold had expired and its area is full."
    if full_types(draft, decode_types_of_places(booking.ticket_types)):
        return "The hold had expired and its ticket type is sold out."
    if is_used_up(draft, booking):
        return "The hold had expired and its promo code is used up."
    places = len(booking.seat_ids) + len(booking.area_ids)
    if draft.places_of(booking.buyer_id) + places > terms.places_per_buyer_max:
        return "The hold had expired and the buyer has as many places as one person may."
    return None
