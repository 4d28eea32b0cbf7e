"""Accounts: when each was used last, and an audit log that forgets where people were, and nothing else."""

from alembic import op

revision = "0044"
down_revision = "0043"

# What an entry says of where somebody was.
_WHERE = "'{address,user_agent}'::text[]"
_SAYS_WHERE = f"address IS NOT NULL OR (object = 'sessions' AND (before ?| {_WHERE} OR after ?| {_WHERE}))"


def upgrade() -> None:
    _uses()
    _forgetting()


def _uses() -> None:
    # A log-in, not a refresh: a session lives for 90 days at most, and a year is the least that counts.
    op.execute("""
    CREATE TABLE account_uses (
        user_id      bigint PRIMARY KEY REFERENCES users (id),
        logged_in_at timestamptz NOT NULL,
        warned_at    timestamptz,
        CONSTRAINT who_is_warned_has_not_logged_in_since CHECK (warned_at >= logged_in_at)
    )
    """)
    op.execute("CREATE INDEX account_uses_by_time ON account_uses (logged_in_at, user_id)")
    op.execute("""
    INSERT INTO account_uses (user_id, logged_in_at)
    SELECT id, greatest(created_at, (SELECT max(created_at) FROM sessions WHERE user_id = users.id))
      FROM users
    """)
    op.execute("""
    CREATE FUNCTION note_use_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_TABLE_NAME = 'users' THEN
            INSERT INTO account_uses (user_id, logged_in_at) VALUES (NEW.id, NEW.created_at);
        ELSE
            UPDATE account_uses SET logged_in_at = now(), warned_at = NULL WHERE user_id = NEW.user_id;
        END IF;
        RETURN NULL;
    END
    $$
    """)
    for table in ("users", "sessions"):
        op.execute(f"""
        CREATE TRIGGER a_use_is_noted AFTER INSERT ON {table}
            FOR EACH ROW EXECUTE FUNCTION note_use_of_account()
        """)


def _forgetting() -> None:
    op.execute(f"CREATE INDEX audit_log_that_says_where ON audit_log (at) WHERE {_SAYS_WHERE}")
    op.execute("DROP TRIGGER the_audit_log_is_only_added_to ON audit_log")
    op.execute("""
    CREATE TRIGGER the_audit_log_is_only_added_to
        BEFORE DELETE OR TRUNCATE
            OR UPDATE OF id, at, actor_id, key_id, request_id, action, object, row_id, organizer_id, event_id
        ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()
    """)
    op.execute(f"""
    CREATE FUNCTION refuse_all_but_forgetting() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        forgotten text[] := CASE OLD.object WHEN 'sessions' THEN {_WHERE} ELSE '{{}}'::text[] END;
    BEGIN
        IF OLD.at > now() - interval '30 days'
            OR NEW.address IS NOT NULL
            OR NEW.before IS DISTINCT FROM OLD.before - forgotten
            OR NEW.after IS DISTINCT FROM OLD.after - forgotten
        THEN
            RAISE EXCEPTION 'the audit log is only added to, and forgets addresses after 30 days';
        END IF;
        RETURN NEW;
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER it_forgets_addresses_and_nothing_else BEFORE UPDATE ON audit_log
        FOR EACH ROW EXECUTE FUNCTION refuse_all_but_forgetting()
    """)
    # The owner's right, lent for this one statement: the role that serves has none to change the log.
    op.execute(f"""
    CREATE FUNCTION forget_addresses(older_than interval, entries_max integer) RETURNS bigint
        LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
    BEGIN ATOMIC
        WITH forgotten AS (
            UPDATE audit_log
               SET address = NULL,
                   before = CASE object WHEN 'sessions' THEN before - {_WHERE} ELSE before END,
                   after = CASE object WHEN 'sessions' THEN after - {_WHERE} ELSE after END
             WHERE id IN (SELECT id FROM audit_log
                           WHERE at < now() - older_than AND ({_SAYS_WHERE})
                           ORDER BY at LIMIT entries_max)
         RETURNING 1)
        SELECT count(*) FROM forgotten;
    END
    """)  # noqa: S608  constants of this file
    op.execute("GRANT UPDATE (address, before, after) ON audit_log TO CURRENT_USER")
    op.execute("REVOKE EXECUTE ON FUNCTION forget_addresses FROM PUBLIC")
