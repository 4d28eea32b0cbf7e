"""Payments: what a provider says of refunds: that one has failed, or was made there by hand."""

from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    # A refund that has failed is DUE again, under a new `attempt_id` (that of the first is the refund's own),
    # or FAILED when trying is in vain. `settled_by` has given it back without the provider.
    op.execute("""
    ALTER TABLE refunds
        ADD COLUMN attempt_id uuid,
        ADD COLUMN failure    text,
        ADD COLUMN failed_at  timestamptz,
        ADD COLUMN settled_by text,
        DROP CONSTRAINT a_refund_is_due_or_done,
        ADD CONSTRAINT a_refund_is_due_done_or_failed
            CHECK ((state IN ('DUE', 'FAILED') AND done_at IS NULL)
                   OR (state = 'DONE' AND done_at IS NOT NULL)),
        ADD CONSTRAINT a_failed_refund_says_why
            CHECK (state <> 'FAILED' OR num_nonnulls(failure, failed_at) = 2),
        ADD CONSTRAINT only_a_refund_that_is_done_was_settled_by_somebody
            CHECK (settled_by IS NULL OR (state = 'DONE' AND settled_by IN ('ORGANIZER', 'HOUSE')))
    """)
    op.execute("CREATE INDEX refunds_that_failed ON refunds (event_id) WHERE state = 'FAILED'")
    # A provider's refunds that are not simply ours: made by hand there, or failed. `refund_id` is the refund
    # that it belongs to, NULL where it gave back only what was owed anyway; `attempt_id` is the attempt whose
    # movement a failure has undone, NULL where none was booked.
    op.execute("""
    CREATE TABLE provider_refunds (
        event_id   bigint NOT NULL,
        reference  text NOT NULL,
        payment_id uuid NOT NULL,
        refund_id  uuid,
        attempt_id uuid,
        amount     bigint NOT NULL,
        failure    text,
        noted_at   timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_provider_refund_counts_once PRIMARY KEY (event_id, reference),
        CONSTRAINT a_provider_refund_is_of_a_payment
            FOREIGN KEY (event_id, payment_id) REFERENCES payments (event_id, id),
        CONSTRAINT a_provider_refund_is_of_something CHECK (amount > 0),
        CONSTRAINT only_a_failure_undoes_an_attempt CHECK (attempt_id IS NULL OR failure IS NOT NULL)
    )
    """)
    op.execute("CREATE INDEX provider_refunds_of_a_refund ON provider_refunds (event_id, refund_id)")
    op.execute("CREATE INDEX provider_refunds_by_reference ON provider_refunds (reference)")
    op.execute("""
    ALTER TABLE ledger_entries
        DROP CONSTRAINT a_movement_is_of_a_kind_we_know,
        ADD CONSTRAINT a_movement_is_of_a_kind_we_know
            CHECK (kind IN ('CAPTURED', 'REFUND_DUE', 'REFUNDED', 'REFUND_FAILED', 'REFUND_SETTLED',
                            'DISPUTED', 'DISPUTE_WON', 'DISPUTE_LOST', 'PAYOUT_DUE'))
    """)
