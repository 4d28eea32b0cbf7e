"""Catalog: an image may be that of several events, which share its files."""

from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    # The event whose number is in the names of the files, where that is another one; it may be gone by now.
    op.execute("ALTER TABLE event_images ADD COLUMN files_of bigint")
    # Files are removed once no event has their hash.
    op.execute("CREATE INDEX images_by_hash ON event_images (hash)")
