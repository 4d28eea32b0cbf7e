"""Accounts: the audit log, and the triggers that write it."""

from alembic import op

revision = "0020"
down_revision = "0019"

# Table, what is never shown of its rows, and, where not every change counts, which updates do. Sessions are
# refreshed and keys are used all the time; bookings, payments and places have the journal.
_AUDITED = (
    ("users", "password_hash,email,email_key,name", "UPDATE"),
    ("sessions", "family_hash,secret_hash,previous_hash", None),
    (
        "second_factors",
        "secret_sealed,recovery_hashes",
        "UPDATE OF confirmed_at, secret_sealed, recovery_hashes",
    ),
    ("team_members", "", "UPDATE"),
    ("team_invitations", "nonce,token_hash,email", "UPDATE"),
    ("api_keys", "secret_hash", "UPDATE OF role, event_id, name, expires_at"),
    ("venues", "", "UPDATE"),
    ("events", "", "UPDATE"),
    ("series", "", "UPDATE"),
    ("event_prices", "", "UPDATE"),
    ("channels", "key_hash", "UPDATE"),
)


def upgrade() -> None:
    # No foreign keys: an entry outlives what it is about. `row_id` is the primary key, in the table's order.
    op.execute("""
    CREATE TABLE audit_log (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at           timestamptz NOT NULL DEFAULT now(),
        actor_id     bigint,
        key_id       bigint,
        address      text,
        request_id   text,
        action       text NOT NULL,
        object       text NOT NULL,
        row_id       text NOT NULL,
        organizer_id bigint,
        event_id     bigint,
        before       jsonb,
        after        jsonb,
        CONSTRAINT an_action_is_one_of_three CHECK (action IN ('CREATED', 'CHANGED', 'DELETED'))
    )
    """)
    op.execute("CREATE INDEX audit_log_of_an_organizer ON audit_log (organizer_id, id)")
    op.execute("CREATE INDEX audit_log_of_an_actor ON audit_log (actor_id, id)")
    op.execute("CREATE INDEX audit_log_of_an_event ON audit_log (event_id, id) WHERE event_id IS NOT NULL")
    op.execute("""
    CREATE FUNCTION refuse_change_of_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit log is only added to';
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER the_audit_log_is_only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_log()
    """)
    # The role that migrates is the one that serves, unless a DBA has two; neither may.
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, CURRENT_USER")
    _write_triggers()


def _write_triggers() -> None:
    # The first argument names the columns whose content is never shown, only that it changed. Who is at work
    # is a setting of the transaction (JSON), or nobody: the command line, a job, a stranger who logs in.
    op.execute("""
    CREATE FUNCTION write_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        hidden   text[] := string_to_array(TG_ARGV[0], ',');
        actor    jsonb := nullif(current_setting('boxoffice.actor', true), '')::jsonb;
        old_row  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
        new_row  jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
        any_row  jsonb := coalesce(new_row, old_row);
        event    bigint := CASE TG_TABLE_NAME WHEN 'events' THEN any_row ->> 'id'
                                              ELSE any_row ->> 'event_id' END;
        owner    bigint := coalesce((any_row ->> 'organizer_id')::bigint,
                                    (SELECT organizer_id FROM events WHERE id = event));
        shown    jsonb[];
    BEGIN
        IF old_row = new_row THEN
            RETURN NULL;
        END IF;
        SELECT ARRAY[jsonb_object_agg(key, CASE WHEN key = ANY (hidden) THEN '"***"' ELSE old_row -> key END)
                         FILTER (WHERE old_row IS NOT NULL),
                     jsonb_object_agg(key, CASE WHEN key = ANY (hidden) THEN '"***"' ELSE new_row -> key END)
                         FILTER (WHERE new_row IS NOT NULL)]
          INTO shown
          FROM jsonb_object_keys(any_row) AS key
         WHERE old_row -> key IS DISTINCT FROM new_row -> key;
        INSERT INTO audit_log (actor_id, key_id, address, request_id, action, object, row_id,
                               organizer_id, event_id, before, after)
        VALUES ((actor ->> 'user_id')::bigint, (actor ->> 'key_id')::bigint, actor ->> 'address',
                actor ->> 'request_id',
                CASE TG_OP WHEN 'INSERT' THEN 'CREATED' WHEN 'UPDATE' THEN 'CHANGED' ELSE 'DELETED' END,
                TG_TABLE_NAME,
                concat_ws(' ', CASE WHEN any_row ? 'event_id' AND NOT any_row ? 'user_id' THEN event END,
                          coalesce(any_row ->> 'id', any_row ->> 'category', any_row ->> 'user_id')),
                owner, event, shown[1], shown[2]);
        RETURN NULL;
    END
    $$
    """)
    for table, hidden, update in _AUDITED:
        when = "INSERT OR DELETE" if update is None else f"INSERT OR DELETE OR {update}"
        op.execute(f"""
        CREATE TRIGGER every_change_is_audited AFTER {when} ON {table}
            FOR EACH ROW EXECUTE FUNCTION write_audit_log('{hidden}')
        """)
    # A seat map is too large to be copied into the log, and never changes.
    op.execute("""
    CREATE FUNCTION write_audit_log_of_seat_map() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        actor jsonb := nullif(current_setting('boxoffice.actor', true), '')::jsonb;
    BEGIN
        INSERT INTO audit_log (actor_id, key_id, address, request_id, action, object, row_id,
                               organizer_id, after)
        VALUES ((actor ->> 'user_id')::bigint, (actor ->> 'key_id')::bigint, actor ->> 'address',
                actor ->> 'request_id', 'CREATED', 'seat_maps', NEW.id,
                (SELECT organizer_id FROM venues WHERE id = NEW.venue_id),
                jsonb_build_object('venue_id', NEW.venue_id, 'version', NEW.version, 'name', NEW.name,
                                   'seat_count', NEW.seat_count, 'place_count', NEW.place_count));
        RETURN NULL;
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER every_version_is_audited AFTER INSERT ON seat_maps
        FOR EACH ROW EXECUTE FUNCTION write_audit_log_of_seat_map()
    """)
