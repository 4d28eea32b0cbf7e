"""Drawing: one at a time, before a line that has an end."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from boxoffice.booking.paper.pdf import TicketPage, draw_tickets
from boxoffice.kit.drawing import RETRY_AFTER_SECONDS, WAITING_MAX, Drawing
from boxoffice.kit.errors import Unavailable
from boxoffice.tickets.schemas import A_CODE


async def test_a_document_is_drawn_apart_as_it_is_here():
    drawing = Drawing()
    page = TicketPage("Tosca", "Today", "Here", "There", "Block A", [], "1", A_CODE)
    made_at = datetime(2027, 1, 11, tzinfo=UTC)

    assert await drawing.draw(draw_tickets, "Tosca", made_at, [page]) == draw_tickets(
        "Tosca", made_at, [page]
    )
    drawing.close()


async def test_documents_are_drawn_one_by_one_and_the_line_is_full_at_its_edge():
    drawing, opened, at_work = Drawing(apart=False), threading.Event(), threading.Semaphore(1)

    def draw(number: int) -> bytes:
        assert at_work.acquire(blocking=False)
        assert opened.wait(timeout=30)
        at_work.release()
        return b"%d" % number

    waiting = [asyncio.create_task(drawing.draw(draw, number)) for number in range(1 + WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        await drawing.draw(draw, -1)
    assert refused.value.retry_after == RETRY_AFTER_SECONDS
    waiting[3].cancel()
    await asyncio.wait([waiting[3]])
    came_later = asyncio.create_task(drawing.draw(draw, 100))
    await asyncio.sleep(0)
    opened.set()

    assert await asyncio.gather(*waiting[:3], *waiting[4:], came_later) == [
        b"%d" % number for number in (*range(3), *range(4, 1 + WAITING_MAX), 100)
    ]
    drawing.close()
