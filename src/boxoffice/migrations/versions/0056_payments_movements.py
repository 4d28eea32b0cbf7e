"""Payments: a movement is one row with a column for each account, so a sale writes one and not up to four."""

from alembic import op

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    # Who writes an entry from here on waits, and finds that it is too late: none is left behind.
    op.execute("LOCK TABLE ledger_entries IN ACCESS EXCLUSIVE MODE")
    _refuse_what_would_be_lost()
    op.execute("DROP INDEX a_cause_moves_money_once")
    _make_movements()
    _carry_over()
    op.execute("DROP TABLE ledger_entries")
    op.execute("DROP FUNCTION refuse_entries_out_of_balance()")
    _show_entries()
    op.execute("UPDATE oldest_program SET version = '0056'")


def _refuse_what_would_be_lost() -> None:
    # A row has one cause and one currency, and both of its sides add up to zero. PostgreSQL has refused all
    # else when it was written; whoever has changed it since should hear of it in words.
    op.execute("""
    DO $$
    DECLARE
        movement uuid;
    BEGIN
        SELECT movement_id
          INTO movement
          FROM (SELECT event_id, movement_id, sum(amount) AS total,
                       coalesce(sum(amount) FILTER (WHERE account IN ('RESERVED', 'PROMISED')), 0) AS held
                  FROM ledger_entries
                 GROUP BY event_id, movement_id, kind, cause_id, booking_id, currency, at) AS part
         GROUP BY event_id, movement_id
        HAVING count(*) > 1 OR bool_or(total <> 0 OR held <> 0)
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'movement % of the ledger does not add up to zero, or is of two currencies: '
                            'nothing is changed, and `boxoffice ledger verify` says more', movement
                USING ERRCODE = 'check_violation', CONSTRAINT = 'a_movement_adds_up_to_zero';
        END IF;
    END
    $$
    """)


def _make_movements() -> None:
    # Ids begin with the time they were made, so a movement's place in the order is its id.
    op.execute("""
    CREATE TABLE ledger_movements (
        event_id    bigint NOT NULL,
        movement_id uuid NOT NULL,
        at          timestamptz NOT NULL DEFAULT now(),
        cause_id    uuid NOT NULL,
        booking_id  uuid,
        kind        text NOT NULL,
        currency    text NOT NULL,
        provider    bigint NOT NULL DEFAULT 0,
        organizer   bigint NOT NULL DEFAULT 0,
        fees        bigint NOT NULL DEFAULT 0,
        taxes       bigint NOT NULL DEFAULT 0,
        buyer       bigint NOT NULL DEFAULT 0,
        disputed    bigint NOT NULL DEFAULT 0,
        payout      bigint NOT NULL DEFAULT 0,
        reserved    bigint NOT NULL DEFAULT 0,
        promised    bigint NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, movement_id),
        CONSTRAINT a_cause_moves_money_once UNIQUE (event_id, cause_id, kind),
        CONSTRAINT a_movement_is_of_a_kind_we_know
            CHECK (kind IN ('AUTHORISED', 'AUTHORISATION_OVER', 'CAPTURED', 'REFUND_DUE', 'REFUNDED',
                            'REFUND_FAILED', 'REFUND_SETTLED', 'DISPUTED', 'DISPUTE_WON', 'DISPUTE_LOST',
                            'PAYOUT_DUE')),
        CONSTRAINT a_movement_is_of_something
            CHECK ((provider, organizer, fees, taxes, buyer, disputed, payout, reserved, promised)
                   <> (0, 0, 0, 0, 0, 0, 0, 0, 0)),
        CONSTRAINT a_movement_adds_up_to_zero
            CHECK (provider + organizer + fees + taxes + buyer + disputed + payout = 0
                   AND reserved + promised = 0),
        CONSTRAINT what_is_only_authorised_mixes_with_nothing
            CHECK (CASE WHEN kind IN ('AUTHORISED', 'AUTHORISATION_OVER')
                        THEN (provider, organizer, fees, taxes, buyer, disputed, payout)
                             = (0, 0, 0, 0, 0, 0, 0)
                        ELSE (reserved, promised) = (0, 0) END)
    )
    """)
    op.execute("""
    CREATE OR REPLACE FUNCTION refuse_change_of_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the ledger is only ever added to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_movement_never_changes';
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER a_movement_never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_movements
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_ledger()
    """)


def _carry_over() -> None:
    op.execute("""
    INSERT INTO ledger_movements (event_id, movement_id, at, cause_id, booking_id, kind, currency, provider,
                                  organizer, fees, taxes, buyer, disputed, payout, reserved, promised)
    SELECT event_id, movement_id, at, cause_id, booking_id, kind, currency,
           coalesce(sum(amount) FILTER (WHERE account = 'PROVIDER'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'ORGANIZER'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'FEES'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'TAXES'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'BUYER'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'DISPUTED'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'PAYOUT'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'RESERVED'), 0),
           coalesce(sum(amount) FILTER (WHERE account = 'PROMISED'), 0)
      FROM ledger_entries
     GROUP BY event_id, movement_id, at, cause_id, booking_id, kind, currency
     ORDER BY event_id, movement_id
    """)


def _show_entries() -> None:
    # For people, who read an entry on a line of its own. `line` is its account's place in a movement.
    op.execute("""
    CREATE VIEW ledger_entries AS
    SELECT event_id, movement_id, entry.line, kind, cause_id, booking_id, entry.account, entry.amount,
           currency, at
      FROM ledger_movements,
           LATERAL (VALUES (0, 'PROVIDER', provider), (1, 'ORGANIZER', organizer), (2, 'FEES', fees),
                           (3, 'TAXES', taxes), (4, 'BUYER', buyer), (5, 'DISPUTED', disputed),
                           (6, 'PAYOUT', payout), (7, 'RESERVED', reserved), (8, 'PROMISED', promised))
             AS entry (line, account, amount)
     WHERE entry.amount <> 0
    """)
