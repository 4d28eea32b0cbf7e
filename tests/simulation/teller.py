"""Money in a season: buyers pay, the bank reports, and everybody takes some of it back."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog.cancellation_policy import Deadline
from boxoffice.inventory.commands import Booking, Command, GiveUp, Held, TakeBack, TakeBackPlaces
from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.payments.asking import ask_providers
from boxoffice.payments.checkout import start_payment
from boxoffice.payments.provider import Fact
from boxoffice.payments.refunds.giving_back import refund_booking
from boxoffice.payments.reports import take_report
from boxoffice.payments.schemas import NewRefund
from simulation.bank import Report
from simulation.process import Process
from simulation.record import AmountBack, Broken
from simulation.stage import make_payments_due_to_ask

if TYPE_CHECKING:
    from simulation.season import Season
    from simulation.steps import Step

# How often a bank reports again, and how often we ask, before it is a fault.
_TRIES_MAX = 400

# What an organizer gives back of a booking, in cents: of most all of it could go in a few times.
_AMOUNT_MAX = 1_500

_REASON = "A poor view."

# How often somebody wants back what we may not have heard of.
_UNHEARD_OF = 0.2


def begin_payment(season: "Season", step: "Step", process: Process, booking: Booking) -> None:
    """Have a buyer start a payment and go to the bank."""

    async def pay() -> None:
        provider = step.chance.choice(process.providers.names)
        try:
            payment = await start_payment(
                process.desk, process.providers,
                booking_id=booking.id, buyer_id=booking.buyer_id, provider=provider,
            )  # fmt: skip
        except (Refusal, Unavailable):
            return
        if not process.dead:
            season.note(step, f"payment {payment.id} of booking {booking.id} is begun")
            season.world.bank.pay(payment, step.number, step.chance)

    season.track(process.call(pay()))


# Steps that take money back; the last two are a bank's.
TAKES_BACK = ("amount back", "places back", "take back", "give up", "dispute", "decide")


def take_back(season: "Season", step: "Step", process: Process) -> None:
    """Have a buyer, the organizer or a bank want back what was paid for a booking, or a part of it."""
    if step.kind in TAKES_BACK[-2:]:
        _dispute(season, step)
        return
    booking = _pick_paid(season, step)
    if booking is None:
        return
    if step.kind == "amount back":
        _give_amount_back(season, step, process, booking)
    else:
        season.ask(step, process, _command(step, booking))


def _dispute(season: "Season", step: "Step") -> None:
    """Have a buyer's bank dispute a payment, or decide a dispute."""
    bank, event_id = season.world.bank, step.sale.event_id
    act = bank.dispute if step.kind == "dispute" else bank.decide
    if found := act(event_id, step.number, step.chance):
        words = f"{found.amount} of payment {found.payment_id} disputed: {found.state}"
        season.note(step, words)


def _pick_paid(season: "Season", step: "Step") -> Booking | None:
    """One of the bookings that somebody has paid for at the bank, as it was held; mostly we know of it."""
    bank, event_id = season.world.bank, step.sale.event_id
    asks = season.world.record.of(event_id)
    over = {
        ask.command.booking_id
        for ask in asks
        if isinstance(ask.command, TakeBack | GiveUp) and not ask.is_refused
    }
    known = {
        report.fact.payment_id for report in bank.reports if report.heard and isinstance(report.fact, Fact)
    }
    if step.chance.random() < _UNHEARD_OF:
        known = set(bank.visits)
    paid = [
        visit.booking_id
        for visit in bank.visits.values()
        if visit.event_id == event_id
        and visit.booking_id not in over
        and visit.id in known
        and (visit.id in bank.captured or visit.id in bank.authorised)
    ]
    if not paid:
        return None
    booking_id = step.chance.choice(paid)
    return next(
        (
            ask.answer.booking
            for ask in asks
            if isinstance(ask.answer, Held) and ask.answer.booking.id == booking_id
        ),
        None,
    )


def _command(step: "Step", booking: Booking) -> Command:
    chance = step.chance
    match step.kind:
        case "take back":
            return TakeBack(booking.id, _REASON)
        case "give up":
            # Now and then somebody else tries.
            buyer_id = booking.buyer_id if chance.random() < 0.95 else booking.buyer_id + 1
            until = datetime.now(UTC) + timedelta(days=1)
            deadlines = (Deadline(until, chance.choice((100, 50, 33))),)
            return GiveUp(booking.id, buyer_id, deadlines, fees_kept=chance.random() < 0.5)
        case _:
            seats = tuple(chance.sample(booking.seat_ids, chance.randrange(len(booking.seat_ids) + 1)))
            areas = booking.area_ids[:1] if not seats or chance.random() < 0.3 else ()
            refund_id = new_id(step.sale.event_id)
            return TakeBackPlaces(
                booking.id, refund_id, _REASON, seats or booking.seat_ids[:1], areas, (None,) * len(areas)
            )


def _give_amount_back(season: "Season", step: "Step", process: Process, booking: Booking) -> None:
    back = AmountBack(booking.id, step.chance.randrange(1, _AMOUNT_MAX))
    season.world.record.amounts_back.append(back)
    organizer = Identity(step.sale.show.organizer_id, Role.ORGANIZER)

    async def give() -> None:
        wanted = NewRefund(amount=back.amount, reason=_REASON)
        try:
            view = await refund_booking(process.db, process.sales, organizer, booking.id, wanted, None)
        except Unavailable:
            return
        except Refusal:
            back.is_refused = True
            return
        except Exception as error:
            if process.dead:
                return
            words = f"an amount of {back.amount} was answered with {error!r}"
            raise Broken("P5", words, step.sale.event_id, booking.id) from error
        if not process.dead:
            back.refund_id = view.id
            season.note(step, f"{back.amount} of booking {booking.id} go back: {view.id}")

    season.track(process.call(give()))


async def ask_the_bank(season: "Season", process: Process) -> None:
    """Have a process ask what became of the payments that nothing was heard of."""
    await make_payments_due_to_ask(season.world.db)

    async def ask() -> None:
        with contextlib.suppress(Unavailable):
            await ask_providers(process.desk, process.sales, process.providers)

    season.track(process.call(ask()))


def deliver(season: "Season", report: Report, process: Process) -> None:
    """Tell a process; what was not heard is told again."""
    report.in_flight = True

    async def tell() -> None:
        try:
            await take_report(process.desk, process.sales, process.providers, report.provider, report.fact)
        except Unavailable:
            return
        except Exception as error:
            if process.dead:
                return
            raise Broken("P5", f"{report.fact} was answered with {error!r}", report.event_id) from error
        if not process.dead:
            report.heard += 1
            season.counts["reports"] += 1
            fact = report.fact
            about = f"{fact.kind} {fact.payment_id}" if isinstance(fact, Fact) else str(fact)
            season.note_report(report.event_id, f"{process.name} has heard of {about}")

    task = process.call(tell())
    task.add_done_callback(lambda _: setattr(report, "in_flight", False))
    report.tried += 1
    report.due_step = season.step + min(report.tried, 20)
    season.track(task)


async def deliver_all(season: "Season", process: Process, reports: list[Report]) -> None:
    """Until all of them are heard."""
    for _ in range(_TRIES_MAX):
        unheard = [report for report in reports if report.heard < report.times]
        if not unheard:
            return
        for report in unheard:
            deliver(season, report, process)
        await season.make_room(0)
    raise Broken("P5", f"reports are not heard: {reports}", season.sales[0].event_id)


async def ask_at_last(season: "Season", process: Process) -> None:
    """Until every payment that is open has been asked about."""
    await ask_the_bank(season, process)
    for _ in range(_TRIES_MAX):
        await season.make_room(0)
        if not await season.world.db.get(int, "SELECT count(*) FROM payments WHERE ask_at <= now()"):
            return
        season.track(process.call(ask_providers(process.desk, process.sales, process.providers)))
    raise Broken("P5", "payments that are open are never asked about", season.sales[0].event_id)
