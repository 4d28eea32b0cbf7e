"""Payments: differences that somebody has dealt with, and how often a refund was refused."""

from alembic import op

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    # With these amounts: once they are others, it is another difference.
    op.execute("""
    CREATE TABLE differences_done (
        id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        provider  text NOT NULL,
        what      text NOT NULL,
        reference text NOT NULL,
        ours      bigint NOT NULL,
        theirs    bigint NOT NULL,
        note      text NOT NULL,
        done_at   timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_difference_is_done_once UNIQUE (provider, what, reference, ours, theirs)
    )
    """)
    op.execute("""
    CREATE TRIGGER every_change_is_audited AFTER INSERT OR DELETE OR UPDATE ON differences_done
        FOR EACH ROW EXECUTE FUNCTION write_audit_log('')
    """)
    # What a person has to look at: of our payments, of money that is not of this house, and of refunds.
    op.execute("""
    CREATE VIEW waiting_differences AS
    SELECT provider, what, reference, payment_id, ours, theirs, currency, noted_at
      FROM (SELECT provider, what, reference, payment_id, ours, theirs, currency, noted_at
              FROM book_differences
             UNION ALL
            SELECT provider, what, reference, NULL, 0, amount, currency, noted_at
              FROM foreign_money) AS found
     WHERE NOT EXISTS (SELECT FROM differences_done AS done
                        WHERE done.provider = found.provider AND done.what = found.what
                          AND done.reference = found.reference AND done.ours = found.ours
                          AND done.theirs = found.theirs)
     UNION ALL
    SELECT payment.provider, 'REFUND THAT FAILED', coalesce(payment.reference, ''), payment.id,
           refund.amount, 0, refund.currency, refund.failed_at
      FROM refunds AS refund
      JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
     WHERE refund.state = 'FAILED'
    """)
    # `failures` counts all tries in vain, those while the provider was away among them.
    op.execute("ALTER TABLE refunds ADD COLUMN refusals integer NOT NULL DEFAULT 0")
    op.execute("UPDATE refunds SET refusals = failures WHERE state = 'DUE'")
    # Whoever looks for one knows its event by now.
    op.execute("DROP INDEX provider_refunds_by_reference")
