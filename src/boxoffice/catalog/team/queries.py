"""All SQL over teams and invitations."""

from datetime import timedelta

import msgspec

from boxoffice.catalog.team.roles import TeamRole
from boxoffice.catalog.team.schemas import Invitation, Member, Membership
from boxoffice.kit.postgres import Source, Transaction


class AccessRow(msgspec.Struct, frozen=True):
    """Whose an event is, and what somebody is for it, besides.

    The organizer `may_sell` unless suspended, or none any more.
    """

    organizer_id: int
    may_sell: bool
    roles: list[TeamRole]


class InvitedRow(msgspec.Struct, frozen=True):
    """An invitation that is still good."""

    id: int
    organizer_id: int
    event_id: int | None
    role: TeamRole
    email: str
    nonce: bytes


async def find_access(source: Source, event_id: int, user_id: int) -> AccessRow | None:
    """None for no such event."""
    return await source.find(
        AccessRow,
        """
        SELECT e.organizer_id, o.suspended_at IS NULL AND o.role <> 'USER' AS may_sell,
               ARRAY(SELECT m.role
                       FROM team_members m
                      WHERE m.user_id = $2
                        AND m.organizer_id = e.organizer_id
                        AND (m.event_id IS NULL OR m.event_id = e.id)) AS roles
          FROM events e
          JOIN users o ON o.id = e.organizer_id
         WHERE e.id = $1
        """,
        event_id,
        user_id,
    )


async def find_venue_access(source: Source, venue_id: int, user_id: int) -> AccessRow | None:
    """The same of a venue, for which only those count who are in the team for all events."""
    return await source.find(
        AccessRow,
        """
        SELECT v.organizer_id, o.suspended_at IS NULL AND o.role <> 'USER' AS may_sell,
               ARRAY(SELECT m.role
                       FROM team_members m
                      WHERE m.user_id = $2
                        AND m.organizer_id = v.organizer_id
                        AND m.event_id IS NULL) AS roles
          FROM venues v
          JOIN users o ON o.id = v.organizer_id
         WHERE v.id = $1
        """,
        venue_id,
        user_id,
    )


async def lock_organizer(tx: Transaction, organizer_id: int) -> None:
    """Take the organizer's turn: members and keys are then counted and added one after the other."""
    await tx.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", organizer_id)


async def find_organizer_of(source: Source, event_id: int) -> int | None:
    return await source.find(int, "SELECT organizer_id FROM events WHERE id = $1", event_id)


async def list_members(source: Source, organizer_id: int) -> list[Member]:
    return await source.list(
        Member,
        """
        SELECT m.id, m.user_id, u.email, u.name, m.role, m.event_id, m.created_at
          FROM team_members m
          JOIN users u ON u.id = m.user_id
         WHERE m.organizer_id = $1
         ORDER BY m.id
        """,
        organizer_id,
    )


async def list_memberships(source: Source, user_id: int) -> list[Membership]:
    return await source.list(
        Membership,
        """
        SELECT m.id, m.organizer_id, u.name AS organizer_name, m.role, m.event_id, m.created_at
          FROM team_members m
          JOIN users u ON u.id = m.organizer_id
         WHERE m.user_id = $1
         ORDER BY m.id
        """,
        user_id,
    )


async def insert_member(
    tx: Transaction, *, organizer_id: int, user_id: int, event_id: int | None, role: TeamRole
) -> None:
    """Add somebody, or give who is there already this role."""
    await tx.execute(
        """
        INSERT INTO team_members (organizer_id, user_id, event_id, role)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT ON CONSTRAINT a_member_has_one_role_for_an_event DO UPDATE SET role = excluded.role
        """,
        organizer_id,
        user_id,
        event_id,
        role,
    )


async def delete_member(tx: Transaction, organizer_id: int, member_id: int) -> int:
    return await tx.execute(
        "DELETE FROM team_members WHERE organizer_id = $1 AND id = $2", organizer_id, member_id
    )


async def delete_membership(tx: Transaction, user_id: int, member_id: int) -> int:
    return await tx.execute("DELETE FROM team_members WHERE user_id = $1 AND id = $2", user_id, member_id)


async def delete_traces(tx: Transaction, user_id: int) -> None:
    """Take the user out of every team, and let their own team go, with its invitations."""
    await tx.execute("DELETE FROM team_members WHERE user_id = $1 OR organizer_id = $1", user_id)
    await tx.execute("DELETE FROM team_invitations WHERE organizer_id = $1", user_id)


async def list_invitations(source: Source, organizer_id: int) -> list[Invitation]:
    return await source.list(
        Invitation,
        """
        SELECT id, email, role, event_id, created_at, expires_at
          FROM team_invitations
         WHERE organizer_id = $1
           AND expires_at > now()
         ORDER BY id
        """,
        organizer_id,
    )


async def insert_invitation(
    tx: Transaction,
    *,
    organizer_id: int,
    event_id: int | None,
    role: TeamRole,
    email: str,
    nonce: bytes,
    token_hash: bytes,
    life: timedelta,
) -> Invitation:
    """Ask somebody; an earlier invitation of the same address for the same is replaced."""
    return await tx.get(
        Invitation,
        """
        INSERT INTO team_invitations (organizer_id, event_id, role, email, nonce, token_hash, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval)
        ON CONFLICT ON CONSTRAINT an_address_is_invited_once_for_an_event DO UPDATE
           SET role = excluded.role,
               nonce = excluded.nonce,
               token_hash = excluded.token_hash,
               created_at = now(),
               expires_at = excluded.expires_at
        RETURNING id, email, role, event_id, created_at, expires_at
        """,
        organizer_id,
        event_id,
        role,
        email,
        nonce,
        token_hash,
        life,
    )


async def find_invitation(source: Source, invitation_id: int) -> InvitedRow | None:
    return await source.find(
        InvitedRow,
        """
        SELECT id, organizer_id, event_id, role, email, nonce
          FROM team_invitations
         WHERE id = $1
           AND expires_at > now()
        """,
        invitation_id,
    )


async def delete_invitation_by_token(tx: Transaction, token_hash: bytes) -> InvitedRow | None:
    """Use the token up; None when it is not good any more."""
    return await tx.find(
        InvitedRow,
        """
        DELETE FROM team_invitations
         WHERE token_hash = $1
           AND expires_at > now()
        RETURNING id, organizer_id, event_id, role, email, nonce
        """,
        token_hash,
    )


async def delete_expired_invitations(tx: Transaction, limit: int) -> int:
    """Delete invitations that nobody can accept any more, so many at most."""
    return await tx.execute(
        """
        DELETE FROM team_invitations
         WHERE id IN (SELECT id FROM team_invitations WHERE expires_at <= now() LIMIT $1)
        """,
        limit,
    )


async def delete_invitation(tx: Transaction, organizer_id: int, invitation_id: int) -> int:
    return await tx.execute(
        "DELETE FROM team_invitations WHERE organizer_id = $1 AND id = $2", organizer_id, invitation_id
    )
