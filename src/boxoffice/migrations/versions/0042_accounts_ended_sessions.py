"""Accounts: every process hears of a session that ends, so that its access tokens end with it."""

from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE ended_sessions (
        session_id bigint PRIMARY KEY,
        ended_at   timestamptz NOT NULL DEFAULT now()
    )
    """)
    op.execute("""
    CREATE FUNCTION tell_of_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO ended_sessions (session_id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
        PERFORM pg_notify('session_ended', OLD.id::text);
        RETURN NULL;
    END
    $$
    """)
    # The last access token was given out at the last refresh, and lives for a quarter of an hour at most. Of
    # other sessions nobody has to hear: a log-in that clears up after years wakes nobody.
    op.execute("""
    CREATE TRIGGER its_access_tokens_end_too AFTER DELETE ON sessions
        FOR EACH ROW
        WHEN (coalesce(OLD.rotated_at, OLD.created_at) > now() - interval '16 minutes')
        EXECUTE FUNCTION tell_of_ended_session()
    """)
