"""Times as the clock on a wall shows them: the same in summer and in winter. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def moment_of(local: datetime, zone: str) -> datetime | None:
    """The moment at which the clock shows this; None where it never does.

    In the night in which an hour is skipped some times never come. In the one in which an hour comes twice
    it is the first.
    """
    moment = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    return moment if local_of(moment, zone) == local.replace(fold=0) else None


def local_of(moment: datetime, zone: str) -> datetime:
    """What the clock shows at this moment."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def moved(moment: datetime, by: timedelta, zone: str) -> datetime:
    """The moment at which the clock shows so much more; where that is skipped, an hour later."""
    local = local_of(moment, zone) + by
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
