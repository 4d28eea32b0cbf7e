"""Letters about bookings: the right one to who may read it, each once, whoever sends and whatever dies."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar

from accounts.mailbox import Mailbox, read, text_of
from boxoffice.booking.letters import sending, wanting
from boxoffice.booking.letters.queries import insert_letters
from boxoffice.booking.letters.sending import Mailing, cancelled_wording, send_due_letters
from boxoffice.booking.letters.wanting import want_due_letters, want_letters
from boxoffice.booking.paper.queries import find_kept_booking
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal import reading_on
from boxoffice.kit.drawing import Drawing
from boxoffice.kit.ids import new_id
from boxoffice.kit.mail import Letter, NotTaken, Post, Undeliverable
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.tickets.code import TicketKeys
from catalog.stage import wait_until_it_waits
from inventory.selling import hold, paid
from payments.test_refunded_places import Till, beside, open_till
from pdf_reader import read_pdf
from shows import Show, insert_user, open_show
from tickets.qr_reader import modules_of_pdf, read_qr

# Each takes seven letters on average: of two hundred there are some left for those who go on.
KILLS = 12


class NoDrawing(Drawing):
    """Draws nothing: a thousand letters take seconds."""

    async def draw(self, work: Callable[..., bytes], *arguments: Any) -> bytes:
        return b"%PDF-"


class Box:
    """Takes letters, or raises `fault`."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.fault: Exception | None = None

    async def send(self, letter: Letter) -> None:
        if self.fault is not None:
            raise self.fault
        await asyncio.sleep(0)
        self.letters.append(letter)
        await asyncio.sleep(0)

    def take(self) -> list[str]:
        """The subjects that have come since the last time."""
        subjects = [letter.subject for letter in self.letters]
        self.letters.clear()
        return subjects


def mailing_of(db: Database, post: Post, drawing: Drawing | None = None) -> Mailing:
    """What a process sends with, as fast as it can."""
    return Mailing(db, post, drawing or NoDrawing(), TicketKeys(Settings().secret), Pace(100_000))


async def verify(db: Database, user_id: int) -> int:
    """Have a buyer confirm the address."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", user_id)
    return user_id


async def deliver(till: Till, mailing: Mailing) -> None:
    """Do what is due."""
    await want_letters(till.db, int(till.event["id"]))
    await send_due_letters(mailing)


@pytest.fixture
async def till(app: Litestar, client: httpx.AsyncClient, db: Database) -> Till:
    return await open_till(app, client, db)


async def test_the_tickets_come_by_mail_and_so_does_word_when_they_are_void(
    till: Till, db: Database, mailbox: Mailbox
):
    await verify(db, till.buyer.id)
    drawing = Drawing(apart=False)
    mailing = mailing_of(db, mailbox.post, drawing)
    booking_id = await till.sell()
    codes = [ticket["code"] for ticket in await till.tickets(booking_id)]

    await deliver(till, mailing)
    (first,) = letters_about(mailbox, booking_id)
    assert first["Subject"] == "Your tickets"
    assert first["To"] == await db.get(str, "SELECT email FROM users WHERE id = $1", till.buyer.id)
    assert text_of(first).startswith(f"{till.event['title']}\r\n")
    assert "Old theatre, Erfurt, DE" in text_of(first)
    tickets, calendar = first.iter_attachments()
    assert (tickets.get_filename(), tickets.get_content_type()) == ("tickets.pdf", "application/pdf")
    pages = read_pdf(tickets.get_content())
    assert [read_qr(modules_of_pdf(page.rectangles)) for page in pages] == codes
    assert (calendar.get_filename(), calendar.get_content_type()) == ("calendar.ics", "text/calendar")
    assert "STATUS:CONFIRMED" in calendar.get_payload(decode=True).decode()  # pyright: ignore[reportAttributeAccessIssue]

    assert (await till.give_back(booking_id)).status_code == 201
    await deliver(till, mailing)
    await deliver(till, mailing)
    _, second = letters_about(mailbox, booking_id)
    assert second["Subject"] == "Your tickets are void"
    assert "Your booking was cancelled. Your tickets are void." in text_of(second)
    (calendar,) = second.iter_attachments()
    assert "STATUS:CANCELLED" in calendar.get_payload(decode=True).decode()  # pyright: ignore[reportAttributeAccessIssue]
    booking = await find_kept_booking(db, int(till.event["id"]), UUID(booking_id), None)
    assert booking is not None
    called_off = msgspec.structs.replace(booking, event_state=EventState.CANCELLED)
    assert cancelled_wording(called_off).paragraphs[2].startswith("This event does not take place.")
    drawing.close()


def letters_about(mailbox: Mailbox, booking_id: str) -> list[EmailMessage]:
    """Those that have arrived, in order."""
    read_all = [read(envelope) for envelope in mailbox.envelopes]
    return [each for each in read_all if str(each["Message-ID"]).startswith(f"<{booking_id}-")]


async def test_only_who_has_confirmed_the_address_and_uses_the_account_is_written_to(
    till: Till, db: Database
):
    box = Box()
    mailing = mailing_of(db, box)
    await till.sell(seats=(0,))
    await deliver(till, mailing)
    assert box.take() == [], "somebody else may read that address, and the code lets them in"

    await verify(db, till.buyer.id)
    await till.sell(seats=(1,))
    async with db.transaction() as tx:
        await tx.execute("UPDATE users SET suspended_at = now() WHERE id = $1", till.buyer.id)
    await deliver(till, mailing)
    assert box.take() == []


async def test_what_is_no_news_or_not_so_any_more_is_not_sent(
    till: Till, db: Database, monkeypatch: pytest.MonkeyPatch
):
    box = Box()
    mailing = mailing_of(db, box)
    await verify(db, till.buyer.id)
    booking_id = await till.sell(seats=(0,))
    await want_letters(db, int(till.event["id"]))
    assert (await till.give_back(booking_id)).status_code == 201
    await deliver(till, mailing)
    assert box.take() == ["Your tickets are void"]

    await till.sell(seats=(1,))
    with monkeypatch.context() as patch:
        patch.setattr(wanting, "NEWS_AGE_MAX", timedelta())
        await deliver(till, mailing)
    await till.sell(seats=(2,))
    with monkeypatch.context() as patch:
        patch.setattr(sending, "LETTER_AGE_MAX", timedelta(seconds=-1))
        await deliver(till, mailing)
    await deliver(till, mailing)
    assert box.take() == []
    assert await waiting(db, int(till.event["id"])) == []


async def waiting(db: Database, event_id: int) -> list[int]:
    """How often each letter that waits has been tried."""
    return await db.list(int, "SELECT attempts FROM booking_letters WHERE event_id = $1", event_id)


async def test_what_a_server_does_not_take_now_is_tried_again_and_what_it_never_takes_is_not(
    till: Till, db: Database
):
    box, event_id = Box(), int(till.event["id"])
    mailing = mailing_of(db, box)
    await verify(db, till.buyer.id)
    await till.sell(seats=(0,))
    box.fault = NotTaken("later")
    await deliver(till, mailing)
    await deliver(till, mailing)
    assert await waiting(db, event_id) == [1], "not before its time"

    await make_due(db, event_id)
    box.fault = Undeliverable("no such mailbox")
    await deliver(till, mailing)
    assert await waiting(db, event_id) == []


async def make_due(db: Database, event_id: int) -> list[UUID]:
    """Let the time pass for which letters are claimed or put off; which they are."""
    async with db.transaction() as tx:
        return await tx.list(
            UUID,
            """
            UPDATE booking_letters SET due_at = now() WHERE event_id = $1 AND due_at > now()
            RETURNING booking_id
            """,
            event_id,
        )


@pytest.fixture
async def other(dsn: str) -> AsyncGenerator[Parts]:
    """Another process, which sells without payments of a provider."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


async def sell_many(show: Show, sales: GroupCommit, count: int) -> set[UUID]:
    """So many bookings of one place, confirmed ten at a time; their ids."""
    sold: set[UUID] = set()
    for _ in range(0, count, 100):
        buyer_id = await verify(show.db, await insert_user(show.db))
        held = await asyncio.gather(
            *[hold(sales, show.event_id, buyer_id, area_ids=(0,)) for _ in range(min(count, 100))]
        )
        for first in range(0, len(held), 10):
            await asyncio.gather(
                *[
                    sales.submit(show.event_id, paid(booking, new_id(show.event_id)))
                    for booking in held[first : first + 10]
                ]
            )
        sold |= {booking.id for booking in held}
    return sold


async def test_of_two_who_read_the_journal_at_once_one_waits_and_finds_nothing_new(
    till: Till, db: Database, monkeypatch: pytest.MonkeyPatch
):
    """Seen to fail without FOR UPDATE in `lock_cursor`: the letter was sent by then, and is wanted again."""
    box, event_id = Box(), int(till.event["id"])
    await verify(db, till.buyer.id)
    # Of an event that has a cursor: who makes it has others wait already.
    await want_letters(db, event_id)
    await till.sell(seats=(0,))
    rivals: list[asyncio.Task[None]] = []

    async def insert_later(tx: Transaction, *wanted: Any) -> None:
        if not rivals:
            rivals.append(beside(deliver(till, mailing_of(db, box))))
            await wait_until_it_waits(tx, await tx.get(int, "SELECT pg_backend_pid()"), rivals[0])
        await insert_letters(tx, *wanted)

    monkeypatch.setattr(wanting.queries, "insert_letters", insert_later)
    await want_letters(db, event_id)
    await asyncio.gather(*rivals)
    await deliver(till, mailing_of(db, box))

    assert len(box.take()) == 1


async def test_each_letter_is_sent_once_though_its_worker_is_killed_again_and_again(
    db: Database, other: Parts, monkeypatch: pytest.MonkeyPatch
):
    """Two processes read on and send at once, and a third that is cut off after every few letters. Only a
    letter that was at work in such a moment may come twice.

    Seen to fail without the lock in `claim_letter`, and without the later `due_at` that it writes.
    """
    monkeypatch.setattr(reading_on, "ROWS_AT_ONCE_MAX", 1)
    show = await open_show(db, areas=[1000])
    sales = GroupCommit(other.db, other.sales._consequences[:1])  # pyright: ignore[reportPrivateUsage]
    sold = await sell_many(show, sales, 200)
    box, chance = Box(), random.Random(20261126)

    async def work(source: Database) -> None:
        while True:
            await want_letters(source, show.event_id)
            await send_due_letters(mailing_of(source, box))
            await asyncio.sleep(0)

    steady = [asyncio.create_task(work(source)) for source in (db, other.db)]
    for _ in range(KILLS):
        killed = asyncio.create_task(work(other.db))
        enough = len(box.letters) + chance.randrange(1, 15)
        while len(box.letters) < enough:
            await asyncio.sleep(0)
        killed.cancel()
        await asyncio.wait([killed])
    assert not any(task.done() for task in steady)
    for task in steady:
        task.cancel()
    await asyncio.wait(steady)
    cut_off = await make_due(db, show.event_id)
    await want_due_letters(db)
    await send_due_letters(mailing_of(db, box))

    sent = Counter(UUID(letter.id.removesuffix("-tickets")) for letter in box.letters)
    assert sent.keys() == sold
    assert {booking_id for booking_id, times in sent.items() if times > 1} <= {*cut_off}
    assert await waiting(db, show.event_id) == []
