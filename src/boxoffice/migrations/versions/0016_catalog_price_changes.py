"""Catalog: prices that change at a time, and prices of a sales channel's own."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    # JSON beside `fees` and `tax`: read with the event's other terms, and only ever replaced as a whole.
    op.execute("ALTER TABLE events ADD COLUMN price_changes json NOT NULL DEFAULT '[]'")
    op.execute("ALTER TABLE channels ADD COLUMN prices json NOT NULL DEFAULT '{}'")
