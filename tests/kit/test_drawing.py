"""Drawing: one at a time, before a line that has an end."""

import asyncio
import os
import threading
import time
from datetime import UTC, datetime

import psutil
import pytest

from boxoffice.booking.paper.pdf import TicketPage, draw_tickets
from boxoffice.kit.apart import Apart
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


async def test_what_is_at_work_is_not_waited_for_at_the_end():
    apart = Apart(1)
    process = psutil.Process(await apart.run(os.getpid, seconds_max=60, lost="Lost"))
    at_work = asyncio.create_task(apart.run(time.sleep, 60, seconds_max=60, lost="Lost"))
    await asyncio.sleep(0)

    apart.close()

    assert psutil.wait_procs([process], timeout=30)[1] == []
    (outcome,) = await asyncio.gather(at_work, return_exceptions=True)
    assert isinstance(outcome, Unavailable | asyncio.CancelledError), "it had begun, or not yet"


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
