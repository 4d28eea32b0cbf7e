"""Payments: what of a refund the buyer's bank has given back already."""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    # `by_bank` is the part of a refund that the provider was not asked for: the bank took it, by a dispute.
    op.execute("""
    ALTER TABLE refunds
        ADD COLUMN by_bank bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT a_bank_gives_back_no_more_than_is_owed CHECK (by_bank BETWEEN 0 AND amount)
    """)
