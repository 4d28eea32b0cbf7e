"""What a process of Boxoffice is made of: the same for the web application and for the worker."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from boxoffice.catalog.images.encoder import Encoder
from boxoffice.inventory.answers.keeping import keep_answers
from boxoffice.inventory.availability.live import LiveAvailability
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.calling_off import count_called_off
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.premises import Premises
from boxoffice.kit import metrics
from boxoffice.kit.drawing import Drawing
from boxoffice.kit.files import Files
from boxoffice.kit.gathering import Gathering
from boxoffice.kit.mail import open_post
from boxoffice.kit.outbound import Outbound
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.settings import Settings
from boxoffice.payments.desk import Desk
from boxoffice.payments.facts import record_decided
from boxoffice.payments.provider import Providers
from boxoffice.payments.refunds.owing import know_payments, owe_refunds
from boxoffice.payments.sandbox.provider import Sandbox
from boxoffice.tickets.issue import issue_tickets, know_tickets

if TYPE_CHECKING:
    from boxoffice.kit.traces.traces import Traces
    from boxoffice.payments.stripe.provider import Stripe


class Parts:
    """The database, the group commit with everything that is written along with a decision, providers.

    With `traces`, theirs to close, they are of other kinds: the plain ones never ask whether to trace.
    """

    def __init__(self, settings: Settings, dsn: str, traces: "Traces | None" = None) -> None:
        self.settings = settings
        self.dsn = dsn
        self.traces = traces
        database = Database if traces is None else traces.database
        self.db = database(dsn, connections_max=settings.database_connections)
        self.outbound = Outbound() if traces is None else traces.outbound()
        self.post = open_post(settings)
        group_commit = GroupCommit if traces is None else _traced_sales(traces)
        self.sales = group_commit(
            self.db,
            [_issue_or_void_tickets, record_decided, owe_refunds, count_called_off, keep_answers],
            Premises(know_tickets, know_payments),
        )
        self.files = Files(settings.files_address)
        self.encoder = Encoder()
        self.drawing = Drawing()
        self.availability = LiveAvailability(self.db, self.sales)
        self.desk = Desk(self.db, Gathering if traces is None else traces.gathering)
        self.sandbox = Sandbox(self.db, self.outbound, settings) if settings.sandbox_enabled else None
        self.stripe = _stripe(settings, traces) if settings.stripe_secret_key else None
        # The first is the one that is used when a buyer names none: real money comes before the sandbox.
        self.providers = Providers(*[each for each in (self.stripe, self.sandbox) if each is not None])
        for provider in self.providers:
            metrics.count_from_zero(provider.name)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Open what has to be opened; close it when the block ends, batches in flight first."""
        await self.db.open()
        try:
            async with self.sales.running(), self.availability.running():
                yield
        finally:
            self.drawing.close()
            await self.outbound.close()
            if self.stripe is not None:
                await self.stripe.close()
            await self.db.close()
            if self.traces is not None:
                await self.traces.close()

    def dependencies(self) -> dict[str, Any]:
        """The parts that handlers ask for, by name."""
        return {
            "db": self.db,
            "settings": self.settings,
            "sales": self.sales,
            "desk": self.desk,
            "availability": self.availability,
            "providers": self.providers,
            "sandbox": self.sandbox,
            "files": self.files,
            "encoder": self.encoder,
            "drawing": self.drawing,
        }


def _stripe(settings: Settings, traces: "Traces | None") -> "Stripe":
    # The SDK takes a quarter of a second and 15 MB to import: only for those who have it.
    from boxoffice.payments.stripe.provider import Stripe  # noqa: PLC0415

    if traces is None:
        return Stripe(settings)
    from boxoffice.payments.stripe.traced import TracedClient  # noqa: PLC0415

    return Stripe(settings, partial(TracedClient, traces.calls))


def _traced_sales(traces: "Traces") -> Callable[..., GroupCommit]:
    # It imports OpenTelemetry, which may not be installed.
    from boxoffice.inventory.traced_sales import TracedGroupCommit  # noqa: PLC0415

    return partial(TracedGroupCommit, traces.shared_work())


async def _issue_or_void_tickets(tx: Transaction, decided: Decided) -> None:
    await issue_tickets(tx, decided.event_id, decided.changes)
