"""Payments: the sandbox's books have what a provider's have, and it is asked and compared like any other."""

from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    # `amount` and `currency` are what was asked for, and once it is paid what was paid. The money is there
    # from `paid_at` on, which is to come when somebody pays late.
    op.execute("""
    ALTER TABLE sandbox_checkouts
        ADD COLUMN booking_id uuid,
        ADD COLUMN currency text NOT NULL DEFAULT 'EUR',
        ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN paid_at timestamptz,
        DROP CONSTRAINT a_checkout_is_open_declined_paid_or_refunded,
        DROP CONSTRAINT only_what_was_paid_has_a_charge,
        ADD CONSTRAINT a_checkout_is_open_declined_authorised_paid_refunded_or_closed
            CHECK (state IN ('OPEN', 'DECLINED', 'AUTHORISED', 'PAID', 'REFUNDED', 'CLOSED')),
        ADD CONSTRAINT only_what_was_paid_has_a_charge
            CHECK (state = 'CLOSED' OR (charge IS NOT NULL) = (state IN ('AUTHORISED', 'PAID', 'REFUNDED')))
    """)
    op.execute("""
    UPDATE sandbox_checkouts AS checkout
       SET booking_id = payment.booking_id, currency = payment.currency, paid_at = now()
      FROM payments AS payment
     WHERE payment.id = checkout.payment_id
    """)
    op.execute("ALTER TABLE sandbox_checkouts ALTER COLUMN currency DROP DEFAULT")
    # What the sandbox calls them: disputes and comparisons find a payment by that.
    op.execute("""
    UPDATE payments SET reference = 'sandbox-' || id WHERE provider = 'sandbox' AND reference IS NULL
    """)
    op.execute("""
    CREATE TABLE sandbox_disputes (
        id           uuid PRIMARY KEY,
        payment_id   uuid NOT NULL REFERENCES sandbox_checkouts (payment_id),
        amount       bigint NOT NULL,
        state        text NOT NULL DEFAULT 'OPEN',
        delivered_at timestamptz,
        CONSTRAINT the_sandbox_disputes_something CHECK (amount > 0),
        CONSTRAINT a_dispute_at_the_sandbox_is_open_won_or_lost CHECK (state IN ('OPEN', 'WON', 'LOST'))
    )
    """)
    op.execute("CREATE INDEX sandbox_disputes_of_a_checkout ON sandbox_disputes (payment_id)")
