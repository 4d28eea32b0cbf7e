"""Payments: a refund keeps what goes back at which rate of tax, for the ledger and its credit note."""

from alembic import op

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    # A list of rate and what goes back at it. NULL: from before, or by a process of the version before.
    op.execute("ALTER TABLE refunds ADD COLUMN tax_shares json")
