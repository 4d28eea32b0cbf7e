"""Background work: jobs from PostgreSQL and tidying. Any number of processes may do it at once."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from boxoffice.accounts.letter_writing import carry_out_letter
from boxoffice.accounts.letters import LETTER_JOB
from boxoffice.accounts.proofs.proving import Proofs
from boxoffice.accounts.sessions.ended import forget_ended_sessions
from boxoffice.accounts.unused import forget_addresses, forget_old_proofs, forget_old_sessions
from boxoffice.booking.letters.sending import LETTERS_PER_SECOND, Mailing, send_due_letters
from boxoffice.booking.letters.wanting import want_due_letters
from boxoffice.booking.unused_accounts import erase_unused_accounts
from boxoffice.catalog.cancelling import CANCEL_EVENT_JOB
from boxoffice.catalog.images.removal import REMOVE_IMAGE_JOB, carry_out_removal
from boxoffice.catalog.team.members import (
    INVITATION_JOB,
    Invitations,
    carry_out_invitation,
    forget_old_invitations,
)
from boxoffice.inventory.calling_off import call_off
from boxoffice.inventory.sweeper import sweep
from boxoffice.invoices.writing import write_due_invoices
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.idempotency import forget_old_keys
from boxoffice.kit.job_log import forget_job_log
from boxoffice.kit.jobs import Handler, run_jobs
from boxoffice.kit.outages import Outage
from boxoffice.kit.pace import Pace
from boxoffice.kit.rate_limits import forget_drained
from boxoffice.parts import Parts
from boxoffice.payments.asking import ASK_SECONDS, ask_providers
from boxoffice.payments.captures import CAPTURE_JOB, carry_out_capture
from boxoffice.payments.ledger.summing import SUM_SECONDS, sum_up
from boxoffice.payments.payouts.becoming_due import PAYOUT_SECONDS, note_dues
from boxoffice.payments.reconciliation.comparing import TURN_POLL_SECONDS, reconcile_in_turn
from boxoffice.payments.refunds.facts import TAKE_BACK_JOB, carry_out_take_back
from boxoffice.payments.refunds.owing import REFUND_JOB, REFUNDS_PER_SECOND, carry_out_refund
from boxoffice.payments.sandbox.provider import WEBHOOK_JOB
from boxoffice.tickets.code import TicketKeys

# Nobody waits for the sweeper: an expired hold is free for the next buyer without it.
SWEEP_SECONDS = 5.0

# Old idempotency keys harm nobody; a busy hour's fit into one round.
FORGET_SECONDS = 600.0

# What is counted in days is looked at each hour.
RETENTION_SECONDS = 3600.0

# Whoever asks for an invoice has it written then; this is for those who only look at the list of their books.
INVOICE_SECONDS = 60.0

# Whoever has paid looks into their mail at once; each process asks two questions so often.
BOOKING_LETTER_SECONDS = 10.0

_log = structlog.get_logger()


async def run_background(parts: Parts) -> None:
    """Work until cancelled; outages are waited out."""
    secret, pages_url = parts.settings.secret, parts.settings.pages_url
    handlers: dict[str, Handler] = {
        REFUND_JOB: partial(carry_out_refund, parts.db, parts.providers, Pace(REFUNDS_PER_SECOND)),
        TAKE_BACK_JOB: partial(carry_out_take_back, parts.sales),
        CANCEL_EVENT_JOB: partial(call_off, parts.db, parts.sales),
        REMOVE_IMAGE_JOB: partial(carry_out_removal, parts.db, parts.files),
        CAPTURE_JOB: partial(carry_out_capture, parts.db, parts.sales, parts.providers),
        LETTER_JOB: partial(carry_out_letter, parts.db, parts.post, Proofs(secret), pages_url),
        INVITATION_JOB: partial(carry_out_invitation, parts.db, parts.post, Invitations(secret), pages_url),
    }
    if parts.sandbox is not None:
        handlers[WEBHOOK_JOB] = parts.sandbox.deliver
    async with asyncio.TaskGroup() as group:
        group.create_task(
            run_jobs(parts.dsn, handlers if parts.traces is None else parts.traces.jobs(handlers))
        )
        group.create_task(_every(SWEEP_SECONDS, partial(sweep, parts.db, parts.sales)))
        group.create_task(_every(INVOICE_SECONDS, partial(write_due_invoices, parts.db)))
        group.create_task(_every(FORGET_SECONDS, partial(forget_old_keys, parts.db)))
        group.create_task(_every(PAYOUT_SECONDS, partial(note_dues, parts.db)))
        group.create_task(_every(SUM_SECONDS, partial(sum_up, parts.db)))
        group.create_task(_every(FORGET_SECONDS, partial(forget_drained, parts.db)))
        group.create_task(_every(FORGET_SECONDS, partial(forget_ended_sessions, parts.db)))
        group.create_task(_every(FORGET_SECONDS, partial(forget_job_log, parts.db)))
        group.create_task(_every(RETENTION_SECONDS, partial(_forget_people, parts)))
        if parts.settings.tickets_by_email:
            mailing = Mailing(
                parts.db, parts.post, parts.drawing, TicketKeys(secret), Pace(LETTERS_PER_SECOND)
            )
            group.create_task(_every(BOOKING_LETTER_SECONDS, partial(want_due_letters, parts.db)))
            group.create_task(_every(BOOKING_LETTER_SECONDS, partial(send_due_letters, mailing)))
        asking = partial(ask_providers, parts.desk, parts.sales, parts.providers)
        group.create_task(_every(ASK_SECONDS, asking))
        for provider in parts.providers:
            comparing = partial(reconcile_in_turn, parts.desk, parts.sales, provider)
            group.create_task(_every(TURN_POLL_SECONDS, comparing))


async def _forget_people(parts: Parts) -> None:
    """What there is no reason to keep any more: see docs/security.md, What data there is."""
    await forget_old_sessions(parts.db)
    await forget_old_proofs(parts.db)
    await forget_old_invitations(parts.db)
    await forget_addresses(parts.db, parts.settings.audit_address_days)
    await erase_unused_accounts(parts.db, parts.settings.unused_account_days)


async def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    outage = Outage("tidying waits", "tidying goes on")
    while True:
        try:
            await work()
            outage.over()
        except Unavailable as error:
            outage.failed(error)
        except Exception:  # noqa: BLE001  logged with its traceback
            # A bug in one kind of work must not end all others: refunds above all.
            _log.exception("bug in background work")
        await asyncio.sleep(seconds)
