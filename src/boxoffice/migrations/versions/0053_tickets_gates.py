"""Tickets: what gates without a connection have to know, and what they say afterwards."""

from alembic import op

revision = "0053"
down_revision = "0052"


def upgrade() -> None:
    # The transaction that voided or admitted a ticket, so that gates can follow: times are in no order of
    # commits. By a trigger, so that nobody who writes tickets can forget it. A check-in is no HOT update any
    # more; sales write nothing here, and the index has only tickets that a gate has to know of.
    op.execute("ALTER TABLE tickets ADD COLUMN changed_in bigint")
    op.execute("UPDATE tickets SET changed_in = 0 WHERE state = 'VOID' OR admitted_at IS NOT NULL")
    op.execute("""
    CREATE INDEX tickets_that_gates_must_know ON tickets (event_id, changed_in, id)
     WHERE changed_in IS NOT NULL
    """)
    op.execute("""
    CREATE FUNCTION note_what_changed_a_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.changed_in := pg_current_xact_id()::text::bigint;
        RETURN NEW;
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER gates_learn_of_every_change BEFORE UPDATE OF state, admitted_at ON tickets
        FOR EACH ROW EXECUTE FUNCTION note_what_changed_a_ticket()
    """)
    # `admitted_at` is by the gate's clock. No foreign keys: what a gate says is kept, whatever it is.
    op.execute("""
    CREATE TABLE offline_check_ins (
        event_id    bigint NOT NULL,
        id          uuid NOT NULL,
        ticket_id   uuid,
        result      text NOT NULL,
        admitted_at timestamptz NOT NULL,
        taken_at    timestamptz NOT NULL DEFAULT now(),
        user_id     bigint NOT NULL,
        key_id      bigint,
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_check_in_has_one_of_seven_results CHECK (result IN
            ('ADMITTED', 'ALREADY_ADMITTED', 'VOID', 'REPLACED', 'WRONG_EVENT', 'UNKNOWN', 'BAD_CODE')),
        CONSTRAINT only_a_genuine_code_names_a_ticket CHECK ((result = 'BAD_CODE') = (ticket_id IS NULL))
    )
    """)
    op.execute("""
    CREATE INDEX conflicts_of_an_event ON offline_check_ins (event_id, taken_at, id)
     WHERE result <> 'ADMITTED'
    """)
