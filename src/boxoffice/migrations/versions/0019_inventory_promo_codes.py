"""Promo codes, and what each live booking has of one."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    # `code` is in upper case: buyers may type it as they like. No categories are all of them.
    op.execute("""
    CREATE TABLE promo_codes (
        event_id             bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        id                   bigint GENERATED ALWAYS AS IDENTITY,
        code                 text NOT NULL,
        amount               bigint,
        basis_points         integer,
        categories           text[] NOT NULL DEFAULT '{}',
        places_max           integer,
        places_per_buyer_max integer,
        budget               bigint,
        valid_from           timestamptz,
        valid_until          timestamptz,
        created_at           timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, id),
        CONSTRAINT an_event_has_each_promo_code_once UNIQUE (event_id, code),
        CONSTRAINT a_promo_code_is_in_upper_case CHECK (code = upper(code)),
        CONSTRAINT a_promo_code_takes_off_an_amount_or_a_share
            CHECK ((amount IS NULL) <> (basis_points IS NULL)),
        CONSTRAINT what_a_promo_code_takes_off_is_more_than_nothing
            CHECK (amount > 0 AND basis_points IS NULL OR basis_points BETWEEN 1 AND 10000),
        CONSTRAINT limits_of_a_promo_code_are_not_negative
            CHECK (places_max >= 0 AND places_per_buyer_max >= 0 AND budget >= 0),
        CONSTRAINT a_promo_code_ends_after_it_begins CHECK (valid_until > valid_from)
    )
    """)
    # Written by the event's batch, and only for bookings with a code; a booking that ends has no row.
    op.execute("""
    CREATE TABLE promo_uses (
        event_id   bigint NOT NULL,
        booking_id uuid NOT NULL,
        buyer_id   bigint NOT NULL,
        code_id    bigint NOT NULL,
        places     integer NOT NULL,
        discount   bigint NOT NULL,
        CONSTRAINT a_booking_uses_at_most_one_promo_code PRIMARY KEY (event_id, booking_id),
        CONSTRAINT a_promo_code_is_used_for_some_places CHECK (places > 0),
        CONSTRAINT a_discount_is_not_negative CHECK (discount >= 0)
    )
    """)
