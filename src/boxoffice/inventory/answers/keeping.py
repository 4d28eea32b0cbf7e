"""Answers that follow what a batch decides: they come with a hold, and go with the places they are about."""

from collections.abc import Collection, Sequence

import msgspec

from boxoffice.inventory.answers import queries
from boxoffice.inventory.answers.schemas import Answer
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.commands import Held, Hold, TakeBackPlaces, TakenBack
from boxoffice.kit.postgres import Transaction


async def keep_answers(tx: Transaction, decided: Decided) -> None:
    """Write the answers of every hold that was made; no statement when none came with any.

    Of a booking that gives single places up, forget what was answered for these.
    """
    given = [each for each in decided.commands if isinstance(each, Hold) and each.answers is not None]
    if given:
        made = {outcome.booking.id for outcome in decided.outcomes if isinstance(outcome, Held)}
        kept = [(each.booking_id, each.answers) for each in given if each.booking_id in made and each.answers]
        if kept:
            await queries.insert_answers(tx, decided.event_id, kept)
    if any(isinstance(each, TakeBackPlaces) for each in decided.commands):
        for outcome in decided.outcomes:
            if isinstance(outcome, TakenBack) and outcome.part is not None:
                await _forget_places(tx, decided.event_id, outcome)


async def _forget_places(tx: Transaction, event_id: int, given_up: TakenBack) -> None:
    row = await queries.find_answers_of_places(tx, event_id, given_up.booking_id)
    if row is not None:
        answers = msgspec.json.decode(row, type=list[Answer])
        left = msgspec.json.encode(without_places(answers, given_up.indexes)).decode()
        await queries.update_answers(tx, event_id, given_up.booking_id, left)


def without_places(answers: Sequence[Answer], gone: Collection[int]) -> list[Answer]:
    """The answers of a booking without its places at these indexes: they count those that are left."""
    return [
        each
        if each.place is None
        else msgspec.structs.replace(each, place=each.place - sum(index < each.place for index in gone))
        for each in answers
        if each.place not in gone
    ]
