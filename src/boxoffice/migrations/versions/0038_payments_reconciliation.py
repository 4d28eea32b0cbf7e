"""Payments: until when a provider's books were compared with ours, and what differs."""

from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE reconciliations (
        provider         text PRIMARY KEY,
        reconciled_until timestamptz NOT NULL
    )
    """)
    op.execute("""
    CREATE TABLE book_differences (
        provider   text NOT NULL,
        reference  text NOT NULL,
        what       text NOT NULL,
        payment_id uuid NOT NULL,
        ours       bigint NOT NULL,
        theirs     bigint NOT NULL,
        currency   text NOT NULL,
        noted_at   timestamptz NOT NULL DEFAULT now(),
        seen_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_difference_is_noted_once PRIMARY KEY (provider, reference, what),
        CONSTRAINT books_differ_by_what_came_or_went_back CHECK (what IN ('CAPTURED', 'REFUNDED'))
    )
    """)
