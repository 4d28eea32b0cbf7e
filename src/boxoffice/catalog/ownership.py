"""Whose things are whose."""

from boxoffice.accounts.identity import Identity, Role


def may_change(user: Identity, organizer_id: int) -> bool:
    """An organizer changes only what is theirs; an admin may change everything."""
    return user.user_id == organizer_id or user.role is Role.ADMIN
