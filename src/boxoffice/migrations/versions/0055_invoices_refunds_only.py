"""Invoices: the index of refunds has credit notes only, for an invoice is of no refund."""

from alembic import op

revision = "0055"
down_revision = "0054"


def upgrade() -> None:
    op.execute("ALTER TABLE invoices DROP CONSTRAINT a_refund_has_at_most_one_credit_note")
    op.execute(
        """
        CREATE UNIQUE INDEX a_refund_has_at_most_one_credit_note ON invoices (event_id, refund_id)
            WHERE refund_id IS NOT NULL
        """
    )
