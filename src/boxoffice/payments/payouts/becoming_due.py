"""What an event has earned becomes due to its organizer some days after it began."""

from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.payments.payouts import queries

# What an event has earned is due so many days after it began: long enough for the complaints of those
# who were there.
PAYOUT_DAYS = 7

# Until then most refunds and disputes have come, and an event is looked at every hour; afterwards once a day,
# a part of all that ever were each hour.
RECENT_DAYS = 60

# Days are what counts here; an hour sooner or later does not.
PAYOUT_SECONDS = 3600.0

# So many events, or currencies of one, in one round: some hundred milliseconds of work.
PAYOUTS_AT_ONCE_MAX = 100


async def note_dues(db: Database) -> None:
    """Move what is due from the organizers' accounts to what is to be paid out, once for each event.

    Each currency by itself: a bank may take money back that came in another one than the event's. What
    changes an event's earnings later, such as a refund, is due with the next round, and may be below 0.
    """
    while True:
        async with db.transaction() as tx:
            if not await queries.claim_payout_turn(tx):
                return
            earned = await queries.list_earned(tx, PAYOUT_DAYS, RECENT_DAYS, PAYOUTS_AT_ONCE_MAX)
            await queries.insert_dues(
                tx,
                earned,
                [new_id(each.event_id) for each in earned],
                [new_id(each.event_id) for each in earned],
            )
        if len(earned) < PAYOUTS_AT_ONCE_MAX:
            return
