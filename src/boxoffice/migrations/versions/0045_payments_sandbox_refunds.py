"""Payments: refunds at the sandbox can fail, and are listed."""

from alembic import op

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    # `refund_id` is the attempt's, `ours` the refund that it was asked for; `failure` is why it came back.
    op.execute("""
    ALTER TABLE sandbox_refunds
        ADD COLUMN ours         uuid,
        ADD COLUMN failure      text,
        ADD COLUMN made_at      timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN delivered_at timestamptz
    """)
    op.execute("UPDATE sandbox_refunds SET ours = refund_id")
