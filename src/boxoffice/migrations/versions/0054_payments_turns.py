"""Payments: who compares a provider's books has a turn, so that one process does it each hour and not all."""

from alembic import op

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE reconciliation_turns (
        provider text NOT NULL,
        begun_at timestamptz NOT NULL,
        is_over  boolean NOT NULL,
        CONSTRAINT a_provider_has_one_turn PRIMARY KEY (provider)
    )
    """)
