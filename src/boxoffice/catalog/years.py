"""Which moments we keep."""

from datetime import datetime

# Years outside are typing mistakes; the ends of the calendar cannot even be turned into UTC.
YEAR_MIN, YEAR_MAX = 2000, 2199


def is_storable(moment: datetime | None) -> bool:
    """Whether a moment is absent or in the years we keep."""
    return moment is None or YEAR_MIN <= moment.year <= YEAR_MAX
