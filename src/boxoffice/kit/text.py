"""Text as PostgreSQL and people can take it: no NUL, no control characters, bounded."""

from typing import Annotated

from msgspec import Meta

# A name or title fits a line of a listing.
LINE_CHARACTERS_MAX = 200

# A description of a show; longer text belongs on a web page.
PROSE_CHARACTERS_MAX = 20_000

# At least one character that is not blank, and no control character. Python's `$` would let a line
# break pass at the very end, so the end is spelt out.
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*(?![\s\S])"
# Tabs and line breaks may stay.
_PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

Line = Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX, pattern=LINE_PATTERN)]
Prose = Annotated[str, Meta(max_length=PROSE_CHARACTERS_MAX, pattern=_PROSE)]


def pattern_of(words: str) -> str:
    """A LIKE pattern that finds these words anywhere, with nothing in them taken as a wildcard."""
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
