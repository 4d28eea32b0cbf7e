"""A date for a calendar: one event in iCalendar (RFC 5545). Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

# RFC 5545, section 3.1: octets of a line, without its line break.
_LINE_OCTETS_MAX = 75

# RFC 5545, section 3.3.11: what a text may not have as it is.
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


class CalendarEntry(msgspec.Struct, frozen=True):
    """What a calendar is told. `id` and `sequence` tell it which entry this takes the place of."""

    id: str
    sequence: int
    cancelled: bool
    written_at: datetime
    starts_at: datetime
    ends_at: datetime | None
    title: str
    location: str
    description: str


def write_calendar(entry: CalendarEntry) -> str:
    """The calendar that has this entry and no other."""
    return "".join(f"{line}\r\n" for content in _contents(entry) for line in _folded(content))


def _contents(entry: CalendarEntry) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Boxoffice//Bookings//EN", "METHOD:PUBLISH")
    yield from ("BEGIN:VEVENT", f"UID:{entry.id}", f"SEQUENCE:{entry.sequence}")
    yield f"STATUS:{'CANCELLED' if entry.cancelled else 'CONFIRMED'}"
    yield f"DTSTAMP:{_moment(entry.written_at)}"
    yield f"DTSTART:{_moment(entry.starts_at)}"
    # Without one it takes no time: we do not know how long.
    if entry.ends_at is not None:
        yield f"DTEND:{_moment(entry.ends_at)}"
    yield f"SUMMARY:{entry.title.translate(_ESCAPES)}"
    yield f"LOCATION:{entry.location.translate(_ESCAPES)}"
    yield f"DESCRIPTION:{entry.description.translate(_ESCAPES)}"
    yield from ("END:VEVENT", "END:VCALENDAR")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _folded(content: str) -> Iterator[str]:
    """The lines of a content line; each but the first begins with a blank, and no character is cut."""
    line, octets = "", 0
    for character in content:
        size = len(character.encode())
        if octets + size > _LINE_OCTETS_MAX:
            yield line
            line, octets = " ", 1
        line += character
        octets += size
    yield line
