"""Payments: what buyers were asked for, what providers reported, what goes back."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # `reference` is the provider's own id, `ask_at` when the provider is asked next what became of it.
    op.execute("""
    CREATE TABLE payments (
        event_id     bigint NOT NULL,
        id           uuid NOT NULL,
        booking_id   uuid NOT NULL,
        provider     text NOT NULL,
        amount       bigint NOT NULL,
        currency     text NOT NULL,
        state        text NOT NULL DEFAULT 'PENDING',
        checkout_url text,
        reference    text,
        ask_at       timestamptz,
        created_at   timestamptz NOT NULL DEFAULT now(),
        changed_at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_payment_is_for_a_booking
            FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
        CONSTRAINT a_payment_is_open_cancelled_captured_or_given_back
            CHECK (state IN ('PENDING', 'DECLINED', 'CANCELLED', 'CAPTURE_DUE', 'CAPTURED',
                             'REFUND_DUE', 'REFUNDED')),
        CONSTRAINT a_payment_has_an_address_or_a_reference
            CHECK (num_nonnulls(checkout_url, reference) > 0),
        CONSTRAINT only_a_payment_with_a_reference_is_asked_about
            CHECK (ask_at IS NULL OR reference IS NOT NULL),
        CONSTRAINT a_payment_is_of_something CHECK (amount > 0)
    ) WITH (fillfactor = 85)
    """)
    op.execute("CREATE INDEX payments_of_a_booking ON payments (event_id, booking_id)")
    # Those whose provider has to be asked: the open ones.
    op.execute("CREATE INDEX payments_to_ask_about ON payments (ask_at) WHERE ask_at IS NOT NULL")
    op.execute("""
    CREATE TABLE payment_events (
        event_id          bigint NOT NULL,
        provider          text NOT NULL,
        provider_event_id text NOT NULL,
        payment_id        uuid NOT NULL,
        kind              text NOT NULL,
        received_at       timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_provider_event_counts_once PRIMARY KEY (event_id, provider, provider_event_id)
    )
    """)
    op.execute("""
    CREATE TABLE refunds (
        event_id   bigint NOT NULL,
        payment_id uuid NOT NULL,
        amount     bigint NOT NULL,
        currency   text NOT NULL,
        reason     text NOT NULL,
        state      text NOT NULL DEFAULT 'DUE',
        created_at timestamptz NOT NULL DEFAULT now(),
        done_at    timestamptz,
        CONSTRAINT a_payment_is_refunded_once PRIMARY KEY (event_id, payment_id),
        CONSTRAINT a_refund_is_of_a_payment
            FOREIGN KEY (event_id, payment_id) REFERENCES payments (event_id, id),
        CONSTRAINT a_refund_is_due_or_done
            CHECK ((state = 'DUE' AND done_at IS NULL) OR (state = 'DONE' AND done_at IS NOT NULL)),
        CONSTRAINT a_refund_is_of_something CHECK (amount > 0)
    )
    """)
    # The sandbox plays a foreign provider: it has books of its own and knows nothing of ours.
    op.execute("""
    CREATE TABLE sandbox_checkouts (
        payment_id   uuid PRIMARY KEY,
        amount       bigint NOT NULL,
        state        text NOT NULL DEFAULT 'OPEN',
        charge       uuid,
        delivered_at timestamptz,
        CONSTRAINT a_checkout_is_open_declined_paid_or_refunded
            CHECK (state IN ('OPEN', 'DECLINED', 'PAID', 'REFUNDED')),
        CONSTRAINT only_what_was_paid_has_a_charge
            CHECK ((charge IS NOT NULL) = (state IN ('PAID', 'REFUNDED')))
    )
    """)
