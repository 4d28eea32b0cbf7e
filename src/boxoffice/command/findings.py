"""What `boxoffice doctor` finds, and how it judges clocks and jobs."""

from datetime import datetime
from enum import StrEnum

import msgspec

from boxoffice.command.queries import Background

# Codes of a second factor are good for half a minute more on each side, a provider's signatures for five.
CLOCKS_APART_SECONDS_MAX = 15.0


class Verdict(StrEnum):
    """How a thing is. Only WRONG makes `doctor` fail."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at, and what was found."""

    subject: str
    verdict: Verdict
    words: str


def judge_clock(here: datetime, there: datetime) -> Finding:
    """How far this machine's clock is from PostgreSQL's."""
    seconds = (here - there).total_seconds()
    if abs(seconds) <= CLOCKS_APART_SECONDS_MAX:
        return Finding("Clock", Verdict.FINE, "As PostgreSQL's.")
    words = (
        f"{abs(seconds):,.0f} seconds {'ahead of' if seconds > 0 else 'behind'} PostgreSQL's: codes of "
        "second factors and reports of providers are refused. Have both machines ask a time server."
    )
    return Finding("Clock", Verdict.WRONG, words)


def judge_jobs(background: Background) -> Finding:
    """Whether somebody does the background jobs, and which fail again and again."""
    if background.late:
        words = (
            f"{background.late:,} should have begun minutes ago: no process does them, or not fast enough."
        )
        return Finding("Background jobs", Verdict.WRONG, words)
    if background.failing:
        words = (
            f"{background.failing:,} failed {background.tries} times or more and are tried again "
            f"({background.names}): the log's `job failed` says why."
        )
        return Finding("Background jobs", Verdict.NOTE, words)
    return Finding("Background jobs", Verdict.FINE, "None waits for long.")
