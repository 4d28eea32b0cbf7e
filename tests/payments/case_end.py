"""How a case of money ends, and what must be true of every end."""

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.pace import Pace
from boxoffice.payments.captures import CAPTURE_JOB, CaptureDue, carry_out_capture
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue, carry_out_refund
from payments.case_banks import Books

if TYPE_CHECKING:
    from payments.case_steps import Story

# A capture may leave a refund behind it, and a refund nothing.
ROUNDS_MAX = 3


class End(msgspec.Struct, frozen=True):
    """How a story ends: the booking, its valid tickets, and the money at the banks, in minor units.

    Of what the banks `received`, so much went `back`, and disputes have `taken` so much. What is left is the
    price of the tickets, and `organizers`: what an organizer keeps beyond it or, below 0, has given away or
    lost. `foreign` is in none of our books, and noted for a person; so is what they have other than the bank,
    `differs`.
    """

    booking: str
    tickets: int
    received: int = 0
    back: int = 0
    taken: int = 0
    organizers: int = 0
    foreign: int = 0
    differs: int = 0


class _Due(msgspec.Struct, frozen=True):
    kind: str
    payment_id: UUID
    refund_id: UUID | None


async def settle(story: "Story") -> None:
    """Carry out what is due, each twice, until nothing is; for whatever is due there is a job."""
    parts = story.shop.parts
    for _ in range(ROUNDS_MAX):
        due = await _list_due(story)
        if not due:
            return
        await _check_jobs(story, due)
        for each in due * 2:
            if each.kind == CAPTURE_JOB:
                job = msgspec.json.encode(CaptureDue(each.payment_id))
                await carry_out_capture(parts.db, parts.sales, parts.providers, job)
            else:
                job = msgspec.json.encode(RefundDue(each.payment_id, each.refund_id))
                await carry_out_refund(parts.db, parts.providers, Pace(1_000), job)


async def judge(story: "Story", price: int, *expected: End) -> None:
    """The story has come to one of these ends, nothing waits, and all that was captured is accounted for."""
    await settle(story)
    assert await _list_due(story) == [], "nothing is waiting"
    books = await _books(story)
    end = await _end(story, books, price)
    assert end in expected, f"{end} is none of {expected}"
    assert books.waits == 0, "what was authorised is taken or void"
    assert (await verify_ledger(story.shop.parts.db, story.held.show.event_id)).faults == []
    journal = await verify_event(story.shop.parts.db, story.held.show.event_id)
    assert isinstance(journal, Verified), journal
    await story.held.show.check_promises()


async def _end(story: "Story", books: Books, price: int) -> End:
    db, event_id = story.shop.parts.db, story.held.show.event_id
    references = [bank.reference(payment_id) for bank, payment_id in story.payments]
    foreign = await db.get(
        int,
        "SELECT coalesce(sum(amount), 0)::bigint FROM foreign_money WHERE reference = ANY ($1::text[])",
        references,
    )
    differs = await db.get(
        int,
        """
        SELECT coalesce(sum(theirs - ours), 0)::bigint
          FROM book_differences
         WHERE reference = ANY ($1::text[]) AND what = 'CAPTURED'
        """,
        references,
    )
    accounts = await db.list(
        str,
        """
        SELECT account || '=' || sum(amount)::text FROM ledger_entries
         WHERE event_id = $1 GROUP BY account HAVING sum(amount) <> 0
        """,
        event_id,
    )
    balances = {account: int(amount) for account, amount in (each.split("=") for each in accounts)}
    left = books.received - books.back - books.taken
    assert balances.get("PROVIDER", 0) == left - foreign - differs, "our books have what the banks have"
    assert balances.keys().isdisjoint({"RESERVED", "PROMISED"}), "what was authorised is taken or let go"
    assert balances.keys() <= {"PROVIDER", "ORGANIZER"}, "nobody else has anything of it"
    tickets = await story.held.show.count("tickets")
    return End(
        (await story.held.show.states())[story.held.booking_id],
        tickets,
        books.received,
        books.back,
        books.taken,
        left - foreign - tickets * price,
        foreign,
        differs,
    )


async def _books(story: "Story") -> Books:
    each = await asyncio.gather(*[bank.books(payment_id) for bank, payment_id in story.payments])
    return Books(*[sum(getattr(books, name) for books in each) for name in Books.__struct_fields__])


async def _list_due(story: "Story") -> list[_Due]:
    return await story.shop.parts.db.list(
        _Due,
        """
        SELECT $2 AS kind, id AS payment_id, NULL::uuid AS refund_id
          FROM payments WHERE event_id = $1 AND state = 'CAPTURE_DUE'
         UNION ALL
        SELECT $3, payment_id, id FROM refunds WHERE event_id = $1 AND state = 'DUE'
        """,
        story.held.show.event_id,
        CAPTURE_JOB,
        REFUND_JOB,
    )


async def _check_jobs(story: "Story", due: list[_Due]) -> None:
    queued = await story.shop.parts.db.list(
        str,
        """
        SELECT entrypoint || convert_from(payload, 'UTF8') FROM pgqueuer
         WHERE entrypoint = ANY ($1::text[]) AND convert_from(payload, 'UTF8') LIKE ANY ($2::text[])
        """,
        [CAPTURE_JOB, REFUND_JOB],
        [f"%{each.payment_id}%" for each in due],
    )
    still_due = await _list_due(story)
    for each in due:
        own = "" if each.refund_id in (None, each.payment_id) else str(each.refund_id)
        has_job = any(
            job.startswith(each.kind) and str(each.payment_id) in job and own in job for job in queued
        )
        assert has_job or each not in still_due, f"{each} has no job"
