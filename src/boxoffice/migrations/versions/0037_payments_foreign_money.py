"""Payments: money at a provider's account that is not of this house."""

from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    # `reference` is the provider's own id of the payment or dispute.
    op.execute("""
    CREATE TABLE foreign_money (
        provider  text NOT NULL,
        what      text NOT NULL,
        reference text NOT NULL,
        amount    bigint NOT NULL,
        currency  text NOT NULL,
        noted_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT foreign_money_is_noted_once PRIMARY KEY (provider, what, reference),
        CONSTRAINT foreign_money_is_of_a_payment_or_a_dispute CHECK (what IN ('PAYMENT', 'DISPUTE'))
    )
    """)
