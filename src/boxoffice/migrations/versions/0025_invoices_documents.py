"""Invoices: who sells, how far each organizer has counted, and what was written."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE sellers (
        organizer_id  bigint PRIMARY KEY REFERENCES users (id),
        name          text NOT NULL,
        address_lines text[] NOT NULL,
        country       text NOT NULL,
        tax_id        text,
        changed_at    timestamptz NOT NULL DEFAULT now()
    )
    """)
    # The one lock of numbering. No sale ever waits for it.
    op.execute("""
    CREATE TABLE invoice_series (
        organizer_id      bigint PRIMARY KEY REFERENCES users (id),
        invoices_made     bigint NOT NULL DEFAULT 0,
        credit_notes_made bigint NOT NULL DEFAULT 0
    )
    """)
    # All journal rows of the event up to this version have their invoices.
    op.execute("""
    CREATE TABLE invoice_cursors (
        event_id bigint PRIMARY KEY,
        version  bigint NOT NULL
    )
    """)
    # `document` is the invoice as it was issued: it never changes, whatever becomes of what it names.
    op.execute("""
    CREATE TABLE invoices (
        event_id     bigint NOT NULL,
        booking_id   uuid NOT NULL,
        kind         text NOT NULL,
        organizer_id bigint NOT NULL,
        buyer_id     bigint NOT NULL,
        number       bigint NOT NULL,
        document     json NOT NULL,
        CONSTRAINT a_booking_has_at_most_one_document_of_a_kind PRIMARY KEY (event_id, booking_id, kind),
        CONSTRAINT no_number_is_given_twice UNIQUE (organizer_id, kind, number),
        CONSTRAINT a_document_is_an_invoice_or_a_credit_note CHECK (kind IN ('INVOICE', 'CREDIT_NOTE')),
        CONSTRAINT numbers_begin_at_1 CHECK (number > 0)
    )
    """)
    # Who changes a code or a seller is written down; the word itself, and who somebody is, are not.
    for table, hidden in (("promo_codes", "code"), ("sellers", "name,address_lines,tax_id")):
        op.execute(f"""
        CREATE TRIGGER every_change_is_audited AFTER INSERT OR DELETE OR UPDATE ON {table}
            FOR EACH ROW EXECUTE FUNCTION write_audit_log('{hidden}')
        """)
