"""Refunds: recorded with their reason when they are owed, carried out by a job that never gives up."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from boxoffice.inventory.batch import Decided
from boxoffice.inventory.commands import (
    OWING,
    Booking,
    CalledOff,
    GivenUp,
    GiveUp,
    PaidWith,
    TakeBack,
    TakeBackPlaces,
    TakenBack,
)
from boxoffice.inventory.give_up_rules import without_fees
from boxoffice.inventory.parting import Part, part_at
from boxoffice.kit import metrics
from boxoffice.kit.actor import Actor
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue, enqueue_all
from boxoffice.kit.money import movable, step_of
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.disputes.queries import lock_payment
from boxoffice.payments.provider import NotRefundable, Providers
from boxoffice.payments.refunds import fact_queries as facts
from boxoffice.payments.refunds import queries
from boxoffice.payments.refunds.paid import know_paid
from boxoffice.payments.refunds.tax_shares import Paid, encode_shares, tax_of

REFUND_JOB = "refund"

# Stripe takes 100 calls a second of one account, 25 of a test account, and answers 429 beyond that. A refund
# is two calls; a fifth is left for buyers. 10,000 refunds take 17 minutes.
REFUNDS_PER_SECOND = 10

# What a provider understands and refuses is asked for again for an hour, for it may have had a bad one; then
# people have to know.
REFUSALS_MAX = 20

# A provider may repeat a fault of its own for a day to whoever comes with the same key. It has an hour as
# well to make what it was asked for; what is not there by then is asked for under another key.
FAULTS_MAX = REFUSALS_MAX

_log = structlog.get_logger()

_CANCELLED = "The event is cancelled."
_GIVEN_UP = "The buyer cancelled."


class RefundDue(msgspec.Struct, frozen=True, omit_defaults=True):
    """The job's payload. Money that came for nothing goes back under its payment's id."""

    payment_id: UUID
    refund_id: UUID | None = None


async def owe_refunds(tx: Transaction, decided: Decided) -> None:
    """Owe everything back that was paid for bookings that end here, in the transaction that ends them.

    So is what single places cost that are taken back. The jobs of whole bookings queue up behind all refunds
    that are due by now, whichever event's, so that together they keep to REFUNDS_PER_SECOND.
    """
    if not any(type(command) in OWING for command in decided.commands):
        return
    await _owe_parts(tx, decided)
    wholes: list[tuple[Mapping[UUID, str], Actor | None]] = [
        (
            {
                booking_id: _CANCELLED
                for outcome in decided.outcomes
                if isinstance(outcome, CalledOff)
                for booking_id in outcome.confirmed_ids
            }
            | {
                outcome.booking.id: _GIVEN_UP
                for outcome in decided.outcomes
                if isinstance(outcome, GivenUp) and outcome.is_whole
            },
            None,
        ),
        *(
            ({command.booking_id: command.reason}, command.actor)
            for command, outcome in zip(decided.commands, decided.outcomes, strict=True)
            if (isinstance(command, TakeBack) and isinstance(outcome, Booking))
            or (
                isinstance(command, TakeBackPlaces)
                and isinstance(outcome, TakenBack)
                and outcome.part is None
            )
        ),
    ]
    wholes = [each for each in wholes if each[0]]
    if not wholes:
        return
    ahead = await queries.get_refunds_due(tx)
    owed: list[queries.NewRefund] = []
    for reasons, actor in wholes:
        async with tx.acting_for(actor):
            owed += await _owe_what_is_left(tx, decided.event_id, reasons)
    await enqueue_all(
        tx,
        REFUND_JOB,
        [
            (RefundDue(refund.payment_id), timedelta(seconds=place / REFUNDS_PER_SECOND))
            for place, refund in enumerate(owed, start=ahead)
        ],
    )


async def know_payments(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID]
) -> Mapping[UUID, PaidWith]:
    """What these bookings were bought with; nobody else takes from it until we commit."""
    payments = await queries.lock_bought_payments(tx, event_id, booking_ids)
    return {each.booking_id: PaidWith(each.id, each.captured - each.refunded) for each in payments}


async def _owe_parts(tx: Transaction, decided: Decided) -> None:
    """What single places cost, or a share of a booking; a statement each, for two may be of one payment.

    Their payments were locked when it was told what is left of them (`know_payments`).
    """
    gone: dict[UUID, list[Part]] = {}
    for outcome in decided.outcomes:
        if isinstance(outcome, TakenBack) and outcome.part is not None:
            gone.setdefault(outcome.booking_id, []).append(outcome.part)
        elif isinstance(outcome, GivenUp) and _has_share(outcome):
            gone.setdefault(outcome.booking.id, [])
    if not gone:
        return
    paid = await know_paid(tx, decided.event_id, list(gone), gone)
    for command, outcome in zip(decided.commands, decided.outcomes, strict=True):
        actor = None
        if isinstance(command, TakeBackPlaces) and isinstance(outcome, TakenBack):
            refund, actor = _refund_of_places(decided.event_id, command, outcome, paid), command.actor
        elif isinstance(command, GiveUp) and isinstance(outcome, GivenUp):
            refund = _refund_of_share(decided.event_id, command, outcome, paid)
        else:
            continue
        if refund is not None:
            async with tx.acting_for(actor):
                await queries.insert_refunds(tx, decided.event_id, [refund])
            await enqueue(tx, REFUND_JOB, RefundDue(refund.payment_id, refund.id))


def _refund_of_places(
    event_id: int, command: TakeBackPlaces, outcome: TakenBack, paid: Mapping[UUID, Paid]
) -> queries.NewRefund | None:
    part, payment_id = outcome.part, outcome.payment_id
    if part is None or payment_id is None:
        return None
    shares = paid[outcome.booking_id].take(outcome.amount, part)
    return queries.NewRefund(
        id=outcome.refund_id,
        movement_id=new_id(event_id),
        payment_id=payment_id,
        booking_id=outcome.booking_id,
        amount=outcome.amount,
        currency=outcome.currency,
        fees=part.fees,
        taxes=tax_of(shares),
        worth=part.worth,
        reason=command.reason,
        is_captured=True,
        part=msgspec.json.encode(part).decode(),
        tax_shares=encode_shares(shares),
    )


def _has_share(outcome: GivenUp) -> bool:
    return outcome.payment_id is not None and not outcome.is_whole and outcome.amount > 0


def _refund_of_share(
    event_id: int, command: GiveUp, outcome: GivenUp, paid: Mapping[UUID, Paid]
) -> queries.NewRefund | None:
    """It ends the booking, so it goes under the payment's id, like all that is left of one."""
    if outcome.payment_id is None or not _has_share(outcome):
        return None
    booking = outcome.booking
    places = range(len(booking.amounts))
    part = part_at(booking, places, places)
    if command.fees_kept:
        part = without_fees(part, step_of(booking.currency))
    shares = paid[booking.id].take(outcome.amount, part)
    return queries.NewRefund(
        id=outcome.payment_id,
        movement_id=new_id(event_id),
        payment_id=outcome.payment_id,
        booking_id=outcome.booking.id,
        amount=outcome.amount,
        currency=outcome.booking.currency,
        fees=outcome.fees,
        taxes=tax_of(shares),
        worth=outcome.worth,
        reason=_GIVEN_UP,
        is_captured=True,
        tax_shares=encode_shares(shares),
    )


async def _owe_what_is_left(
    tx: Transaction, event_id: int, reasons: Mapping[UUID, str]
) -> list[queries.NewRefund]:
    """Everything that was paid for these bookings and is not owed back yet, under the payments' ids.

    So the ledger has no fee and no tax of them any more.
    """
    booking_ids = list(reasons)
    payments = await queries.lock_bought_payments(tx, event_id, booking_ids)
    paid = await know_paid(tx, event_id, booking_ids)
    refunds = [
        queries.NewRefund(
            id=payment.id,
            movement_id=new_id(event_id),
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=payment.captured - payment.refunded if payment.captured else payment.amount,
            currency=payment.currency,
            fees=paid[payment.booking_id].fees,
            taxes=paid[payment.booking_id].taxes,
            worth=paid[payment.booking_id].total,
            reason=reasons[payment.booking_id],
            is_captured=payment.captured > 0,
            tax_shares=encode_shares(paid[payment.booking_id].left),
        )
        for payment in payments
    ]
    await queries.insert_refunds(tx, event_id, refunds)
    return refunds


async def carry_out_refund(db: Database, providers: Providers, pace: Pace, payload: bytes) -> None:
    """Tell the provider, then note that it is done. Repeatable at any point.

    What a bank holds or has taken, or somebody has given by hand, is not given back a second time: while a
    dispute is open the refund waits (its end brings this job again), and then the provider is asked only for
    the rest. What the provider refuses for good is FAILED, for people to see.
    """
    due = msgspec.json.decode(payload, type=RefundDue)
    event_id, refund_id = event_of(due.payment_id), due.refund_id or due.payment_id
    await pace.turn()
    refund = await queries.find_due_refund(db, event_id, refund_id)
    if refund is None:
        return
    by_bank = max(0, refund.amount - max(0, refund.left_there)) if refund.captured else 0
    if by_bank and refund.is_disputed:
        _log.info("a refund waits for the end of a dispute", refund_id=str(refund_id))
        return
    try:
        if by_bank < refund.amount:
            # Of what a bank has left there, in its own steps, only ours can be moved.
            amount = movable(refund.amount - by_bank, refund.amount, step_of(refund.currency))
            asked = msgspec.structs.replace(refund, amount=amount)
            made = await providers.get(refund.provider).give_back(asked)
            if refund.captured:
                # If it has given less, somebody has given that by hand, and we have not heard of it yet.
                by_bank = refund.amount - (0 if made is None else min(made.amount, refund.amount))
    except Exception as error:
        is_refused = isinstance(error, NotRefundable)
        # While the provider was away, or a bank had the money, it has refused nothing.
        is_refusal = is_refused and not error.passes
        if is_refusal and (refund.has_failed or refund.refusals + 1 >= REFUSALS_MAX):
            await _give_up(db, refund, str(error))
            return
        async with db.transaction() as tx:
            # A key that was refused is refused for ever.
            is_worn = is_refused or (refund.failures + 1) % FAULTS_MAX == 0
            next_attempt_id = new_id(event_id) if is_worn else None
            await queries.update_not_made(
                tx, event_id, refund_id, refund.attempt_id, next_attempt_id, is_refusal=is_refusal
            )
        raise
    async with db.transaction() as tx:
        # Of two refunds of one payment each must see the other: the last of them makes it REFUNDED.
        await lock_payment(tx, event_id, refund.payment_id)
        known = await facts.find_refund(tx, event_id, refund.payment_id, refund_id)
        # What was made may have come back meanwhile: then the next attempt is on its way, or people decide.
        if known is not None and (known.state, known.attempt_id) == ("DUE", refund.attempt_id):
            await queries.update_refund_done(tx, event_id, refund_id, new_id(event_id), by_bank)


async def _give_up(db: Database, refund: queries.RefundToMake, failure: str) -> None:
    event_id = event_of(refund.payment_id)
    async with db.transaction() as tx:
        await lock_payment(tx, event_id, refund.payment_id)
        known = await facts.find_refund(tx, event_id, refund.payment_id, refund.refund_id)
        if known is None or known.state != "DUE":
            return
        await facts.update_not_given(
            tx,
            event_id,
            refund.refund_id,
            attempt_id=new_id(event_id),
            movement_id=new_id(event_id),
            failure=failure,
            is_given_up=True,
        )
    metrics.REFUND_FACTS.labels(refund.provider, "GIVEN_UP").inc()
    _log.error("a refund is refused", refund_id=str(refund.refund_id), reason=failure)
