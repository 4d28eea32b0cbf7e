"""Catalog: an organizer's series are found again."""

from alembic import op

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    op.execute("CREATE INDEX series_of_an_organizer ON series (organizer_id, id)")
