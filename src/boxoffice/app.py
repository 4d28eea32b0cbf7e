"""The web application: every part is made here and handed to the routes that need it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide

from boxoffice.accounts import api as accounts
from boxoffice.accounts import users_api
from boxoffice.accounts.audit import api as audit
from boxoffice.accounts.guards import IdentityOf, provide_identity
from boxoffice.accounts.parts import accounts_parts
from boxoffice.accounts.passwords import line_is_full
from boxoffice.accounts.proofs import api as proof_api
from boxoffice.accounts.proofs import pages as account_pages
from boxoffice.accounts.second_factor import api as factor_api
from boxoffice.accounts.sessions import api as session_api
from boxoffice.accounts.sessions.cookies import COOKIE_PATH
from boxoffice.accounts.tokens import Tokens
from boxoffice.api_guide import describe_api
from boxoffice.booking import api as booking
from boxoffice.booking import cancellation_api as booking_cancellation
from boxoffice.booking import personal_data_api as personal_data
from boxoffice.booking.guests import api as guests
from boxoffice.booking.lean import lean_hold
from boxoffice.booking.paper import api as paper
from boxoffice.booking.sales import api as sales
from boxoffice.catalog import api as catalog
from boxoffice.catalog import event_life_api as event_life
from boxoffice.catalog.channels import api as channels
from boxoffice.catalog.images import api as images
from boxoffice.catalog.seat_maps import api as seat_maps
from boxoffice.catalog.series import api as series
from boxoffice.catalog.team import api as team
from boxoffice.catalog.team import keys_api as team_keys
from boxoffice.catalog.team.members import Invitations
from boxoffice.inventory import api as inventory
from boxoffice.invoices import api as invoices
from boxoffice.invoices.dues import api as dues
from boxoffice.kit import metrics
from boxoffice.kit.docs_page import DOCS_ROUTES
from boxoffice.kit.health import get_live, get_ready
from boxoffice.kit.http import (
    BODY_BYTES_MAX,
    EveryRequest,
    StrictBody,
    allow_all_methods_of_a_path,
    resolve_in_turn,
)
from boxoffice.kit.lean_door import LeanDoor, LeanRoute
from boxoffice.kit.problems import EXCEPTION_HANDLERS, explain_problem
from boxoffice.kit.rate_limits import RateLimits
from boxoffice.kit.settings import Settings
from boxoffice.kit.slow_lane import SlowLane
from boxoffice.kit.traffic import Traffic
from boxoffice.migrations import latest_version
from boxoffice.parts import Parts
from boxoffice.payments import api as payments
from boxoffice.payments.cancellation import api as cancellation_api
from boxoffice.payments.disputes import api as dispute_api
from boxoffice.payments.lean import lean_payments
from boxoffice.payments.ledger import api as ledger_api
from boxoffice.payments.payouts import api as payout_api
from boxoffice.payments.refunds import api as refund_api
from boxoffice.payments.sandbox import api as sandbox_api
from boxoffice.permissions import check_permissions, permitted
from boxoffice.tickets import api as tickets
from boxoffice.tickets.counting import api as counting
from boxoffice.tickets.gates import api as gates
from boxoffice.tickets.parts import ticket_parts
from boxoffice.worker import run_background

if TYPE_CHECKING:
    from boxoffice.kit.traces.traces import Traces

API_PATH = "/api/v1"

_ROUTES = [
    *accounts.routes,
    *session_api.routes,
    *proof_api.routes,
    *factor_api.routes,
    *users_api.routes,
    *audit.routes,
    *catalog.routes,
    *seat_maps.routes,
    *channels.routes,
    *team.routes,
    *team_keys.routes,
    *event_life.routes,
    *series.routes,
    *images.routes,
    *inventory.routes,
    *booking.routes,
    *booking_cancellation.routes,
    *guests.routes,
    *sales.routes,
    *paper.routes,
    *personal_data.routes,
    *payments.routes,
    *cancellation_api.routes,
    *ledger_api.routes,
    *refund_api.routes,
    *dispute_api.routes,
    *payout_api.routes,
    *tickets.routes,
    *counting.routes,
    *gates.routes,
    *invoices.routes,
    *dues.routes,
]

# Beside the API: for operators, for browsers, for programs that look around.
_FOR_EVERYBODY = [
    get_live,
    get_ready,
    metrics.get_metrics,
    explain_problem,
    *accounts.well_known_routes,
    *account_pages.routes,
    *DOCS_ROUTES,
]

# Orchestrators and Prometheus come from few addresses, and as often as they have to; strangers do not.
_UNCOUNTED = ("/health/", "/metrics")

# So do payment providers, and what they say is signed.
_SIGNED = (f"{API_PATH}/payment-events/",)

# Each hashes a password, which takes a tenth of a second and more: nobody notices what they wait before.
_UNHURRIED = frozenset({f"{API_PATH}/auth/{name}" for name in ("login", "register", "reset-password")})


def create_app(settings: Settings, dsn: str, traces: "Traces | None" = None) -> Litestar:
    """Make the application around one database. Nothing is opened before its lifespan starts."""
    parts = Parts(settings, dsn, traces)
    of_accounts = accounts_parts(settings)
    identity_of = IdentityOf(of_accounts["tokens"])
    traffic = Traffic(parts.db, settings, identity_of.account, _UNCOUNTED, _SIGNED)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncGenerator[None]:
        ended_sessions = of_accounts["tokens"].ended
        async with parts.running(), traffic.running(), ended_sessions.followed(parts.db):
            background = asyncio.create_task(run_background(parts)) if settings.jobs_inside else None
            try:
                yield
            finally:
                if background is not None:
                    background.cancel()
                    await asyncio.wait([background])
                of_accounts["passwords"].close()

    given: dict[str, Any] = {
        "schema_version": latest_version(),
        **parts.dependencies(),
        **of_accounts,
        **ticket_parts(settings),
        "invitations": Invitations(settings.secret),
    }
    app = Litestar(
        route_handlers=[
            Router(path=API_PATH, route_handlers=_ROUTES, guards=[permitted]),
            *_FOR_EVERYBODY,
            *(sandbox_api.routes if parts.sandbox else []),
        ],
        dependencies={
            **{name: _given(part) for name, part in given.items()},
            "user": Provide(provide_identity, sync_to_thread=False),
        },
        # Guards have no dependencies injected, nor has a process that is told to stop; they look here.
        state=State(_looked_up(parts, of_accounts["tokens"])),
        dto=StrictBody,
        return_dto=None,
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=[lifespan],
        openapi_config=describe_api(),
        request_max_body_size=BODY_BYTES_MAX,
        # Ours follow RFC 9457 and are set above; Litestar's own logging would print each refusal.
        logging_config=None,
    )
    check_permissions(app, API_PATH)
    resolve_in_turn(app)
    allow_all_methods_of_a_path(app)
    # Around the router, not within it: an answer to an unknown path has its id and headers too.
    door = LeanDoor(app.asgi_handler, _lean_routes(parts), identity_of)
    lane = SlowLane(door, _UNHURRIED, of_accounts["passwords"], line_is_full())
    app.asgi_handler = EveryRequest(lane, settings, traffic, same_origin=(COOKIE_PATH,))
    if traces is not None:
        app.asgi_handler = traces.requests(app.asgi_handler, _UNCOUNTED)
    return app


def _lean_routes(parts: Parts) -> list[LeanRoute]:
    return [lean_hold(parts.db, parts.sales), *lean_payments(parts.desk, parts.sales, parts.providers)]


def _looked_up(parts: Parts, tokens: Tokens) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "db": parts.db,
        "availability": parts.availability,
        "rate_limits": RateLimits(parts.db, parts.settings.secret),
    }


def _given(part: Any) -> Provide:
    return Provide(lambda: part, sync_to_thread=False, use_cache=True)
