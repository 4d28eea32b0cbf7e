"""Catalog: categories that only an access code sells, and promo codes that open them."""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    # JSON beside the other terms of the sale: read with them, and only ever replaced as a whole.
    op.execute("ALTER TABLE events ADD COLUMN hidden_categories json NOT NULL DEFAULT '[]'")
    op.execute("""
    ALTER TABLE promo_codes
        ADD COLUMN opens text[] NOT NULL DEFAULT '{}',
        DROP CONSTRAINT a_promo_code_takes_off_an_amount_or_a_share,
        ADD CONSTRAINT a_promo_code_takes_something_off_or_opens_something
            CHECK ((amount IS NULL) <> (basis_points IS NULL)
                   OR amount IS NULL AND basis_points IS NULL AND opens <> '{}')
    """)
