"""What the log is told of an outage: its beginning, its reason and its end, not each attempt."""

import asyncpg
import pytest
from structlog.testing import capture_logs

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.outages import REMINDER_SECONDS, Outage, reason_of

AWAY, BACK = "it is away", "it is back"


class Clock:
    """Shows what it was set to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_outage_is_said_when_it_begins_once_a_minute_and_when_it_is_over(clock: Clock):
    outage = Outage(AWAY, BACK, clock)
    with capture_logs() as said:
        for _ in range(150):
            outage.failed(ConnectionRefusedError("no"), channel="news")
            clock.now += 1
        outage.over(channel="news")

    assert [(each["event"], each.get("for_seconds")) for each in said] == [
        (AWAY, 0),
        (AWAY, 60),
        (AWAY, 120),
        (BACK, None),
    ]
    assert [each.get("since_last") for each in said] == [1, 60, 60, None]
    assert {each["channel"] for each in said} == {"news"}
    assert said[-1]["after_seconds"] == 150


def test_what_works_is_not_talked_about(clock: Clock):
    outage = Outage(AWAY, BACK, clock)
    with capture_logs() as said:
        outage.over()
        outage.failed(TimeoutError())
        outage.over()
        outage.over()
        outage.failed(TimeoutError())

    assert [each["event"] for each in said] == [AWAY, BACK, AWAY]


def test_what_failed_long_ago_is_another_outage(clock: Clock):
    outage = Outage(AWAY, BACK, clock)
    with capture_logs() as said:
        outage.failed(TimeoutError())
        outage.failed(TimeoutError())
        clock.now += REMINDER_SECONDS
        outage.failed(TimeoutError())

    assert [(each["for_seconds"], each["since_last"]) for each in said] == [(0, 1), (0, 1)]


def test_the_reason_is_what_lies_behind():
    full = asyncpg.DiskFullError('could not extend file "base/5": No space left on device\nHINT: Check it.')
    away = Unavailable()
    away.__cause__ = full

    assert reason_of(away) == 'DiskFullError: could not extend file "base/5": No space left on device'
    assert reason_of(TimeoutError()) == "TimeoutError"
