"""P5 and P6 of money: what the bank's books say of every payment against ours, and who wanted what back."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import GiveUp, TakeBack, TakeBackPlaces, TakenBack
from boxoffice.kit.postgres import Database
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.provider import DisputeState
from simulation.bank import Bank
from simulation.past import Past, Then
from simulation.record import Broken, Record
from simulation.stage import Sale


class _Payment(msgspec.Struct, frozen=True):
    id: UUID
    booking_id: UUID
    state: str
    captured: int
    refunded: int


class _Refund(msgspec.Struct, frozen=True):
    id: UUID
    payment_id: UUID
    amount: int
    by_bank: int
    state: str
    settled_by: str | None


class _Dispute(msgspec.Struct, frozen=True):
    id: UUID
    payment_id: UUID
    reference: str
    amount: int
    state: str


class _ByHand(msgspec.Struct, frozen=True):
    """What somebody gave by hand, as we have heard of it, and the refund of ours that it has become."""

    reference: str
    payment_id: UUID
    refund_id: UUID | None
    amount: int
    failure: str | None


class _Account(msgspec.Struct, frozen=True):
    currency: str
    amount: int


class _Books(msgspec.Struct):
    """What our tables have of an event."""

    payments: list[_Payment]
    refunds: dict[UUID, list[_Refund]]
    disputes: dict[UUID, list[_Dispute]]
    by_hand: list[_ByHand]

    def hand_of(self, refund_id: UUID) -> _ByHand | None:
        """What a refund of ours was made by, if it was by hand."""
        return next((each for each in self.by_hand if each.refund_id == refund_id), None)


async def check_money(db: Database, bank: Bank, record: Record, sale: Sale, past: Past) -> None:
    """P5: what came is tickets or went back, once; the bank has what our ledger says."""
    books = await _read(db, bank, sale.event_id)
    bought = {then.paid_by: then for then in past.bookings.values() if then.paid_by is not None}
    for payment in books.payments:
        _check_with_bank(bank, books, payment, sale)
        _check_end(bank, books, payment, bought.get(payment.id), sale)
        _check_wanted(record, books, payment, past, sale)
        _check_decided(record, books, payment, sale)
    for booking_id, then in past.bookings.items():
        if then.state == "CONFIRMED" and sum(then.amounts) and then.paid_by not in bank.captured:
            _broken("P5", "a booking has tickets and nobody paid for it", sale, booking_id)
    _check_answered(record, books, sale)
    _check_withdrawn(bank, record, books, sale, past)
    await _check_ledger(db, bank, books, sale)


async def _read(db: Database, bank: Bank, event_id: int) -> _Books:
    books = _Books([], defaultdict(list), defaultdict(list), [])
    books.payments = await db.list(
        _Payment,
        "SELECT id, booking_id, state, captured, refunded FROM payments WHERE event_id = $1",
        event_id,
    )
    for refund in await db.list(
        _Refund,
        "SELECT id, payment_id, amount, by_bank, state, settled_by FROM refunds WHERE event_id = $1",
        event_id,
    ):
        books.refunds[refund.payment_id].append(refund)
    for dispute in await db.list(
        _Dispute,
        "SELECT id, payment_id, reference, amount, state FROM disputes WHERE event_id = $1",
        event_id,
    ):
        books.disputes[dispute.payment_id].append(dispute)
    by_hand = {each.reference for each in bank.refunds.made if each.refund_id is None}
    heard = (
        "SELECT reference, payment_id, refund_id, amount, failure FROM provider_refunds WHERE event_id = $1"
    )
    books.by_hand = [row for row in await db.list(_ByHand, heard, event_id) if row.reference in by_hand]
    return books


def _check_with_bank(bank: Bank, books: _Books, payment: _Payment, sale: Sale) -> None:
    """Captured, given back and disputed there as here; what was let go was let go."""
    fact = bank.captured.get(payment.id)
    lost = {dispute.id for dispute in books.disputes[payment.id]}
    ours: dict[UUID | str, int] = {
        each.id: each.amount - each.by_bank
        for each in books.refunds[payment.id]
        if each.id not in lost and each.settled_by is None and each.amount > each.by_bank
    }
    ours |= {
        each.reference: each.amount
        for each in books.by_hand
        if each.payment_id == payment.id and each.failure is None
    }
    theirs = {each.refund_id or each.reference: each.amount for each in bank.refunds.of(payment.id)}
    if fact is None:
        # Nothing was taken: what is to go back was only authorised.
        is_void = payment.id in bank.void_ids | bank.gone
        is_same = payment.captured == 0 and not theirs and (not ours or is_void)
    else:
        is_same = payment.captured == fact.amount and ours == theirs
    if not is_same:
        words = f"the bank has {fact} and gave {theirs} back; we have {payment} and gave {ours} back"
        _broken("P5", words, sale, payment.booking_id)
    here = {(each.reference, each.amount, each.state) for each in books.disputes[payment.id]}
    there = {
        (each.reference, each.amount, each.state.value)
        for each in bank.disputes
        if each.payment_id == payment.id
    }
    if here != there:
        words = f"payment {payment.id}: disputed here {here}, there {there}"
        _broken("P5", words, sale, payment.booking_id)


def _check_end(bank: Bank, books: _Books, payment: _Payment, then: Then | None, sale: Sale) -> None:
    """Nothing waits, and what has not bought anything, or not any more, is back as a whole or as wanted."""
    refunds = books.refunds[payment.id]
    is_all_back = payment.refunded == payment.captured
    if payment.id not in bank.captured and payment.id not in bank.authorised:
        is_right = payment.state in ("PENDING", "DECLINED") and not refunds and then is None
    elif payment.state == "CANCELLED":
        is_right = payment.id in bank.gone and payment.id not in bank.captured and not refunds
        is_right = is_right and (then is None or then.state != "CONFIRMED")
    elif payment.state == "CAPTURED":
        # Kept: for tickets, or what the policy has left of a booking that was given up.
        is_right = then is not None and not is_all_back and then.state in ("CONFIRMED", "CANCELLED")
        is_right = is_right and (
            then is None or then.state == "CONFIRMED" or _has_own_refund(refunds, payment)
        )
    else:
        is_right = payment.state == "REFUNDED" and is_all_back
        # All of it given back in amounts leaves the tickets; all of it lost to a bank, or by hand, does not.
        is_lost = any(
            each.state == DisputeState.LOST and each.amount == payment.captured
            for each in books.disputes[payment.id]
        ) or any(each.amount == payment.captured and books.hand_of(each.id) for each in refunds)
        is_right = is_right and not (is_lost and then is not None and then.state == "CONFIRMED")
    if payment.refunded != (sum(each.amount for each in refunds) if payment.captured else 0):
        is_right = False
    if not is_right or any(each.state != "DONE" for each in refunds):
        words = f"{payment} with {refunds}, {books.disputes[payment.id]}; it has bought {then}"
        if payment.id in bank.authorised:
            words += f"; by card, void {payment.id in bank.void_ids}, gone {payment.id in bank.gone}"
        _broken("P5", words, sale, payment.booking_id)


def _has_own_refund(refunds: Sequence[_Refund], payment: _Payment) -> bool:
    return any(each.id == payment.id for each in refunds)


def _check_wanted(record: Record, books: _Books, payment: _Payment, past: Past, sale: Sale) -> None:
    """Every refund is one that somebody wanted, of the amount that is due for it, or of all that was left."""
    then = past.bookings[payment.booking_id]
    lost = {dispute.id for dispute in books.disputes[payment.id] if dispute.state == DisputeState.LOST}
    unknown = Counter(
        back.amount
        for back in record.amounts_back
        if back.booking_id == payment.booking_id and back.refund_id is None and not back.is_refused
    )
    known = {back.refund_id: back.amount for back in record.amounts_back}
    for refund in books.refunds[payment.id]:
        if refund.id in lost:
            continue
        if refund.id == payment.id:
            _check_ended(record, payment, refund, then, sale)
        elif refund.id in past.reduced:
            _check_places(payment, refund, past.reduced[refund.id], sale)
        elif refund.id in known:
            if known[refund.id] != refund.amount:
                _broken("P5", f"{refund} is not what was wanted", sale, payment.booking_id)
        elif made := books.hand_of(refund.id):
            if refund.amount > made.amount:
                _broken("P5", f"{refund} is more than was given by hand", sale, payment.booking_id)
        elif unknown[refund.amount]:
            unknown[refund.amount] -= 1
        else:
            _broken("P5", f"nobody wanted {refund}", sale, payment.booking_id)


def _check_ended(record: Record, payment: _Payment, refund: _Refund, then: Then, sale: Sale) -> None:
    """What is under the payment's id goes back with the booking: all that is left, or a policy's share."""
    if then.paid_by == payment.id and then.state == "CONFIRMED":
        _broken("P5", f"it has its tickets, and {refund} went back", sale, payment.booking_id)
    if not payment.captured or payment.refunded == payment.captured:
        return
    shares = {
        sum(
            _share(cost + (0 if ask.command.fees_kept else sale.hall.fee), deadline.refund_percent)
            for cost in then.amounts
        )
        for ask in record.of(sale.event_id)
        if isinstance(ask.command, GiveUp) and ask.command.booking_id == payment.booking_id
        for deadline in ask.command.deadlines
        if not ask.is_refused
    }
    if refund.amount not in shares:
        words = f"{refund} is none of the shares {shares} of what {payment.booking_id} has cost"
        _broken("P5", words, sale, payment.booking_id)


def _check_decided(record: Record, books: _Books, payment: _Payment, sale: Sale) -> None:
    """Only somebody who decides so gives a refund otherwise."""
    for refund in books.refunds[payment.id]:
        if refund.settled_by is not None and refund.id not in record.settled:
            _broken("P5", f"nobody has given {refund} otherwise", sale, payment.booking_id)


def _check_places(payment: _Payment, refund: _Refund, reduced: tuple[int, int], sale: Sale) -> None:
    """What single places cost goes back with their fees."""
    prices, count = reduced
    worth = prices + count * sale.hall.fee
    if not _is_due(refund.amount, worth, payment):
        _broken("P5", f"places of {worth} were taken back for {refund}", sale, payment.booking_id)


def _share(cost: int, percent: int) -> int:
    return (cost * percent + 50) // 100


def _is_due(amount: int, worth: int, payment: _Payment) -> bool:
    """All of it, or all that was left."""
    return amount == worth or (amount < worth and payment.refunded == payment.captured)


def _check_answered(record: Record, books: _Books, sale: Sale) -> None:
    """P4 of money: what somebody was told goes back does."""
    amounts = {each.id: each.amount for refunds in books.refunds.values() for each in refunds}
    of_event = {payment.booking_id for payment in books.payments}
    for back in record.amounts_back:
        is_answered = back.refund_id is not None and back.booking_id in of_event
        if is_answered and amounts.get(back.refund_id or back.booking_id) != back.amount:
            _broken("P4", f"{back} was answered, and it does not go back", sale, back.booking_id)
    for ask in record.of(sale.event_id):
        answer = ask.answer
        if isinstance(answer, TakenBack) and answer.part and amounts.get(answer.refund_id) != answer.amount:
            _broken("P4", f"{answer} was answered, and it does not go back", sale, answer.booking_id)


def _check_withdrawn(bank: Bank, record: Record, books: _Books, sale: Sale, past: Past) -> None:
    """P6: nobody loses tickets but who wanted the money, or whose money was gone, disputed or given back."""
    wanted = {
        ask.command.booking_id
        for ask in record.of(sale.event_id)
        if isinstance(ask.command, TakeBack | TakeBackPlaces | GiveUp) and not ask.is_refused
    }
    for booking_id in past.withdrawn - wanted:
        paid_by = past.bookings[booking_id].paid_by
        fact = None if paid_by is None else bank.captured.get(paid_by)
        is_lost = (
            paid_by is not None
            and fact is not None
            and any(each.payment_id == paid_by and each.state is DisputeState.LOST for each in bank.disputes)
            and sum(each.amount for each in books.refunds[paid_by]) == fact.amount
        )
        is_by_hand = any(each.payment_id == paid_by and each.refund_id is None for each in bank.refunds.made)
        if paid_by not in bank.gone and not is_lost and not is_by_hand:
            _broken("P6", "a paid booking was cancelled", sale, booking_id)


async def _check_ledger(db: Database, bank: Bank, books: _Books, sale: Sale) -> None:
    """The ledger is what the tables say; the bank has for us what is on PROVIDER, and RESERVED is empty.

    What the house has given otherwise is its own.
    """
    if faults := (await verify_ledger(db, sale.event_id)).faults:
        _broken("P5", f"the ledger says: {faults[0]}", sale)
    ours = {
        row.currency: row.amount
        for row in await db.list(
            _Account,
            """
            SELECT currency, sum(amount)::bigint AS amount
              FROM ledger_entries
             WHERE event_id = $1 AND account IN ('PROVIDER', 'RESERVED')
             GROUP BY currency HAVING sum(amount) <> 0
            """,
            sale.event_id,
        )
    }
    theirs: Counter[str] = Counter()
    for payment_id, fact in bank.captured.items():
        if bank.visits[payment_id].event_id == sale.event_id:
            theirs[fact.currency] += bank.kept(payment_id)
            theirs[fact.currency] -= sum(
                each.amount - each.by_bank for each in books.refunds[payment_id] if each.settled_by == "HOUSE"
            )
    if ours != {currency: amount for currency, amount in theirs.items() if amount}:
        _broken("P5", f"the ledger says that the bank has {ours}; it has {dict(theirs)}", sale)


def _broken(promise: str, words: str, sale: Sale, booking_id: UUID | None = None) -> NoReturn:
    raise Broken(promise, f"{words} [{sale.hall.name}]", sale.event_id, booking_id)
