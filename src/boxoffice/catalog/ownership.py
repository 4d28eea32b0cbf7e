"""Whose things are whose."""

from boxoffice.accounts.identity import Identity, Role


def may_change(user: Identity, organizer_id: int) -> bool:
    """An organizer and their team change only what is theirs; an admin may change everything.

    What a member of the team may do was asked at the door (`permissions.py`).
    """
    return organizer_id in (user.user_id, user.acts_for) or user.role is Role.ADMIN
