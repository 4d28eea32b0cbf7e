"""Asking people into one's team, joining, leaving."""

import time
from datetime import timedelta
from uuid import uuid4

import msgspec
import structlog

from boxoffice.accounts.identity import Identity
from boxoffice.accounts.letter_writing import Wording, compose
from boxoffice.accounts.letters import LETTER_AGE_MAX
from boxoffice.accounts.proofs.proving import ProofIsOver
from boxoffice.catalog.team import queries
from boxoffice.catalog.team.schemas import (
    Acceptance,
    Invitation,
    Memberships,
    NewInvitation,
    Team,
)
from boxoffice.kit import jobs
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.mail import Post, Undeliverable, is_mail_address
from boxoffice.kit.mailed_tokens import MailedTokens, hash_of
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.rate_limits import RateLimit

INVITATION_JOB = "invitation"

# The crew of a festival, with its stewards.
TEAM_MEMBERS_MAX = 500

# A week: people read their letters before the show.
INVITATION_LIFE = timedelta(days=7)

# The first letter, and some for who cannot find it: nobody's mailbox is filled through us.
INVITATIONS_TO_ADDRESS = RateLimit("invitation", turns=5, seconds=3600)

_log = structlog.get_logger()


# Invitations of a round: a statement's worth, which holds nobody up.
FORGOTTEN_AT_ONCE_MAX = 1_000


class TeamIsFull(Refusal, status=409):
    """Members and invitations are as many as there can be; remove some first."""


class InvitationWanted(msgspec.Struct, frozen=True):
    """The job's payload. `asked_at` is in seconds since 1970."""

    id: str
    invitation_id: int
    asked_at: float


class Invitations(MailedTokens):
    """The tokens of invitations."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, "invitation token")


async def invite(db: Database, invitations: Invitations, user: Identity, new: NewInvitation) -> Invitation:
    """Ask an address into the user's team by letter. Raises `InvalidInput` or `TeamIsFull`."""
    if not is_mail_address(new.email):
        raise invalid("/email", "This is not an e-mail address such as ada@example.org.")
    nonce, token = invitations.new()
    async with db.transaction() as tx:
        await queries.lock_organizer(tx, user.user_id)
        if new.event_id is not None and await queries.find_organizer_of(tx, new.event_id) != user.user_id:
            raise invalid("/event_id", "You have no such event.")
        members = await queries.list_members(tx, user.user_id)
        invited = await queries.list_invitations(tx, user.user_id)
        if len(members) + len(invited) >= TEAM_MEMBERS_MAX:
            raise TeamIsFull
        invitation = await queries.insert_invitation(
            tx,
            organizer_id=user.user_id,
            event_id=new.event_id,
            role=new.role,
            email=new.email.lower(),
            nonce=nonce,
            token_hash=hash_of(token),
            life=INVITATION_LIFE,
        )
        wanted = InvitationWanted(str(uuid4()), invitation.id, time.time())
        await jobs.enqueue(tx, INVITATION_JOB, wanted)
        return invitation


async def carry_out_invitation(
    db: Database, post: Post, invitations: Invitations, shop_url: str, payload: bytes
) -> None:
    """Send the letter, if the invitation is still good. Repeatable: its link stays the same."""
    wanted = msgspec.json.decode(payload, type=InvitationWanted)
    invited = await queries.find_invitation(db, wanted.invitation_id)
    if invited is None or time.time() - wanted.asked_at > LETTER_AGE_MAX.total_seconds():
        return
    wording = Wording(
        subject="Join a team",
        paragraphs=[
            f"You are asked to help with an organizer's events as {invited.role}.",
            "Log in, or make an account first, and follow the link within a week.",
        ],
        page="join-team",
        button="Join",
    )
    link = f"{shop_url}/join-team#token={invitations.token_of(invited.nonce)}"
    try:
        await post.send(compose(wanted.id, invited.email, wording, link))
    except Undeliverable as error:
        _log.warning("invitation refused for good", invitation=invited.id, error=str(error))


async def accept(db: Database, user: Identity, acceptance: Acceptance) -> Memberships:
    """Join the team with the account that is logged in; its address may be another. Raises `ProofIsOver`."""
    async with db.transaction() as tx:
        invited = await queries.delete_invitation_by_token(tx, hash_of(acceptance.token))
        if invited is None:
            raise ProofIsOver
        await queries.insert_member(
            tx,
            organizer_id=invited.organizer_id,
            user_id=user.user_id,
            event_id=invited.event_id,
            role=invited.role,
        )
        return Memberships(items=await queries.list_memberships(tx, user.user_id))


async def get_team(db: Database, user: Identity) -> Team:
    """The user's team, and who was asked into it."""
    return Team(
        members=await queries.list_members(db, user.user_id),
        invitations=await queries.list_invitations(db, user.user_id),
    )


async def list_memberships(db: Database, user: Identity) -> Memberships:
    """The teams the user is in."""
    return Memberships(items=await queries.list_memberships(db, user.user_id))


async def remove_member(db: Database, user: Identity, member_id: int) -> None:
    """Take somebody out of the user's team; at once. Raises `NotFound`."""
    async with db.transaction() as tx:
        if not await queries.delete_member(tx, user.user_id, member_id):
            raise NotFound


async def leave_team(db: Database, user: Identity, member_id: int) -> None:
    """Leave a team. Raises `NotFound`."""
    async with db.transaction() as tx:
        if not await queries.delete_membership(tx, user.user_id, member_id):
            raise NotFound


async def withdraw_invitation(db: Database, user: Identity, invitation_id: int) -> None:
    """Take an invitation back. Raises `NotFound`."""
    async with db.transaction() as tx:
        if not await queries.delete_invitation(tx, user.user_id, invitation_id):
            raise NotFound


async def forget_person(tx: Transaction, user_id: int) -> None:
    """Take the user out of every team, and let their own team go, with its invitations."""
    await queries.delete_traces(tx, user_id)


async def forget_old_invitations(db: Database) -> None:
    """Delete invitations that are over, with the addresses in them."""
    while True:
        async with db.transaction() as tx:
            if await queries.delete_expired_invitations(tx, FORGOTTEN_AT_ONCE_MAX) < FORGOTTEN_AT_ONCE_MAX:
                return
