"""Payments: the ledger's sums by event, so that a balance need not read five years of movements."""

from alembic import op

revision = "0058"
down_revision = "0057"


def upgrade() -> None:
    # No sale writes here: a job adds up what has moved a day ago, and a balance reads the rest of the ledger.
    op.execute("""
    CREATE TABLE ledger_sums (
        event_id  bigint NOT NULL,
        currency  text NOT NULL,
        kind      text NOT NULL,
        organizer bigint NOT NULL,
        fees      bigint NOT NULL,
        taxes     bigint NOT NULL,
        disputed  bigint NOT NULL,
        payout    bigint NOT NULL,
        PRIMARY KEY (event_id, currency, kind)
    )
    """)
    # Movements with lower ids are in the sums.
    op.execute("CREATE TABLE ledger_cursors (event_id bigint PRIMARY KEY, until_id uuid NOT NULL)")
