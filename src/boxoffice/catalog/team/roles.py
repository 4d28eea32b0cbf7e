"""What the members of an organizer's team may do, for all of the organizer's events or for one."""

from enum import StrEnum


class Right(StrEnum):
    """What somebody may do with an event."""

    SEE = "SEE"
    SCAN = "SCAN"
    SELL = "SELL"
    MANAGE = "MANAGE"
    OWN = "OWN"


class TeamRole(StrEnum):
    """What somebody is for an event."""

    OWNER = "OWNER"
    MANAGER = "MANAGER"
    BOX_OFFICE = "BOX_OFFICE"
    SCANNER = "SCANNER"
    VIEWER = "VIEWER"


# Whoever scans sees no figures, and whoever looks at figures admits nobody.
RIGHTS: dict[TeamRole, frozenset[Right]] = {
    TeamRole.OWNER: frozenset(Right),
    TeamRole.MANAGER: frozenset({Right.SEE, Right.SCAN, Right.SELL, Right.MANAGE}),
    TeamRole.BOX_OFFICE: frozenset({Right.SEE, Right.SCAN, Right.SELL}),
    TeamRole.SCANNER: frozenset({Right.SCAN}),
    TeamRole.VIEWER: frozenset({Right.SEE}),
}
