"""What is said of an outage: its beginning, its end, and in between that it lasts. Not every vain attempt."""

import time
from collections.abc import Callable

import structlog

# A log that grows by a line for each attempt hides what else happens; one a minute shows that it goes on.
REMINDER_SECONDS = 60.0

_log = structlog.get_logger()


class Outage:
    """Something that may be away, such as a connection, and what the log is told of it.

    It is over when it is said to be, or when nothing has failed for as long as a reminder takes.
    """

    def __init__(self, away: str, back: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._away = away
        self._back = back
        self._clock = clock
        self._began_at: float | None = None
        self._failed_at = 0.0
        self._said_at = 0.0
        self._unsaid = 0

    def failed(self, error: BaseException, **members: str) -> None:
        """Note an attempt in vain: the first is said at once, the others once a minute, all together."""
        now = self._clock()
        is_new = self._began_at is None or now - self._failed_at >= REMINDER_SECONDS
        self._failed_at = now
        if self._began_at is None or is_new:
            self._began_at, self._unsaid = now, 0
        elif now - self._said_at < REMINDER_SECONDS:
            self._unsaid += 1
            return
        _log.warning(
            self._away, **members, error=reason_of(error), for_seconds=round(now - self._began_at),
            since_last=self._unsaid + 1,
        )  # fmt: skip
        self._said_at, self._unsaid = now, 0

    def over(self, **members: str) -> None:
        """Note that it works; said only after an attempt in vain."""
        if self._began_at is not None:
            _log.info(self._back, **members, after_seconds=round(self._clock() - self._began_at))
        self._began_at, self._unsaid = None, 0


def reason_of(error: BaseException) -> str:
    """What lies behind it: its kind and its first line, for some, such as a timeout, say nothing else."""
    reason = error.__cause__ or error
    return f"{type(reason).__name__}: {(str(reason).splitlines() or [''])[0]}".rstrip(": ")
