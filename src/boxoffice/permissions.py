"""Who may do what: one line for each operation, and the guard that keeps to it.

A route without a line here keeps the application from starting. What somebody may do with a row of their own
(a booking, a ticket) is asked where it is read: other people's things are not found.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any
from uuid import UUID

import structlog
from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.routes import HTTPRoute

from boxoffice.accounts import queries as accounts
from boxoffice.accounts.guards import NotAllowed, NotSignedIn, bearer_of
from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog.team import keys, queries
from boxoffice.catalog.team.queries import AccessRow
from boxoffice.catalog.team.roles import RIGHTS, Right, TeamRole
from boxoffice.kit.actor import Actor, current_actor
from boxoffice.kit.client_address import client_address
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import event_of
from boxoffice.kit.logs import request_id
from boxoffice.kit.postgres import Database


class Who(Enum):
    """Who may, where it is not about one event."""

    # Anybody. Those with a cookie or a mailed token show that instead.
    ANYBODY = auto()
    # Anybody; but whoever sends a token must send a good one, and may see more.
    VIEWER = auto()
    # Somebody with an account, about what is theirs; no API key.
    PERSON = auto()
    # The same; and who may see the event that it is of, an API key too.
    CONCERNED = auto()
    # Who sells events of their own; no API key.
    ORGANIZER = auto()
    # The same, or an API key of theirs that may manage all of their events.
    SELLER = auto()
    # Who runs the house.
    ADMIN = auto()


Permission = Who | Right

PERMISSIONS: Mapping[str, Permission] = {
    # Accounts
    "Register": Who.ANYBODY,
    "LogIn": Who.ANYBODY,
    "Refresh": Who.ANYBODY,
    "LogOut": Who.ANYBODY,
    "SendVerification": Who.ANYBODY,
    "VerifyEmail": Who.ANYBODY,
    "ForgotPassword": Who.ANYBODY,
    "ResetPassword": Who.ANYBODY,
    "GetMe": Who.PERSON,
    "ListSessions": Who.PERSON,
    "EndSession": Who.PERSON,
    "EndAllSessions": Who.PERSON,
    "ChangePassword": Who.PERSON,
    "ChangeEmail": Who.PERSON,
    "SetUpSecondFactor": Who.PERSON,
    "ConfirmSecondFactor": Who.PERSON,
    "RenewRecoveryCodes": Who.PERSON,
    "RemoveSecondFactor": Who.PERSON,
    "ListUsers": Who.ADMIN,
    "GetUser": Who.ADMIN,
    "ChangeUser": Who.ADMIN,
    "EraseUser": Who.ADMIN,
    "ExportPersonalData": Who.PERSON,
    "EraseMe": Who.PERSON,
    # Team
    "GetTeam": Who.ORGANIZER,
    "Invite": Who.ORGANIZER,
    "WithdrawInvitation": Who.ORGANIZER,
    "RemoveMember": Who.ORGANIZER,
    "AcceptInvitation": Who.PERSON,
    "ListMemberships": Who.PERSON,
    "LeaveTeam": Who.PERSON,
    "CreateApiKey": Who.ORGANIZER,
    "ListApiKeys": Who.ORGANIZER,
    "DeleteApiKey": Who.ORGANIZER,
    "ListAuditLog": Who.ORGANIZER,
    # Catalog
    "CreateVenue": Who.SELLER,
    "ListVenues": Who.SELLER,
    "GetVenue": Who.ANYBODY,
    "ImportSeatMap": Right.MANAGE,
    "ListSeatMaps": Right.MANAGE,
    "CreateEvent": Who.SELLER,
    "ListEvents": Who.VIEWER,
    "GetEvent": Who.VIEWER,
    "UpdateEvent": Right.MANAGE,
    "DeleteEvent": Right.OWN,
    "PublishEvent": Right.MANAGE,
    "CancelEvent": Right.OWN,
    "ArchiveEvent": Right.MANAGE,
    "UnarchiveEvent": Right.MANAGE,
    "DuplicateEvent": Right.OWN,
    "CreateSeries": Who.SELLER,
    "ListSeries": Who.SELLER,
    "GetSeries": Who.VIEWER,
    "UpdateSeries": Who.SELLER,
    "PublishSeries": Who.SELLER,
    "CreateChannelOfSeries": Who.SELLER,
    "PutCancellationPolicyOfSeries": Who.SELLER,
    "PutQuestionsOfSeries": Who.SELLER,
    "CreatePromoCodeOfSeries": Who.SELLER,
    "GetCancellation": Right.SEE,
    "GetSeatMap": Who.VIEWER,
    "GetSeatMapOfEvent": Who.VIEWER,
    "PreviewSeatMap": Right.MANAGE,
    "ChangeSeatMap": Right.MANAGE,
    "PutEventImage": Right.MANAGE,
    "DeleteEventImage": Right.MANAGE,
    "GetEventImage": Who.ANYBODY,
    "CreateChannel": Right.MANAGE,
    "ListChannels": Right.MANAGE,
    "UpdateChannel": Right.MANAGE,
    "RotateChannelKey": Right.MANAGE,
    "WithdrawChannel": Right.MANAGE,
    # Inventory
    "GetAvailability": Who.ANYBODY,
    "WatchAvailability": Who.ANYBODY,
    "KeepPlaces": Right.SELL,
    "ListBlocks": Right.SEE,
    "ChangeBlock": Right.SELL,
    "ReleasePlaces": Right.SELL,
    "PutQuestions": Right.MANAGE,
    "PutCancellationPolicy": Right.MANAGE,
    "GetQuestions": Who.ANYBODY,
    "ListAnswers": Right.MANAGE,
    "ExportAnswers": Right.MANAGE,
    "CreatePromoCode": Right.MANAGE,
    "ListPromoCodes": Right.SEE,
    "ChangePromoCode": Right.MANAGE,
    "WithdrawPromoCode": Right.MANAGE,
    "ListJournal": Right.SEE,
    "GetSeatHistory": Right.SEE,
    "CountSales": Right.SEE,
    "ListEventBookings": Right.MANAGE,
    "ExportEventBookings": Right.MANAGE,
    # Booking, payments, tickets: one's own
    "HoldPlaces": Who.PERSON,
    "ListBookings": Who.PERSON,
    "GetBooking": Who.PERSON,
    "PutAnswers": Who.PERSON,
    "GetAnswers": Who.PERSON,
    "RenewHold": Who.PERSON,
    "ExchangePlaces": Who.PERSON,
    "CancelBooking": Who.PERSON,
    "GetBookingCancellation": Who.PERSON,
    "StartPayment": Who.PERSON,
    "GetPayment": Who.PERSON,
    "TakePaymentEvent": Who.ANYBODY,
    "ListBookingTickets": Who.PERSON,
    "GetTicket": Who.PERSON,
    "GetTicketQr": Who.PERSON,
    "GetTicketPdf": Who.PERSON,
    "GetBookingTicketsPdf": Who.PERSON,
    "GetBookingCalendar": Who.PERSON,
    "GetInvoice": Who.PERSON,
    "GetCreditNote": Who.PERSON,
    "GetInvoicePdf": Who.PERSON,
    "GetCreditNotePdf": Who.PERSON,
    "ListCreditNotes": Who.PERSON,
    "ListInvoices": Who.ORGANIZER,
    "GetSeller": Who.ORGANIZER,
    "PutSeller": Who.ORGANIZER,
    "ListTicketKeys": Who.ANYBODY,
    "CheckIn": Right.SCAN,
    "CountCheckIns": Right.SEE,
    "ListTicketChanges": Right.SCAN,
    "TakeOfflineCheckIns": Right.SCAN,
    "ListCheckInConflicts": Right.SEE,
    # Money of an organizer
    "RefundBooking": Right.MANAGE,
    "ListRefunds": Who.CONCERNED,
    "TryRefundAgain": Right.MANAGE,
    "SettleRefund": Right.MANAGE,
    "ListDisputes": Right.SEE,
    "GetBalance": Who.ORGANIZER,
    "ListMovements": Who.ORGANIZER,
    "ListMyPayouts": Who.ORGANIZER,
    # What the house pays to organizers
    "ListDues": Who.ADMIN,
    "ExportDues": Who.ADMIN,
    "RecordPayout": Who.ADMIN,
    "ReturnPayout": Who.ADMIN,
    "ListPayouts": Who.ADMIN,
}

# What goes on at events of an organizer who is suspended, or is none any more: guests are let in, those who
# work there see where things stand, and who has paid gets money back. Nobody says it was given otherwise:
# then the organizer would be owed it.
_RIGHTS_THAT_STAY = frozenset({Right.SEE, Right.SCAN})
_OPERATIONS_THAT_STAY = frozenset({"RefundBooking", "TryRefundAgain"})

# What shows other people's names, addresses or answers: who looks is in the logs, though nothing changes.
_OF_PEOPLE = frozenset(
    {
        "ListUsers",
        "GetUser",
        "ListAuditLog",
        "ListAnswers",
        "ExportAnswers",
        "ListEventBookings",
        "ExportEventBookings",
        "ListInvoices",
        "ListDues",
        "ExportDues",
        "ExportPersonalData",
    }
)

_log = structlog.get_logger()

_Connection = ASGIConnection[Any, Any, Any, Any]


def check_permissions(app: Litestar, prefix: str) -> None:
    """Make sure that every operation below this path has its line, and every line its operation."""
    found = {
        str(handler.operation_id)
        for route in app.routes
        if isinstance(route, HTTPRoute) and route.path.startswith(prefix)
        for handler in route.route_handlers
        if "OPTIONS" not in handler.http_methods
    }
    if found != set(PERMISSIONS):
        raise LookupError(f"permissions.py and the routes differ by {sorted(found ^ PERMISSIONS.keys())}")


async def permitted(connection: _Connection, handler: BaseRouteHandler) -> None:
    """Let in whom the table lets in; the handler's `user` is who is asking. Raises a refusal."""
    assert isinstance(handler, HTTPRouteHandler)
    if "OPTIONS" in handler.http_methods:
        return
    operation = str(handler.operation_id)
    permission = PERMISSIONS[operation]
    if permission is Who.ANYBODY:
        return
    bearer = bearer_of(connection.scope["headers"])
    if permission is Who.VIEWER and bearer is None:
        return
    if bearer is not None and keys.is_key(bearer):
        identity = await _identify_key(connection, operation, bearer)
    else:
        identity = await _identify_person(connection, operation, bearer)
    if identity is None:
        return
    if operation in _OF_PEOPLE:
        _log.info(
            "personal data read",
            operation=operation,
            path=connection.scope["path"],
            user_id=identity.user_id,
            key_id=identity.key_id,
            address=client_address(connection.scope),
        )
    connection.scope["user"] = identity
    current_actor.set(
        Actor(identity.user_id, identity.key_id, client_address(connection.scope), request_id.get())
    )


async def _identify_person(connection: _Connection, operation: str, bearer: bytes | None) -> Identity:
    permission = PERMISSIONS[operation]
    identity = None if bearer is None else connection.app.state.tokens.identify(bearer)
    if identity is None:
        raise NotSignedIn
    if identity.role is Role.ADMIN:
        # Whatever the token says: nobody may do more, so this is looked up each time.
        identity = await _as_it_is_now(connection.app.state.db, identity)
        if identity.role is Role.ADMIN:
            return identity
    if permission is Who.ADMIN:
        raise NotAllowed
    if permission in (Who.ORGANIZER, Who.SELLER) and identity.role is Role.USER:
        raise NotAllowed
    if permission in (Who.VIEWER, Who.CONCERNED):
        access = await _find_access(connection, identity.user_id)
        if access is not None and _may(access.roles, Right.SEE):
            return identity.acting_for(access.organizer_id)
    if isinstance(permission, Right):
        return await _admit_to_event(connection, operation, permission, identity)
    return identity


async def _admit_to_event(
    connection: _Connection, operation: str, right: Right, identity: Identity
) -> Identity:
    """Whose event it is, may; so may an admin, and a member of the team whose role has the right."""
    access = await _find_access(connection, identity.user_id)
    if access is not None and access.organizer_id == identity.user_id and identity.role is Role.ORGANIZER:
        return identity
    roles = [] if access is None else access.roles
    if access is not None and _may(roles, right) and (access.may_sell or _goes_on(operation)):
        return identity.acting_for(access.organizer_id)
    # Who has nothing to do with the event is not told whether there is one.
    raise NotAllowed if roles or identity.role is Role.USER else NotFound


async def _identify_key(connection: _Connection, operation: str, bearer: bytes) -> Identity | None:
    """The key's organizer; None where it opens no more than everybody sees."""
    key = await keys.find_key(connection.app.state.db, bearer)
    if key is None:
        raise NotSignedIn
    permission = PERMISSIONS[operation]
    if not key.may_sell and not _goes_on(operation):
        raise NotAllowed
    rights = RIGHTS[key.role]
    identity = Identity(key.organizer_id, Role.ORGANIZER, key_id=key.id)
    if permission is Who.VIEWER:
        fits = key.event_id in (None, _event_id_of(connection.path_params))
        return identity if fits and Right.SEE in rights else None
    if permission is Who.CONCERNED:
        permission = Right.SEE
    if permission is Who.SELLER and key.event_id is None and Right.MANAGE in rights:
        return identity
    if not isinstance(permission, Right):
        raise NotAllowed
    access = await _find_access(connection, key.organizer_id)
    fits = key.event_id in (None, _event_id_of(connection.path_params))
    if access is None or access.organizer_id != key.organizer_id or not fits:
        raise NotFound
    if permission not in rights:
        raise NotAllowed
    return identity


async def _find_access(connection: _Connection, user_id: int) -> AccessRow | None:
    """Whose the event or venue in the path is, and what the user is for it."""
    db: Database = connection.app.state.db
    event_id = _event_id_of(connection.path_params)
    if event_id is not None:
        return await queries.find_access(db, event_id, user_id)
    venue_id = connection.path_params.get("venue_id")
    return None if venue_id is None else await queries.find_venue_access(db, _bounded(venue_id), user_id)


def _event_id_of(path: Mapping[str, Any]) -> int | None:
    """The event in the path, or the one of the booking in it."""
    if "event_id" in path:
        return _bounded(path["event_id"])
    row_id = path.get("booking_id")
    return event_of(row_id) if isinstance(row_id, UUID) else None


def _bounded(number: int) -> int:
    """A number that PostgreSQL can take; of one that it cannot there is nothing, and of 0 neither."""
    return number if 0 < number < 2**63 else 0


def _goes_on(operation: str) -> bool:
    """Whether it may be done for an organizer who may not sell."""
    stays = (*_RIGHTS_THAT_STAY, Who.VIEWER, Who.CONCERNED)
    return PERMISSIONS[operation] in stays or operation in _OPERATIONS_THAT_STAY


def _may(roles: Iterable[TeamRole], right: Right) -> bool:
    return any(right in RIGHTS[role] for role in roles)


async def _as_it_is_now(db: Database, identity: Identity) -> Identity:
    user = await accounts.find_user(db, identity.user_id)
    if user is None or user.suspended:
        raise NotAllowed
    return Identity(user.id, user.role)
