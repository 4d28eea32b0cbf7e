"""Payments: what the house has paid to organizers, and what came back from the bank.

No movement is read, so the ledger is taken for some milliseconds, however long it is.
"""

from alembic import op

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    _make_payouts()
    _show_dues()
    _add_account()


def _make_payouts() -> None:
    op.execute("""
    CREATE TABLE payouts (
        id           uuid PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users,
        currency     text NOT NULL,
        amount       bigint NOT NULL,
        paid_on      date NOT NULL,
        reference    text NOT NULL,
        noted_at     timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_payout_is_of_something CHECK (amount > 0)
    )
    """)
    op.execute("CREATE INDEX payouts_of_an_organizer ON payouts (organizer_id, id)")
    # By the id of its payout, so it comes back once. The organizer is there for the audit log.
    op.execute("""
    CREATE TABLE payout_returns (
        id           uuid NOT NULL REFERENCES payouts,
        organizer_id bigint NOT NULL,
        returned_on  date NOT NULL,
        reason       text NOT NULL,
        noted_at     timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_payout_comes_back_once PRIMARY KEY (id)
    )
    """)
    for table in ("payouts", "payout_returns"):
        op.execute(f"""
        CREATE TRIGGER every_change_is_audited AFTER INSERT OR UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION write_audit_log('')
        """)
        # A mistake is corrected by a payout that came back.
        op.execute(f"""
        CREATE TRIGGER a_payout_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger()
        """)


def _show_dues() -> None:
    # What is due of each event, above 0 to its organizer and below 0 from them, and since when it is not 0.
    # Nothing is due before an event has begun, that moment stays once it is published, and ids begin with the
    # time they were made: so of each event only the last movements are read, by the primary key. An index for
    # them would cost each sale a microsecond.
    op.execute("""
    CREATE VIEW dues AS
    SELECT event.organizer_id, event.id AS event_id, due.currency, due.amount, due.since
      FROM events AS event,
           LATERAL (
               SELECT currency, -sum(payout)::bigint AS amount,
                      coalesce(min(at) FILTER (WHERE at > cleared_at OR cleared_at IS NULL), max(at)) AS since
                 FROM (SELECT currency, payout, at,
                              max(at) FILTER (WHERE balance = 0) OVER (PARTITION BY currency) AS cleared_at
                         FROM (SELECT currency, payout, at,
                                      sum(payout) OVER (PARTITION BY currency ORDER BY movement_id) AS balance
                                 FROM ledger_movements
                                WHERE event_id = event.id AND payout <> 0
                                  AND movement_id >= (lpad(to_hex((extract(epoch FROM event.starts_at)
                                                                   * 1000)::bigint), 12, '0')
                                                      || '00000000000000000000')::uuid) AS entry) AS entry
                GROUP BY currency
               HAVING sum(payout) <> 0) AS due
    """)


def _add_account() -> None:
    # Programs from before leave the account at 0, which PostgreSQL fills in. NOT VALID: no row is read. Those
    # that are there have 0 on it and keep to all of this, as the constraints of the same names have seen to.
    op.execute("""
    ALTER TABLE ledger_movements
        ADD COLUMN house_bank bigint NOT NULL DEFAULT 0,
        DROP CONSTRAINT a_movement_is_of_a_kind_we_know,
        ADD CONSTRAINT a_movement_is_of_a_kind_we_know
            CHECK (kind IN ('AUTHORISED', 'AUTHORISATION_OVER', 'CAPTURED', 'REFUND_DUE', 'REFUNDED',
                            'REFUND_FAILED', 'REFUND_SETTLED', 'DISPUTED', 'DISPUTE_WON', 'DISPUTE_LOST',
                            'PAYOUT_DUE', 'PAID_OUT', 'PAYOUT_RETURNED')) NOT VALID,
        DROP CONSTRAINT a_movement_adds_up_to_zero,
        ADD CONSTRAINT a_movement_adds_up_to_zero
            CHECK (provider + organizer + fees + taxes + buyer + disputed + payout + house_bank = 0
                   AND reserved + promised = 0) NOT VALID,
        ADD CONSTRAINT only_payouts_are_paid_by_the_house
            CHECK (house_bank = 0 OR (kind IN ('PAID_OUT', 'PAYOUT_RETURNED') AND payout = -house_bank))
            NOT VALID
    """)
    op.execute("""
    CREATE OR REPLACE VIEW ledger_entries AS
    SELECT event_id, movement_id, entry.line, kind, cause_id, booking_id, entry.account, entry.amount,
           currency, at
      FROM ledger_movements,
           LATERAL (VALUES (0, 'PROVIDER', provider), (1, 'ORGANIZER', organizer), (2, 'FEES', fees),
                           (3, 'TAXES', taxes), (4, 'BUYER', buyer), (5, 'DISPUTED', disputed),
                           (6, 'PAYOUT', payout), (7, 'RESERVED', reserved), (8, 'PROMISED', promised),
                           (9, 'HOUSE_BANK', house_bank))
             AS entry (line, account, amount)
     WHERE entry.amount <> 0
    """)
