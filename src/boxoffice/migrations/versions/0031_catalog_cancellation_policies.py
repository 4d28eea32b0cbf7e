"""Catalog: until when buyers may cancel what they have paid, and what comes back then."""

from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    # A row never changes: a booking has the policy that was the newest when it was made.
    op.execute("""
    CREATE TABLE cancellation_policies (
        event_id bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        version  integer NOT NULL,
        since    timestamptz NOT NULL,
        policy   json NOT NULL,
        PRIMARY KEY (event_id, version)
    )
    """)
    op.execute("""
    CREATE TRIGGER every_change_is_audited AFTER INSERT OR UPDATE OR DELETE ON cancellation_policies
        FOR EACH ROW EXECUTE FUNCTION write_audit_log('')
    """)
