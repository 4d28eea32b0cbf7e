"""Payments: the balance of what a statement writes is looked at once, not once for each entry."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.execute("DROP TRIGGER a_movement_adds_up_to_zero ON ledger_entries")
    op.execute("DROP FUNCTION refuse_movement_out_of_balance()")
    # Whatever a statement adds to a movement adds up to zero by itself, and so does the movement.
    op.execute("""
    CREATE FUNCTION refuse_entries_out_of_balance() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        movement uuid;
    BEGIN
        SELECT movement_id
          INTO movement
          FROM added
         GROUP BY event_id, movement_id, currency
        HAVING sum(amount) <> 0
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'movement % does not balance', movement
                USING ERRCODE = 'check_violation', CONSTRAINT = 'a_movement_adds_up_to_zero';
        END IF;
        RETURN NULL;
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER a_movement_adds_up_to_zero AFTER INSERT ON ledger_entries
        REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_entries_out_of_balance()
    """)
