"""HTTP of teams."""

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.proofs.proving import ProofIsOver
from boxoffice.accounts.schemas import ID_MAX
from boxoffice.catalog.team import members
from boxoffice.catalog.team.members import INVITATIONS_TO_ADDRESS, Invitations, TeamIsFull
from boxoffice.catalog.team.schemas import Acceptance, Invitation, Memberships, NewInvitation, Team
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.rate_limits import RateLimits

_Id = Annotated[int, PathParameter(ge=1, le=ID_MAX)]


@get(
    "/team",
    operation_id="GetTeam",
    summary="Who works on my events?",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed),
)
async def get_team(user: NamedDependency[Identity], db: NamedDependency[Database]) -> Team:
    """Show your team, and who was asked and has not accepted yet."""
    return await members.get_team(db, user)


@post(
    "/team/invitations",
    operation_id="Invite",
    summary="Ask somebody into your team",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NotAllowed, TeamIsFull),
)
async def invite(
    data: JSONBody[NewInvitation],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    invitations: NamedDependency[Invitations],
) -> Invitation:
    """Mail a link that is good for a week, for all of your events or for one.

    Whoever opens it joins with an account of theirs; it need be no organizer's. An address that was asked
    for the same before gets a new link, and the old one is void.
    """
    limits: RateLimits = request.app.state.rate_limits
    await limits.take(request.scope, INVITATIONS_TO_ADDRESS, f"{user.user_id} {data.email.lower()}")
    return await members.invite(db, invitations, user, data)


@delete(
    "/team/invitations/{invitation_id:int}",
    operation_id="WithdrawInvitation",
    summary="Take an invitation back",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def withdraw_invitation(
    invitation_id: _Id, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> None:
    """Have the link in the letter open nothing any more."""
    await members.withdraw_invitation(db, user, invitation_id)


@post(
    "/team/invitations/accept",
    status_code=200,
    operation_id="AcceptInvitation",
    summary="Join a team",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NotAllowed, ProofIsOver),
)
async def accept(
    data: JSONBody[Acceptance], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Memberships:
    """Join with the account that is logged in; the answer lists the teams you are in."""
    return await members.accept(db, user, data)


@delete(
    "/team/members/{member_id:int}",
    operation_id="RemoveMember",
    summary="Take somebody out of your team",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def remove_member(
    member_id: _Id, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> None:
    """Take somebody out of your team; it counts at once."""
    await members.remove_member(db, user, member_id)


@get(
    "/me/memberships",
    operation_id="ListMemberships",
    summary="Whose events may I work on?",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed),
)
async def list_memberships(user: NamedDependency[Identity], db: NamedDependency[Database]) -> Memberships:
    """List the teams you are in."""
    return await members.list_memberships(db, user)


@delete(
    "/me/memberships/{member_id:int}",
    operation_id="LeaveTeam",
    summary="Leave a team",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def leave_team(member_id: _Id, user: NamedDependency[Identity], db: NamedDependency[Database]) -> None:
    """Leave a team you are in."""
    await members.leave_team(db, user, member_id)


routes: list[ControllerRouterHandler] = [
    get_team,
    invite,
    withdraw_invitation,
    accept,
    remove_member,
    list_memberships,
    leave_team,
]
