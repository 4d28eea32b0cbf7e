"""Invoices: a booking may have several credit notes, one for each refund."""

from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    # `nth` counts the credit notes of a booking; `refund_id` is that of an amount, which is in no journal.
    op.execute("""
    ALTER TABLE invoices
        ADD COLUMN nth       smallint NOT NULL DEFAULT 1,
        ADD COLUMN refund_id uuid,
        DROP CONSTRAINT a_booking_has_at_most_one_document_of_a_kind,
        ADD CONSTRAINT a_booking_has_at_most_one_document_of_a_kind_and_number
            PRIMARY KEY (event_id, booking_id, kind, nth),
        ADD CONSTRAINT a_refund_has_at_most_one_credit_note UNIQUE (event_id, refund_id),
        ADD CONSTRAINT a_booking_has_one_invoice CHECK (kind = 'CREDIT_NOTE' OR nth = 1)
    """)
    # Amounts that were given back, for whoever looks for those without a credit note; there are few.
    op.execute(
        "CREATE INDEX refunds_of_amounts ON refunds (event_id, id) WHERE worth = 0 AND id <> payment_id"
    )
