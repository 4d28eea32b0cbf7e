"""What becomes of money afterwards: refunds fail or are made by hand, people decide, books are compared."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from boxoffice.accounts.identity import Identity, Role
from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.payments.reconciliation.comparing import reconcile_refunds, reconcile_window
from boxoffice.payments.reconciliation.disputes import compare_disputes
from boxoffice.payments.refunds.failed import settle, try_again
from simulation.process import Process
from simulation.record import Broken
from simulation.stage import (
    Sale,
    list_failed_refunds,
    list_known_by_hand,
    make_an_hour_go_by,
    make_jobs_due,
)

if TYPE_CHECKING:
    from simulation.season import Season
    from simulation.steps import Step

# How often we look whether what is due is done before it is a fault.
_TRIES_MAX = 400

# What people decide: that it is tried again, or was given otherwise.
_TRIED_AGAIN = 0.6

# Who works for the house.
_ADMIN_ID = 1


async def happen(season: "Season", step: "Step") -> None:
    """Somebody gives back at the bank without us, or a buyer's bank sends a refund back."""
    refunds, event_id = season.world.bank.refunds, step.sale.event_id
    if step.kind == "by hand":
        found = refunds.make_by_hand(event_id, step.number, step.chance)
    else:
        known = await list_known_by_hand(season.world.db, event_id)
        found = refunds.fail(event_id, known, step.number, step.chance)
    if found:
        season.note(step, f"{step.kind}: {found}")


async def decide_refunds(
    season: "Season", process: Process, sales: Sequence[Sale], chance: random.Random
) -> int:
    """Have people decide about refunds that the bank could not make; how many there were."""
    organizers = {sale.event_id: sale.show.organizer_id for sale in sales}
    found = await list_failed_refunds(season.world.db, list(organizers))
    for each in found:
        is_house = chance.random() < 0.3
        who = Identity(_ADMIN_ID, Role.ADMIN)
        if not is_house:
            who = Identity(organizers[each.event_id], Role.ORGANIZER)
        # Of what somebody gives by hand a part may have been owed: then nobody gives all of it otherwise.
        decide = try_again if each.is_by_hand or chance.random() < _TRIED_AGAIN else settle
        if decide is settle:
            season.world.record.settled.add(each.id)

        async def work() -> None:
            with contextlib.suppress(Refusal, Unavailable):
                await decide(process.db, who, each.booking_id, each.id)  # noqa: B023  awaited in this round

        season.note_report(each.event_id, f"{decide.__name__} {each.id} by the house: {is_house}")
        task = process.call(work())
        season.track(task)
        await asyncio.wait([task])
    return len(found)


def begin_comparison(season: "Season", process: Process) -> None:
    """Have a process compare the books in the middle of everything."""

    async def work() -> None:
        with contextlib.suppress(Unavailable):
            await _compare(process)

    season.track(process.call(work()))


async def _compare(process: Process) -> int:
    """The comparison of the hour; how many payments and disputes were news."""
    now, news = datetime.now(UTC), 0
    for provider in process.providers:
        news += (await reconcile_window(process.desk, process.sales, provider, now, now)).made_up_for
        await reconcile_refunds(process.db, provider, now, now)
        news += await compare_disputes(process.desk, process.sales, provider, now, now)
    return news


async def settle_everything(season: "Season", process: Process) -> None:
    """Until what is due is captured or given back, and people have decided. The books are compared first.

    Jobs that wait for another try, or for days, do not wait. Then there is nothing left to compare.
    """
    await _compare(process)
    chance = random.Random(f"{season.world.plan.seed}:people of season {season.number}")
    # Those of a run that broke off are its bank's, which is gone.
    event_ids = [sale.event_id for sale in season.sales]
    due: list[str] = []
    for _ in range(_TRIES_MAX):
        due = await season.world.db.list(
            str,
            """
            SELECT 'refund ' || id || ' of ' || payment_id || ', in vain ' || failures FROM refunds
             WHERE event_id = ANY ($1::bigint[]) AND state = 'DUE'
             UNION ALL
            SELECT 'capture of ' || id FROM payments
             WHERE event_id = ANY ($1::bigint[]) AND state = 'CAPTURE_DUE'
             UNION ALL
            SELECT 'taking back ' || convert_from(payload, 'UTF8') FROM pgqueuer
             WHERE entrypoint = 'take_back'
            """,
            event_ids,
        )
        if not due and not await decide_refunds(season, process, season.sales, chance):
            break
        await make_jobs_due(season.world.db)
        await make_an_hour_go_by(season.world.db)
        await asyncio.sleep(0.05)
    else:
        raise Broken("P5", f"never carried out: {', '.join(due[:3])}", season.sales[0].event_id)
    news = await _compare(process)
    found = await season.world.db.list(str, "SELECT what || ' of ' || payment_id FROM book_differences")
    if news or found:
        raise Broken("P5", f"the books differ: {news} news, {', '.join(found[:3])}", season.sales[0].event_id)
