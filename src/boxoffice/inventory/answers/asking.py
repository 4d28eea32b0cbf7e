"""Asking those who book, and taking their answers. They are in no journal, so that they can be erased."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.event_changes import lock_own_event
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.series.nights import lock_nights
from boxoffice.catalog.series.schemas import Nights
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.answers import queries
from boxoffice.inventory.answers.schemas import (
    Answer,
    AnsweredBooking,
    Answers,
    GivenAnswers,
    Question,
    QuestionKind,
    QuestionPer,
    Questions,
)
from boxoffice.inventory.commands import BookingState
from boxoffice.inventory.refusals import BookingIsOver
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound
from boxoffice.kit.ids import event_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction


async def put_questions(db: Database, user: Identity, event_id: int, asked: Questions) -> Questions:
    """Ask these and nothing else. Who is still to pay answers anew. Raises `NotFound`, `InvalidInput`."""
    _check(asked)
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        await _ask(tx, [event_id], asked)
    return asked


async def put_questions_of_series(db: Database, user: Identity, series_id: int, asked: Questions) -> Nights:
    """The same in every event of a series that is neither cancelled nor begun.

    Raises `NotFound`, `InvalidInput`.
    """
    _check(asked)
    async with db.transaction() as tx:
        nights, _ = await lock_nights(tx, user, series_id)
        event_ids = [night.id for night in nights]
        await _ask(tx, event_ids, asked)
    return Nights(event_ids)


def _check(asked: Questions) -> None:
    if faults := list(_faults_of_questions(asked.questions)):
        raise InvalidInput(errors=faults)


async def _ask(tx: Transaction, event_ids: Sequence[int], asked: Questions) -> None:
    text = msgspec.json.encode(asked.questions).decode()
    has_required = any(question.is_required for question in asked.questions)
    await queries.insert_question_sets(tx, event_ids, text, has_required=has_required)


async def get_questions(source: Source, event_id: int) -> Questions:
    """What an event asks. Raises `NotFound`, for a draft too."""
    await _refuse_draft(source, event_id)
    return Questions(await questions_of(source, event_id))


async def questions_of(source: Source, event_id: int) -> list[Question]:
    """What an event asks, in whatever state it is."""
    row = await queries.find_question_set(source, event_id)
    return [] if row is None else _questions(row)


async def put_answers(db: Database, buyer_id: int, booking_id: UUID, given: Answers) -> AnsweredBooking:
    """Have these be the answers of a booking of one's own that is held or sold.

    Raises `NotFound`, `BookingIsOver`, `InvalidInput`.
    """
    event_id = event_of(booking_id)
    async with db.transaction() as tx:
        booking = await queries.find_asked_booking(tx, event_id, booking_id, buyer_id)
        if booking is None:
            raise NotFound
        if booking.state not in (BookingState.PENDING, BookingState.CONFIRMED):
            raise BookingIsOver(state=BookingState(booking.state))
        checked = await _checked(tx, event_id, given.answers, booking.places)
        await queries.insert_answers(tx, event_id, [(booking_id, checked)])
        return await get_answers(tx, buyer_id, booking_id)


async def check_answers(
    source: Source, event_id: int, answers: Sequence[Answer], places: int
) -> GivenAnswers:
    """Answers for a booking of so many places that is yet to be made. Questions that change meanwhile are
    answered anew, before a payment starts. Raises `NotFound`, `InvalidInput`.
    """
    await _refuse_draft(source, event_id)
    return await _checked(source, event_id, answers, places)


async def _checked(source: Source, event_id: int, answers: Sequence[Answer], places: int) -> GivenAnswers:
    row = await queries.find_question_set(source, event_id)
    questions = [] if row is None else _questions(row)
    if faults := list(_faults_of_answers(answers, questions, places)):
        raise InvalidInput(errors=faults)
    return GivenAnswers(
        revision=0 if row is None else row.revision,
        answers=msgspec.json.encode(answers).decode(),
        of_tickets=any(question.per is QuestionPer.TICKET for question in questions),
    )


async def get_answers(source: Source, buyer_id: int, booking_id: UUID) -> AnsweredBooking:
    """What a booking of one's own has answered. Raises `NotFound`, also when it has not."""
    row = await queries.find_answers(source, event_of(booking_id), booking_id, buyer_id)
    if row is None:
        raise NotFound
    return _answered(row)


async def list_answers(
    db: Database, user: Identity, event_id: int, *, cursor: str | None, limit: int
) -> Page[AnsweredBooking]:
    """What the bookings of an event of one's own have answered. Raises `NotFound`, `UnknownCursor`."""
    await refuse_foreign(db, user, event_id)
    after = None if cursor is None else decode_cursor(cursor, UUID)
    rows = await queries.list_answers(db, event_id, after, limit + 1)
    return page_of([_answered(row) for row in rows], limit, lambda item: item.booking_id)


async def erase_answers(tx: Transaction, buyer_id: int) -> None:
    """Forget everything that a buyer has answered."""
    await queries.delete_answers_of_buyer(tx, buyer_id)


async def _refuse_draft(source: Source, event_id: int) -> None:
    terms = await find_sale_terms(source, event_id)
    if terms is None or terms.state is EventState.DRAFT:
        raise NotFound


def _questions(row: queries.QuestionSetRow) -> list[Question]:
    return msgspec.json.decode(row.questions, type=list[Question])


def _answered(row: queries.AnswersRow) -> AnsweredBooking:
    return AnsweredBooking(row.booking_id, row.answered_at, answers_in(row))


def answers_in(row: queries.AnswersRow) -> list[Answer]:
    """The answers of a row. Those for places go with them: an exchange is answered anew."""
    answers = msgspec.json.decode(row.answers, type=list[Answer])
    return [each for each in answers if each.place is None] if row.of_other_places else answers


def _faults_of_questions(questions: Sequence[Question]) -> Iterator[FieldError]:
    names: set[str] = set()
    for index, question in enumerate(questions):
        if question.name in names:
            detail = "Another question has this name: give each a name of its own."
            yield FieldError(pointer=f"/questions/{index}/name", detail=detail)
        names.add(question.name)
        if (question.kind is QuestionKind.CHOICE) != bool(question.choices):
            detail = "A CHOICE has at least one of `choices`, and no other question has any."
            yield FieldError(pointer=f"/questions/{index}/choices", detail=detail)


def _faults_of_answers(
    answers: Sequence[Answer], questions: Sequence[Question], places: int
) -> Iterator[FieldError]:
    """What is wrong with answers, and what is missing."""
    by_name = {question.name: question for question in questions}
    seen: set[tuple[str, int | None]] = set()
    for index, answer in enumerate(answers):
        pointer, question = f"/answers/{index}", by_name.get(answer.question)
        if question is None:
            yield FieldError(pointer=f"{pointer}/question", detail="The event asks no such question.")
            continue
        if (answer.question, answer.place) in seen:
            yield FieldError(pointer=pointer, detail="This was answered before.")
        seen.add((answer.question, answer.place))
        if fault := _place_fault(answer, question, places):
            yield FieldError(pointer=f"{pointer}/place", detail=fault)
        if fault := _value_fault(answer, question):
            yield FieldError(pointer=f"{pointer}/value", detail=fault)
    for question in questions:
        of_places = range(places) if question.per is QuestionPer.TICKET else (None,)
        for place in of_places:
            if question.is_required and (question.name, place) not in seen:
                where = "" if place is None else f" for place {place}"
                yield FieldError(pointer="/answers", detail=f"{question.name!r} must be answered{where}.")


def _place_fault(answer: Answer, question: Question, places: int) -> str | None:
    if question.per is QuestionPer.BOOKING:
        return None if answer.place is None else "This is asked once, for the whole booking."
    if answer.place is None or answer.place >= places:
        return f"This is asked for each place: name one from 0 to {places - 1}."
    return None


def _value_fault(answer: Answer, question: Question) -> str | None:
    if question.kind is QuestionKind.CHECKBOX:
        if not isinstance(answer.value, bool):
            return "A checkbox is `true` or `false`."
        return "This must be agreed to." if question.is_required and not answer.value else None
    if isinstance(answer.value, bool):
        return "This is answered in words."
    if question.kind is QuestionKind.CHOICE and answer.value not in question.choices:
        return "Choose one of the question's `choices`."
    if any(ord(letter) < ord(" ") or letter == "\x7f" for letter in answer.value):
        return "Control characters are no text."
    return "This must be answered." if question.is_required and not answer.value.strip() else None
