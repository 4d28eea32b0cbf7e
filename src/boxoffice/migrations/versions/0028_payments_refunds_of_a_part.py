"""Payments: the sandbox gives parts of a payment back."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE sandbox_refunds (
        refund_id  uuid PRIMARY KEY,
        payment_id uuid NOT NULL REFERENCES sandbox_checkouts (payment_id),
        amount     bigint NOT NULL,
        CONSTRAINT the_sandbox_gives_something_back CHECK (amount > 0)
    )
    """)
    op.execute("CREATE INDEX sandbox_refunds_of_a_checkout ON sandbox_refunds (payment_id)")
    op.execute("""
    INSERT INTO sandbox_refunds (refund_id, payment_id, amount)
    SELECT payment_id, payment_id, amount FROM sandbox_checkouts WHERE state = 'REFUNDED'
    """)
