"""The clock on the wall, over the nights in which it is put forward and back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from boxoffice.catalog.wall_clock import local_of, moment_of, moved

BERLIN = "Europe/Berlin"


def wall(text: str) -> datetime:
    """What the clock shows."""
    return datetime.fromisoformat(text)


def test_the_same_time_of_day_is_another_moment_in_summer():
    assert moment_of(wall("2027-03-27T20:00"), BERLIN) == datetime(2027, 3, 27, 19, tzinfo=UTC)
    assert moment_of(wall("2027-03-28T20:00"), BERLIN) == datetime(2027, 3, 28, 18, tzinfo=UTC)
    assert moment_of(wall("2027-10-30T20:00"), BERLIN) == datetime(2027, 10, 30, 18, tzinfo=UTC)
    assert moment_of(wall("2027-10-31T20:00"), BERLIN) == datetime(2027, 10, 31, 19, tzinfo=UTC)


def test_a_time_that_is_skipped_is_none_and_of_one_that_comes_twice_it_is_the_first():
    assert moment_of(wall("2027-03-28T02:30"), BERLIN) is None
    assert moment_of(wall("2027-03-28T03:00"), BERLIN) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert moment_of(wall("2027-10-31T02:30"), BERLIN) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_what_moves_by_a_week_over_the_change_keeps_its_time_of_day():
    before = datetime(2027, 3, 22, 19, tzinfo=UTC)
    assert moved(before, timedelta(days=7), BERLIN) == datetime(2027, 3, 29, 18, tzinfo=UTC)
    skipped = datetime(2027, 3, 21, 1, 30, tzinfo=UTC)
    assert local_of(moved(skipped, timedelta(days=7), BERLIN), BERLIN) == wall("2027-03-28T03:30")


@given(
    st.datetimes(wall("2000-01-02T00:00"), wall("2199-12-30T00:00")),
    st.sampled_from(
        [BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
    ),
)
def test_a_moment_shows_the_time_it_was_made_from(local: datetime, zone: str):
    moment = moment_of(local, zone)

    assert moment is None or local_of(moment, zone) == local
