"""Payments: what is only authorised is in the ledger, on accounts of its own."""

from alembic import op

revision = "0046"
down_revision = "0045"

# What is authorised by now. Its movement has the payment's id, like those from before the ledger.
RESERVE = """
    INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account, amount,
                                currency, at)
    SELECT payment.event_id, payment.id, entry.line, 'AUTHORISED', payment.id, payment.booking_id,
           entry.account, entry.sign * coalesce(returned.amount, payment.amount),
           coalesce(returned.currency, payment.currency), payment.changed_at
      FROM payments AS payment
      LEFT JOIN refunds AS returned ON returned.event_id = payment.event_id AND returned.id = payment.id,
           (VALUES (0, 'RESERVED', 1), (1, 'PROMISED', -1)) AS entry (line, account, sign)
     WHERE payment.state IN ('CAPTURE_DUE', 'REFUND_DUE') AND payment.captured = 0
       AND NOT EXISTS (SELECT FROM ledger_entries AS known
                        WHERE known.event_id = payment.event_id AND known.cause_id = payment.id
                          AND known.kind = 'AUTHORISED' AND known.line = 0)
    """


def upgrade() -> None:
    op.execute("""
    ALTER TABLE ledger_entries
        DROP CONSTRAINT a_movement_is_of_a_kind_we_know,
        ADD CONSTRAINT a_movement_is_of_a_kind_we_know
            CHECK (kind IN ('AUTHORISED', 'AUTHORISATION_OVER', 'CAPTURED', 'REFUND_DUE', 'REFUNDED',
                            'REFUND_FAILED', 'REFUND_SETTLED', 'DISPUTED', 'DISPUTE_WON', 'DISPUTE_LOST',
                            'PAYOUT_DUE')),
        DROP CONSTRAINT an_entry_is_on_an_account_we_know,
        ADD CONSTRAINT an_entry_is_on_an_account_we_know
            CHECK (account IN ('RESERVED', 'PROMISED', 'PROVIDER', 'ORGANIZER', 'FEES', 'TAXES', 'BUYER',
                               'DISPUTED', 'PAYOUT')),
        ADD CONSTRAINT what_is_only_authorised_mixes_with_nothing
            CHECK ((kind IN ('AUTHORISED', 'AUTHORISATION_OVER')) = (account IN ('RESERVED', 'PROMISED')))
    """)
    # What a process of the version before takes or lets go afterwards, `boxoffice ledger verify` names.
    op.execute(RESERVE)
