"""The rules of promo codes: whether one may be used, for how many places, and by whom. Pure, like `rules`."""

from datetime import datetime

from boxoffice.inventory.commands import Booking
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.promo import PromoCode, PromoUse, use_in
from boxoffice.inventory.refusals import (
    PromoCodeForOthers,
    PromoCodeNotYet,
    PromoCodeOver,
    PromoCodeSpent,
    PromoCodeUsedByYou,
    PromoCodeUsedUp,
    UnknownPromoCode,
)
from boxoffice.kit.errors import Refusal


def find_promo_code(draft: Draft, code_hash: str | None, now: datetime) -> PromoCode | Refusal | None:
    """The code a buyer has typed in, if it is good at this moment; None when there is none."""
    if code_hash is None:
        return None
    code = draft.inventory.promo_codes.get(code_hash)
    return UnknownPromoCode() if code is None else _window_refusal(code, now) or code


def promo_code_of(draft: Draft, booking: Booking, now: datetime) -> PromoCode | Refusal | None:
    """The code that a booking was held with, for places it takes now; None when it was held with none."""
    use = use_in(booking.levies)
    if use is None:
        return None
    code = _find_by_id(draft, use.code_id)
    return UnknownPromoCode() if code is None else _window_refusal(code, now) or code


def _window_refusal(code: PromoCode, now: datetime) -> Refusal | None:
    if code.valid_from is not None and now < code.valid_from:
        return PromoCodeNotYet(valid_from=code.valid_from)
    if code.valid_until is not None and now >= code.valid_until:
        return PromoCodeOver(valid_until=code.valid_until)
    return None


def promo_refusal(
    draft: Draft, code: PromoCode, buyer_id: int, use: PromoUse | None, before: PromoUse | None = None
) -> Refusal | None:
    """Whether the code has that much left for this buyer; a booking has what it had `before` already."""
    if use is None:
        return PromoCodeForOthers(categories=sorted(code.categories | code.opens))
    more = use.places - (before.places if before else 0)
    tally, ours = draft.inventory.promo, draft.promo
    used = tally.places.get(code.id, 0) + ours.places.get(code.id, 0)
    if more > 0 and code.places_max is not None and used + more > code.places_max:
        return PromoCodeUsedUp(places_left=max(0, code.places_max - used))
    key = (code.id, buyer_id)
    yours = tally.places_of.get(key, 0) + ours.places_of.get(key, 0)
    if more > 0 and code.places_per_buyer_max is not None and yours + more > code.places_per_buyer_max:
        return PromoCodeUsedByYou(limit=code.places_per_buyer_max, already_yours=yours)
    dearer = use.discount - (before.discount if before else 0)
    spent = tally.discount.get(code.id, 0) + ours.discount.get(code.id, 0)
    if dearer > 0 and code.budget is not None and spent + dearer > code.budget:
        return PromoCodeSpent()
    return None


def exchange_refusal(
    draft: Draft, code: PromoCode | None, booking: Booking, use: PromoUse | None
) -> Refusal | None:
    """Whether the booking's code has enough for the places it will have."""
    if code is None or use is None:
        return None
    return promo_refusal(draft, code, booking.buyer_id, use, use_in(booking.levies))


def is_used_up(draft: Draft, booking: Booking) -> bool:
    """Whether a booking that gave its places back can not have what it had of its code again.

    Only limits count: the code was good when the places were held.
    """
    use = use_in(booking.levies)
    code = None if use is None else _find_by_id(draft, use.code_id)
    return code is not None and promo_refusal(draft, code, booking.buyer_id, use) is not None


def _find_by_id(draft: Draft, code_id: int) -> PromoCode | None:
    return next((code for code in draft.inventory.promo_codes.values() if code.id == code_id), None)
