"""Accounts: users and their sessions."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("""
    CREATE TABLE users (
        id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email         text NOT NULL,
        email_key     text NOT NULL,
        name          text NOT NULL,
        role          text NOT NULL DEFAULT 'USER',
        password_hash text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT one_account_per_email UNIQUE (email_key),
        CONSTRAINT a_role_is_user_organizer_or_admin
            CHECK (role IN ('USER', 'ORGANIZER', 'ADMIN'))
    )
    """)
    # One row a log-in, however often its refresh token rotates: a token names its family and carries
    # a secret, and we keep the SHA-256 of each part, so that nobody who reads this table can log in.
    op.execute("""
    CREATE TABLE sessions (
        family_hash   bytea PRIMARY KEY,
        user_id       bigint NOT NULL REFERENCES users (id),
        secret_hash   bytea NOT NULL,
        previous_hash bytea,
        rotated_at    timestamptz,
        created_at    timestamptz NOT NULL DEFAULT now(),
        expires_at    timestamptz NOT NULL,
        CONSTRAINT a_session_keeps_hashes_and_no_tokens
            CHECK (length(family_hash) = 32 AND length(secret_hash) = 32 AND length(previous_hash) = 32),
        CONSTRAINT only_a_rotated_session_has_a_previous_token
            CHECK ((previous_hash IS NULL) = (rotated_at IS NULL)),
        CONSTRAINT a_session_ends_after_it_began
            CHECK (expires_at > created_at)
    )
    """)
    op.execute("CREATE INDEX sessions_of_a_user ON sessions (user_id, created_at)")
