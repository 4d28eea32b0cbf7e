"""Whose things are whose."""

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog import queries
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Source


def may_change(user: Identity, organizer_id: int) -> bool:
    """An organizer and their team change only what is theirs; an admin may change everything.

    What a member of the team may do was asked at the door (`permissions.py`).
    """
    return organizer_id in (user.user_id, user.acts_for) or user.role is Role.ADMIN


async def refuse_foreign(source: Source, user: Identity, event_id: int) -> None:
    """Raise `NotFound` for other people's events, as for one that is not there."""
    owner = await queries.find_event_owner(source, event_id)
    if owner is None or not may_change(user, owner):
        raise NotFound
