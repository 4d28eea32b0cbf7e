"""Accounts: what organizers ask buyers gets into the audit log."""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("""
    CREATE TRIGGER every_change_is_audited AFTER INSERT OR UPDATE OR DELETE ON question_sets
        FOR EACH ROW EXECUTE FUNCTION write_audit_log('')
    """)
