"""The images of events: what is stored of each. The files themselves are in a folder or a bucket."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    # `sizes` is [[longest side allowed, width, height], ...] from small to large; `hash` is in the
    # names of the files.
    op.execute("""
    CREATE TABLE event_images (
        event_id    bigint PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
        hash        text NOT NULL,
        fingerprint bytea NOT NULL,
        sizes       json NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT the_hash_of_an_image_is_a_sha256_in_hex CHECK (hash ~ '^[0-9a-f]{64}$'),
        CONSTRAINT the_fingerprint_of_an_upload_is_a_sha256 CHECK (length(fingerprint) = 32)
    )
    """)
    # Who knows the hash sees a draft's image, and the log outlives both.
    op.execute("""
    CREATE TRIGGER every_change_is_audited AFTER INSERT OR UPDATE OR DELETE ON event_images
        FOR EACH ROW EXECUTE FUNCTION write_audit_log('hash,fingerprint')
    """)
