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
