"""The shows of a season: each tempts the rules in another way, and their waiting times overlap."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from boxoffice.catalog.channels.keys import hash_key
from boxoffice.kit.postgres import Database
from boxoffice.payments.refunds.owing import FAULTS_MAX, REFUND_JOB
from shows import Show, open_show

# Whose keys these are are channels 1 and 2 of every show.
CHANNEL_KEYS = ("fans", "agency")


class Hall(msgspec.Struct, frozen=True):
    """What is put on sale. `tampered`: somebody writes claims into its tables by hand.

    `doomed`: it is cancelled during its sale, or at the end of the season. `fee`: added to each price.
    """

    name: str
    seats: int
    areas: tuple[int, ...]
    hold_seconds: int
    places_per_buyer_max: int
    price: int = 2500
    orphan_rule: str = "OFF"
    tampered: bool = False
    doomed: bool = False
    fee: int = 0


HALLS = (
    Hall("crowd", 10, (4,), 1, 3, fee=90),
    Hall("hall", 60, (20, 3), 1, 6, fee=150),
    Hall("orphans", 40, (), 600, 100, orphan_rule="ENFORCE", fee=150),
    Hall("free", 20, (5,), 2, 4, price=0),
    Hall("tampered", 20, (6,), 1, 8, tampered=True),
    Hall("doomed", 30, (6,), 600, 8, doomed=True),
)


class Sale(msgspec.Struct, frozen=True):
    """A show of a season, what it is, and its event."""

    show: Show
    hall: Hall

    @property
    def event_id(self) -> int:
        """The event's id."""
        return self.show.event_id


async def open_sales(db: Database) -> list[Sale]:
    """One event of each kind."""
    return [await _open(db, hall) for hall in HALLS]


async def _open(db: Database, hall: Hall) -> Sale:
    show = await open_show(
        db,
        seats=hall.seats,
        areas=hall.areas,
        price=hall.price,
        places_per_buyer_max=hall.places_per_buyer_max,
        hold_seconds=hall.hold_seconds,
    )
    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET orphan_rule = $2 WHERE id = $1", show.event_id, hall.orphan_rule)
        if hall.fee:
            await tx.execute(
                """
                UPDATE events
                   SET fees = json_build_array(json_build_object(
                                  'name', 'Service', 'per', 'TICKET', 'mode', 'ADDED', 'amount', $2::bigint)),
                       tax = '{"name": "VAT", "mode": "INCLUDED", "basis_points": 700}'
                 WHERE id = $1
                """,
                show.event_id,
                hall.fee,
            )
        for number, key in enumerate(CHANNEL_KEYS, start=1):
            await tx.execute(
                "INSERT INTO channels (event_id, id, name, key_hash) VALUES ($1, $2, $3, decode($4, 'hex'))",
                show.event_id,
                number,
                key,
                hash_key(key),
            )
    return Sale(show, hall)


async def change_prices(db: Database, event_id: int, amount: int) -> None:
    """From the next batch on a place costs this much."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE event_prices SET amount = $2 WHERE event_id = $1", event_id, amount)
        await tx.execute("UPDATE events SET revision = revision + 1 WHERE id = $1", event_id)


async def cancel_event(db: Database, event_id: int) -> None:
    """From the next batch on nothing is sold; what was is called off by whoever does that job."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events SET state = 'CANCELLED', cancelled_at = now(), revision = revision + 1
             WHERE id = $1 AND state = 'PUBLISHED'
            """,
            event_id,
        )


async def insert_claim_by_hand(db: Database, event_id: int, seat_id: int, booking_id: object) -> None:
    """A claim that no booking made, if nobody has the seat."""
    async with db.transaction() as tx:
        await tx.execute(
            "INSERT INTO claims VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", event_id, seat_id, booking_id
        )


async def delete_claims_by_hand(db: Database, event_id: int) -> None:
    """Take them back: those whose booking there never was."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            DELETE FROM claims AS claim
             WHERE event_id = $1
               AND NOT EXISTS (SELECT FROM bookings
                                WHERE event_id = claim.event_id AND id = claim.booking_id)
               AND NOT EXISTS (SELECT FROM blocks
                                WHERE event_id = claim.event_id AND id = claim.booking_id)
            """,
            event_id,
        )


async def wait_for_blocks_to_end(db: Database, event_id: int) -> None:
    """Return once PostgreSQL's clock has passed the release of every block that has one."""
    await db.get(
        str,
        """
        SELECT pg_sleep(greatest(0, coalesce(extract(epoch FROM max(released_at) - clock_timestamp()), 0)
                                    + 0.01))::text
          FROM blocks WHERE event_id = $1
        """,
        event_id,
    )


async def make_payments_due_to_ask(db: Database) -> None:
    """As if the time had come to ask about every open payment, but those that are being written."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE payments AS payment
               SET ask_at = now()
              FROM (SELECT event_id, id FROM payments WHERE ask_at > now() FOR UPDATE SKIP LOCKED) AS due
             WHERE payment.event_id = due.event_id AND payment.id = due.id
            """
        )


async def make_jobs_due(db: Database) -> None:
    """As if the time had come for every job that is to be tried again."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE pgqueuer SET execute_after = now() WHERE execute_after > now()")


async def make_an_hour_go_by(db: Database) -> None:
    """As if every refund that was asked for in vain had been for an hour, and the time had come for each."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE refunds
               SET failures = failures - failures % $1 + $1 - 1
             WHERE state = 'DUE' AND failures % $1 BETWEEN 1 AND $1 - 2
            """,
            FAULTS_MAX,
        )
        await tx.execute(
            "UPDATE pgqueuer SET execute_after = now() WHERE entrypoint = $1 AND execute_after > now()",
            REFUND_JOB,
        )


class FailedRefund(msgspec.Struct, frozen=True):
    """A refund that waits for people; of some of these payments somebody has given back by hand."""

    event_id: int
    id: UUID
    payment_id: UUID
    booking_id: UUID
    is_by_hand: bool


async def list_failed_refunds(db: Database, event_ids: Sequence[int]) -> list[FailedRefund]:
    """The refunds of these events that the provider could not make."""
    return await db.list(
        FailedRefund,
        """
        SELECT refund.event_id, refund.id, refund.payment_id, payment.booking_id,
               EXISTS (SELECT FROM provider_refunds AS made
                        WHERE made.event_id = payment.event_id AND made.payment_id = payment.id
                          AND made.attempt_id IS NULL) AS is_by_hand
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = ANY ($1::bigint[]) AND refund.state = 'FAILED'
         ORDER BY refund.created_at
        """,
        event_ids,
    )


async def list_known_by_hand(db: Database, event_id: int) -> list[str]:
    """What was given back by hand and is a refund of its own here, by the bank's names."""
    return await db.list(
        str,
        """
        SELECT made.reference
          FROM provider_refunds AS made
          JOIN refunds AS refund ON refund.event_id = made.event_id AND refund.id = made.refund_id
         WHERE made.event_id = $1 AND made.failure IS NULL AND refund.amount = made.amount
           AND refund.state = 'DONE'
        """,
        event_id,
    )


async def cut_backend(db: Database, pid: int) -> None:
    """Have PostgreSQL itself end a session, whatever it is doing."""
    await db.find(bool, "SELECT pg_terminate_backend($1)", pid)
