"""Dates for calendars: RFC 5545 to the letter."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from boxoffice.booking.paper.calendar import CalendarEntry, write_calendar

ENTRY = CalendarEntry(
    id="01930000-0000-8000-8000-000040000001",
    sequence=3,
    cancelled=False,
    written_at=datetime(2027, 1, 11, 9, tzinfo=UTC),
    starts_at=datetime(2030, 5, 3, 20, tzinfo=timezone(timedelta(hours=2))),
    ends_at=datetime(2030, 5, 3, 21, 30, tzinfo=UTC),
    title="Tosca; mit Pause, in \\Rom",
    location="Opernhaus, Platz 1",
    description="Block A, row 3, seat 12\nBooking 1",
)


def test_a_calendar_has_one_event_in_utc_with_its_texts_escaped():
    assert write_calendar(ENTRY).split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Boxoffice//Bookings//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        "UID:01930000-0000-8000-8000-000040000001",
        "SEQUENCE:3",
        "STATUS:CONFIRMED",
        "DTSTAMP:20270111T090000Z",
        "DTSTART:20300503T180000Z",
        "DTEND:20300503T213000Z",
        "SUMMARY:Tosca\\; mit Pause\\, in \\\\Rom",
        "LOCATION:Opernhaus\\, Platz 1",
        "DESCRIPTION:Block A\\, row 3\\, seat 12\\nBooking 1",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_what_is_cancelled_says_so_and_what_has_no_end_has_none():
    written = write_calendar(msgspec.structs.replace(ENTRY, cancelled=True, ends_at=None))

    assert "STATUS:CANCELLED\r\n" in written
    assert "DTEND" not in written


@pytest.mark.parametrize("letter", ["x", "ß", "€", "🎫", ","])
@pytest.mark.parametrize("length", [66, 67, 68, 200])
def test_no_line_has_more_than_75_octets_and_no_character_is_cut(letter: str, length: int):
    written = write_calendar(msgspec.structs.replace(ENTRY, title=letter * length))

    lines = written.encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert [line.decode() for line in lines]
    summary = "SUMMARY:" + letter.replace(",", "\\,") * length
    unfolded = written.replace("\r\n ", "").split("\r\n")
    assert summary in unfolded
    assert (summary.encode() in lines) == (len(summary.encode()) <= 75)
