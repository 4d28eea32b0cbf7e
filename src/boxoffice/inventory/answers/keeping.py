"""Answers that came with a hold: written in the transaction that makes its booking."""

from boxoffice.inventory.answers.queries import insert_answers
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.commands import Held, Hold
from boxoffice.kit.postgres import Transaction


async def keep_answers(tx: Transaction, decided: Decided) -> None:
    """Write the answers of every hold that was made; no statement when none came with any."""
    given = [each for each in decided.commands if isinstance(each, Hold) and each.answers is not None]
    if not given:
        return
    made = {outcome.booking.id for outcome in decided.outcomes if isinstance(outcome, Held)}
    answers = [(each.booking_id, each.answers) for each in given if each.booking_id in made and each.answers]
    if answers:
        await insert_answers(tx, decided.event_id, answers)
