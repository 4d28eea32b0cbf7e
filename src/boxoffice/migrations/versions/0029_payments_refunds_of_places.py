"""Payments: a refund of single places remembers which they were."""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    # The places that were given back, and what they cost and bore; NULL for an amount or a whole booking.
    op.execute("ALTER TABLE refunds ADD COLUMN part json")
