"""Limits of rates: what was taken of each. UNLOGGED: after a crash everybody starts anew."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute("""
    CREATE UNLOGGED TABLE rate_limits (
        key        bytea NOT NULL,
        drained_at timestamptz NOT NULL,
        CONSTRAINT a_limit_is_counted_in_one_row PRIMARY KEY (key)
    )
    """)
    op.execute("""
    CREATE UNLOGGED TABLE request_counts (
        minute bigint NOT NULL,
        key    bytea NOT NULL,
        taken  bigint NOT NULL,
        CONSTRAINT a_minute_is_counted_in_one_row PRIMARY KEY (minute, key)
    )
    """)
