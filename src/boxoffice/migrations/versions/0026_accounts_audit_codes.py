"""Accounts: promo codes get into the audit log."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("""
    CREATE TRIGGER every_change_is_audited AFTER INSERT OR UPDATE OR DELETE ON promo_codes
        FOR EACH ROW EXECUTE FUNCTION write_audit_log('')
    """)
