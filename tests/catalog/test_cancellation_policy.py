"""Cancellation policies as rules: tiers in order, days by the clock on the wall, moments at their edges."""

from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.catalog.cancellation_policy import (
    CancellationPolicy,
    Deadline,
    Tier,
    deadline_at,
    deadlines_of,
    faults_of_policy,
)

BERLIN = "Europe/Berlin"


def day(percent: int, days: int) -> Tier:
    return Tier(percent, days_before=days)


def hour(percent: int, hours: int) -> Tier:
    return Tier(percent, hours_before=hours)


@pytest.mark.parametrize(
    ("tiers", "pointers"),
    [
        ([], []),
        ([day(100, 30), day(50, 7), hour(20, 167), day(10, 0)], []),
        ([Tier(100)], ["/tiers/0"]),
        ([Tier(100, days_before=1, hours_before=1)], ["/tiers/0"]),
        ([day(100, 7), day(50, 7)], ["/tiers/1"]),
        ([day(100, 1), hour(50, 24)], ["/tiers/1"]),
        ([day(100, 7), day(50, 30)], ["/tiers/1"]),
        ([day(50, 30), day(50, 7)], ["/tiers/1/refund_percent"]),
        ([day(50, 30), day(100, 7)], ["/tiers/1/refund_percent"]),
    ],
)
def test_tiers_go_from_the_earliest_to_the_latest_and_from_more_to_less(
    tiers: list[Tier], pointers: list[str]
):
    assert [fault.pointer for fault in faults_of_policy(CancellationPolicy(tiers))] == pointers


@pytest.mark.parametrize(
    ("starts_at", "tier", "until"),
    [
        # 20:00 in summer, the clocks went forward in the night before: the day has 23 hours.
        ("2027-03-28T18:00:00Z", day(100, 1), "2027-03-27T19:00:00Z"),
        ("2027-03-28T18:00:00Z", hour(100, 24), "2027-03-27T18:00:00Z"),
        # 20:00 in winter, the clocks went back: it has 25.
        ("2027-10-31T19:00:00Z", day(100, 1), "2027-10-30T18:00:00Z"),
        ("2027-10-31T19:00:00Z", day(100, 7), "2027-10-24T18:00:00Z"),
        # 2:30 a day before was skipped: an hour later.
        ("2027-03-29T00:30:00Z", day(100, 1), "2027-03-28T01:30:00Z"),
        # 2:30 a day before came twice: the first time.
        ("2027-11-01T01:30:00Z", day(100, 1), "2027-10-31T00:30:00Z"),
        ("2027-10-31T19:00:00Z", day(100, 0), "2027-10-31T19:00:00Z"),
    ],
)
def test_days_are_those_of_the_events_clock_and_hours_are_hours(starts_at: str, tier: Tier, until: str):
    found = deadlines_of(CancellationPolicy([tier]), datetime.fromisoformat(starts_at), BERLIN)

    assert found == (Deadline(datetime.fromisoformat(until), 100),)


def test_a_tier_is_open_until_its_moment_and_not_at_it():
    starts_at = datetime(2027, 6, 30, 18, tzinfo=UTC)
    deadlines = deadlines_of(CancellationPolicy([day(100, 30), day(50, 7)]), starts_at, BERLIN)
    moment = timedelta(microseconds=1)

    def percent(now: datetime) -> int | None:
        found = deadline_at(deadlines, now)
        return None if found is None else found.refund_percent

    first, second = (each.until for each in deadlines)
    assert [percent(first - moment), percent(first), percent(second - moment), percent(second)] == [
        100,
        50,
        50,
        None,
    ]
