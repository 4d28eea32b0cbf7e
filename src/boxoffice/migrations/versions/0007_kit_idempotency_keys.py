"""Idempotency keys: what was done for whom under which key, written in the transaction of its effect."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE idempotency_keys (
        owner_id    bigint NOT NULL,
        operation   text NOT NULL,
        key         text NOT NULL,
        fingerprint bytea NOT NULL,
        answer      json NOT NULL,
        created_at  timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_key_does_one_thing_once PRIMARY KEY (owner_id, operation, key),
        CONSTRAINT a_fingerprint_is_a_sha256 CHECK (length(fingerprint) = 32)
    )
    """)
    op.execute("CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at)")
