"""Inventory: PostgreSQL expects a thousand rows of an event that its statistics do not know yet.

An event that goes on sale is in no statistics, so the planner believed that it had one row, and read all
payments of the event for each batch of them (200 a sale after 4,000, and more with each). The next ANALYZE of
a large table may be days away. A thousand is what a usual event has, and much more than any statement names.
"""

from alembic import op

revision = "0057"
down_revision = "0056"

# All that has rows for each booking of an event.
TABLES = (
    "answers",
    "bookings",
    "claims",
    "disputes",
    "invoices",
    "journal",
    "ledger_movements",
    "payment_events",
    "payments",
    "promo_uses",
    "provider_refunds",
    "refunds",
    "tickets",
)


def upgrade() -> None:
    for table in TABLES:
        # One distinct event for each thousand rows; and at most one event that is known to have more.
        op.execute(f"ALTER TABLE {table} ALTER COLUMN event_id SET (n_distinct = -0.001)")
        op.execute(f"ALTER TABLE {table} ALTER COLUMN event_id SET STATISTICS 1")
