"""The oldest program that can live with this schema: a rolling upgrade takes no old process out."""

from alembic import op

revision = "0052"
down_revision = "0051"


def upgrade() -> None:
    # A program is as old as the newest migration it knows. What a later migration takes away or demands it
    # says here: UPDATE oldest_program SET version = '...'.
    op.execute("""
    CREATE TABLE oldest_program (
        version text NOT NULL,
        is_only boolean NOT NULL DEFAULT true,
        CONSTRAINT there_is_one_oldest_program PRIMARY KEY (is_only),
        CONSTRAINT the_only_one_is_the_only_one CHECK (is_only)
    )
    """)
    op.execute("INSERT INTO oldest_program (version) VALUES ('0052')")
