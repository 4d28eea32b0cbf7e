"""Payments: the ledger, refunds of a part, disputes.

Every movement of money is some entries that add up to zero in each currency.
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    _change_payments()
    _change_refunds()
    op.execute("""
    CREATE TABLE disputes (
        event_id   bigint NOT NULL,
        id         uuid NOT NULL,
        payment_id uuid NOT NULL,
        reference  text NOT NULL,
        amount     bigint NOT NULL,
        currency   text NOT NULL,
        reason     text NOT NULL,
        state      text NOT NULL DEFAULT 'OPEN',
        opened_at  timestamptz NOT NULL DEFAULT now(),
        closed_at  timestamptz,
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_provider_disputes_once UNIQUE (event_id, payment_id, reference),
        CONSTRAINT a_dispute_is_of_a_payment
            FOREIGN KEY (event_id, payment_id) REFERENCES payments (event_id, id),
        CONSTRAINT a_dispute_is_open_won_or_lost
            CHECK ((state = 'OPEN' AND closed_at IS NULL)
                   OR (state IN ('WON', 'LOST') AND closed_at IS NOT NULL)),
        CONSTRAINT a_dispute_is_of_something CHECK (amount > 0)
    )
    """)
    _make_ledger()
    _open_ledger()


def _change_payments() -> None:
    # `captured` came, `refunded` is owed back or has gone back; what was only authorised is neither.
    op.execute("""
    ALTER TABLE payments
        ADD COLUMN captured      bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded      bigint NOT NULL DEFAULT 0,
        ADD CONSTRAINT a_refund_is_never_more_than_was_captured CHECK (refunded BETWEEN 0 AND captured)
    """)
    op.execute("""
    UPDATE payments AS payment
       SET captured = amount, refunded = CASE state WHEN 'REFUND_DUE' THEN amount ELSE 0 END
     WHERE state = 'CAPTURED'
        OR (state = 'REFUND_DUE'
            AND EXISTS (SELECT FROM payment_events AS report
                         WHERE report.event_id = payment.event_id AND report.payment_id = payment.id
                           AND report.kind = 'CAPTURED'))
    """)
    # A provider names its own id of a payment when it reports a dispute; the sandbox's have none.
    op.execute("""
    CREATE INDEX payments_by_reference ON payments (provider, reference) WHERE reference IS NOT NULL
    """)


def _change_refunds() -> None:
    # Money that came for nothing goes back under the payment's own id: once, and in full.
    # `worth` is what the places that were given up had cost; `fees` and `taxes` are parts of the amount.
    op.execute("""
    ALTER TABLE refunds
        ADD COLUMN id        uuid,
        ADD COLUMN fees      bigint NOT NULL DEFAULT 0,
        ADD COLUMN taxes     bigint NOT NULL DEFAULT 0,
        ADD COLUMN worth     bigint NOT NULL DEFAULT 0,
        ADD COLUMN reference text,
        DROP CONSTRAINT a_payment_is_refunded_once
    """)
    op.execute("UPDATE refunds SET id = payment_id")
    op.execute("""
    ALTER TABLE refunds
        ALTER COLUMN id SET NOT NULL,
        ADD CONSTRAINT a_refund_is_made_once PRIMARY KEY (event_id, id),
        ADD CONSTRAINT what_places_had_cost_is_not_negative CHECK (worth >= 0)
    """)
    op.execute("CREATE INDEX refunds_of_a_payment ON refunds (event_id, payment_id)")


def _make_ledger() -> None:
    # A movement is the entries of one `movement_id`, written by one statement; its first has line 0.
    # Ids begin with the time they were made, so a movement's place in the order is its id.
    op.execute("""
    CREATE TABLE ledger_entries (
        event_id    bigint NOT NULL,
        movement_id uuid NOT NULL,
        line        smallint NOT NULL,
        kind        text NOT NULL,
        cause_id    uuid NOT NULL,
        booking_id  uuid,
        account     text NOT NULL,
        amount      bigint NOT NULL,
        currency    text NOT NULL,
        at          timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, movement_id, line),
        CONSTRAINT a_movement_is_of_a_kind_we_know
            CHECK (kind IN ('CAPTURED', 'REFUND_DUE', 'REFUNDED', 'DISPUTED', 'DISPUTE_WON',
                            'DISPUTE_LOST', 'PAYOUT_DUE')),
        CONSTRAINT an_entry_is_on_an_account_we_know
            CHECK (account IN ('PROVIDER', 'ORGANIZER', 'FEES', 'TAXES', 'BUYER', 'DISPUTED', 'PAYOUT')),
        CONSTRAINT an_entry_is_of_something CHECK (amount <> 0)
    )
    """)
    op.execute("""
    CREATE UNIQUE INDEX a_cause_moves_money_once ON ledger_entries (event_id, cause_id, kind) WHERE line = 0
    """)
    op.execute("""
    CREATE FUNCTION refuse_movement_out_of_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM ledger_entries
                    WHERE event_id = NEW.event_id AND movement_id = NEW.movement_id
                    GROUP BY currency
                   HAVING sum(amount) <> 0) THEN
            RAISE EXCEPTION 'movement % does not balance', NEW.movement_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'a_movement_adds_up_to_zero';
        END IF;
        RETURN NULL;
    END
    $$
    """)
    op.execute("""
    CREATE CONSTRAINT TRIGGER a_movement_adds_up_to_zero AFTER INSERT ON ledger_entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_movement_out_of_balance()
    """)
    op.execute("""
    CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the ledger is only ever added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'an_entry_never_changes';
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER an_entry_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger()
    """)


def _open_ledger() -> None:
    # What there was before the ledger: captured money that is still here, each under its payment's id.
    op.execute("""
    WITH opening AS (
        SELECT payment.event_id, payment.id, payment.booking_id, payment.state, payment.captured,
               payment.currency, payment.changed_at,
               coalesce((SELECT sum(part::bigint)
                           FROM json_array_elements(booking.levies -> 'fees') AS fee,
                                json_array_elements_text(fee -> 'amounts') AS part), 0)::bigint AS fees,
               coalesce((SELECT sum(part::bigint)
                           FROM json_array_elements(booking.levies -> 'taxes') AS tax,
                                json_array_elements_text(tax -> 'amounts') AS part), 0)::bigint AS taxes
          FROM payments AS payment
          JOIN bookings AS booking ON booking.event_id = payment.event_id AND booking.id = payment.booking_id
         WHERE payment.captured > 0
    )
    INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account, amount,
                                currency, at)
    SELECT opening.event_id, opening.id, entry.line, 'CAPTURED', opening.id, opening.booking_id,
           entry.account, entry.amount, opening.currency, opening.changed_at
      FROM opening,
           LATERAL (VALUES
               (0, 'PROVIDER', captured),
               (1, 'ORGANIZER', CASE state WHEN 'CAPTURED' THEN fees + taxes - captured ELSE 0 END),
               (2, 'FEES', CASE state WHEN 'CAPTURED' THEN -fees ELSE 0 END),
               (3, 'TAXES', CASE state WHEN 'CAPTURED' THEN -taxes ELSE 0 END),
               (4, 'BUYER', CASE state WHEN 'CAPTURED' THEN 0 ELSE -captured END)
           ) AS entry (line, account, amount)
     WHERE entry.amount <> 0
    """)
