"""Tickets: how often each gate's answer was no."""

from alembic import op

revision = "0051"
down_revision = "0050"


def upgrade() -> None:
    # A count for each reason, not a row for each scan: a scanner that lies on a code asks all night.
    # No foreign key: a draft deleted while its gates are tried leaves a count behind, and nobody waits.
    op.execute("""
    CREATE TABLE refused_check_ins (
        event_id bigint NOT NULL,
        result   text NOT NULL,
        count    bigint NOT NULL DEFAULT 1,
        PRIMARY KEY (event_id, result),
        CONSTRAINT a_refusal_has_one_of_six_reasons CHECK (result IN
            ('ALREADY_ADMITTED', 'VOID', 'REPLACED', 'WRONG_EVENT', 'UNKNOWN', 'BAD_CODE')),
        CONSTRAINT what_is_counted_has_happened CHECK (count > 0)
    ) WITH (fillfactor = 50)
    """)
