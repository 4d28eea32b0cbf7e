"""Inventory: a booking is never deleted, so what belongs to one is looked at once a statement.

A foreign key is looked up for each row, and locks the booking each time: 11 us, and a record in the
write-ahead log, three times in the sale of two seats. All that it guards against beyond a look at the
statement's end is that the booking goes while we look, and now none ever does.
"""

from alembic import op

revision = "0041"
down_revision = "0040"

_OF_A_BOOKING = {"a_payment_is_for_a_booking": "payments", "a_ticket_belongs_to_a_booking": "tickets"}


def upgrade() -> None:
    op.execute("""
    CREATE FUNCTION refuse_loss_of_bookings() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'bookings stay, under their ids'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_booking_stays';
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER a_booking_stays BEFORE DELETE OR TRUNCATE OR UPDATE OF event_id, id ON bookings
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_loss_of_bookings()
    """)
    # The subquery is a look into the index for each row. Its plan is kept for as long as a connection lasts:
    # one that was made while there were few bookings would read them all, so it may not.
    op.execute("""
    CREATE FUNCTION refuse_what_belongs_to_no_booking() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off AS $$
    DECLARE
        missing uuid;
    BEGIN
        SELECT added.booking_id
          INTO missing
          FROM added
         WHERE (SELECT true
                  FROM bookings AS booking
                 WHERE booking.event_id = added.event_id AND booking.id = added.booking_id) IS NULL
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '%: there is no booking %', TG_NAME, missing
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
        END IF;
        RETURN NULL;
    END
    $$
    """)
    for name, table in _OF_A_BOOKING.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        # PostgreSQL wants one event a trigger, where the new rows are looked at. Nothing of ours changes the
        # booking of a payment or a ticket.
        op.execute(f"""
        CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_what_belongs_to_no_booking()
        """)
