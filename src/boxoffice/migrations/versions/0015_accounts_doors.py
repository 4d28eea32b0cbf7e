"""Accounts: sessions that can be told apart, suspension, proofs by mail, second factors."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("""
    ALTER TABLE users
        ADD COLUMN suspended_at timestamptz,
        ADD COLUMN email_verified_at timestamptz
    """)
    # What a person sees of a session; `id` names it without saying anything about its token.
    op.execute("""
    ALTER TABLE sessions
        ADD COLUMN id         bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN user_agent text NOT NULL DEFAULT '',
        ADD COLUMN address    text NOT NULL DEFAULT '',
        ADD CONSTRAINT a_session_has_an_id_of_its_own UNIQUE (id)
    """)
    # A token that was mailed proves that whoever shows it reads that address. It is derived from `nonce` and
    # the operator's secret, so that the same letter can be sent again, and is stored as its SHA-256 only.
    op.execute("""
    CREATE TABLE email_proofs (
        user_id    bigint NOT NULL REFERENCES users (id),
        purpose    text NOT NULL,
        email      text NOT NULL,
        nonce      bytea NOT NULL,
        token_hash bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        sent_at    timestamptz,
        PRIMARY KEY (user_id, purpose),
        CONSTRAINT a_mailed_token_is_one_of_a_kind UNIQUE (token_hash),
        CONSTRAINT a_proof_has_a_purpose
            CHECK (purpose IN ('VERIFY_EMAIL', 'RESET_PASSWORD', 'CHANGE_EMAIL')),
        CONSTRAINT a_token_hash_is_a_sha256 CHECK (length(token_hash) = 32)
    )
    """)
    # `last_step` is the time step (RFC 6238) of the newest code that was taken: none is taken twice.
    op.execute("""
    CREATE TABLE second_factors (
        user_id         bigint PRIMARY KEY REFERENCES users (id),
        secret_sealed   bytea NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        confirmed_at    timestamptz,
        last_step       bigint NOT NULL DEFAULT 0,
        failures        integer NOT NULL DEFAULT 0,
        failed_at       timestamptz,
        recovery_hashes bytea[] NOT NULL DEFAULT '{}',
        CONSTRAINT only_a_confirmed_factor_has_recovery_codes
            CHECK (confirmed_at IS NOT NULL OR recovery_hashes = '{}')
    )
    """)
