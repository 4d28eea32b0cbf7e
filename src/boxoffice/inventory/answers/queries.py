"""SQL of questions and answers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.answers.schemas import GivenAnswers
from boxoffice.kit.postgres import Source, Transaction


class QuestionSetRow(msgspec.Struct, frozen=True):
    """The questions of an event, as JSON, at one revision."""

    revision: int
    questions: str


class AskedBooking(msgspec.Struct, frozen=True):
    """A booking that may answer: the state it is in now, and of how many places it is."""

    state: str
    places: int


class AnswersRow(msgspec.Struct, frozen=True):
    """The answers of a booking, as JSON; and the places they are for, where some are for places.

    `of_other_places`: an exchange has given it other places since.
    """

    booking_id: UUID
    answered_at: datetime
    answers: str
    seat_ids: list[int] | None
    area_ids: list[int] | None
    of_other_places: bool


async def find_question_set(source: Source, event_id: int) -> QuestionSetRow | None:
    """What is asked; None when nothing ever was."""
    return await source.find(
        QuestionSetRow, "SELECT revision, questions FROM question_sets WHERE event_id = $1", event_id
    )


async def insert_question_sets(
    tx: Transaction, event_ids: Sequence[int], questions: str, *, has_required: bool
) -> None:
    """Replace all questions of these events; answers to those before do not count for these."""
    await tx.execute(
        """
        INSERT INTO question_sets (event_id, questions, has_required)
        SELECT event_id, $2::json, $3
          FROM unnest($1::bigint[]) AS event_id
        ON CONFLICT (event_id) DO UPDATE
           SET questions = excluded.questions, has_required = excluded.has_required,
               revision = question_sets.revision + 1
        """,
        event_ids,
        questions,
        has_required,
    )


async def insert_same_questions(tx: Transaction, event_id: int, other_id: int) -> None:
    """Have a new event ask what the other one asks."""
    await tx.execute(
        """
        INSERT INTO question_sets (event_id, questions, has_required)
        SELECT $1, questions, has_required
          FROM question_sets
         WHERE event_id = $2
        """,
        event_id,
        other_id,
    )


async def find_asked_booking(
    source: Source, event_id: int, booking_id: UUID, buyer_id: int
) -> AskedBooking | None:
    """The buyer's booking; a hold whose time is over is EXPIRED."""
    return await source.find(
        AskedBooking,
        """
        SELECT CASE WHEN state = 'PENDING' AND expires_at <= now() THEN 'EXPIRED' ELSE state END AS state,
               cardinality(amounts) AS places
          FROM bookings
         WHERE event_id = $1 AND id = $2 AND buyer_id = $3
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def insert_answers(tx: Transaction, event_id: int, given: Sequence[tuple[UUID, GivenAnswers]]) -> None:
    """Have these be the answers of bookings that are there, whatever they had before, for their places."""
    await tx.execute(
        """
        INSERT INTO answers (event_id, booking_id, revision, answers, seat_ids, area_ids)
        SELECT $1, given.booking_id, given.revision, given.answers::json,
               CASE WHEN given.of_tickets THEN bookings.seat_ids END,
               CASE WHEN given.of_tickets THEN bookings.area_ids END
          FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::boolean[])
            AS given (booking_id, revision, answers, of_tickets)
          JOIN bookings ON bookings.event_id = $1 AND bookings.id = given.booking_id
        ON CONFLICT (event_id, booking_id) DO UPDATE
           SET revision = excluded.revision, answers = excluded.answers, seat_ids = excluded.seat_ids,
               area_ids = excluded.area_ids, answered_at = now()
        """,
        event_id,
        [booking_id for booking_id, _ in given],
        [each.revision for _, each in given],
        [each.answers for _, each in given],
        [each.of_tickets for _, each in given],
    )


async def find_answers(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> AnswersRow | None:
    """What the buyer's booking has answered."""
    return await source.find(
        AnswersRow,
        """
        SELECT answers.booking_id, answers.answered_at, answers.answers, answers.seat_ids, answers.area_ids,
               coalesce(answers.seat_ids <> bookings.seat_ids OR answers.area_ids <> bookings.area_ids, false)
                 AS of_other_places
          FROM answers
          JOIN bookings ON bookings.event_id = answers.event_id AND bookings.id = answers.booking_id
         WHERE answers.event_id = $1 AND answers.booking_id = $2 AND bookings.buyer_id = $3
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def find_answers_of_places(source: Source, event_id: int, booking_id: UUID) -> str | None:
    """What a booking has answered, as JSON, if some of it is for single places."""
    return await source.find(
        str,
        """
        SELECT answers FROM answers
         WHERE event_id = $1 AND booking_id = $2 AND seat_ids IS NOT NULL
        """,
        event_id,
        booking_id,
    )


async def update_answers(tx: Transaction, event_id: int, booking_id: UUID, answers: str) -> None:
    """Leave these answers of a booking, for the places that it has now; they are as old as they were."""
    await tx.execute(
        """
        UPDATE answers
           SET answers = $3::json, seat_ids = bookings.seat_ids, area_ids = bookings.area_ids
          FROM bookings
         WHERE answers.event_id = $1 AND answers.booking_id = $2
           AND bookings.event_id = $1 AND bookings.id = $2
        """,
        event_id,
        booking_id,
        answers,
    )


async def list_answers(source: Source, event_id: int, after: UUID | None, limit: int) -> list[AnswersRow]:
    """What the event's bookings have answered that hold or have their places, in the order of their ids.

    That one id is after the other's is said of both, so that a page begins in both tables where it should.
    """
    return await source.list(
        AnswersRow,
        """
        SELECT answers.booking_id, answers.answered_at, answers.answers, answers.seat_ids, answers.area_ids,
               coalesce(answers.seat_ids <> bookings.seat_ids OR answers.area_ids <> bookings.area_ids, false)
                 AS of_other_places
          FROM answers
          JOIN bookings ON bookings.event_id = answers.event_id AND bookings.id = answers.booking_id
         WHERE answers.event_id = $1
           AND answers.booking_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
           AND bookings.id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
           AND bookings.state IN ('PENDING', 'CONFIRMED')
         ORDER BY answers.booking_id
         LIMIT $3
        """,
        event_id,
        after,
        limit,
    )


async def delete_answers_of_buyer(tx: Transaction, buyer_id: int) -> None:
    """Erase everything that a buyer has answered."""
    await tx.execute(
        """
        DELETE FROM answers
         USING bookings
         WHERE bookings.event_id = answers.event_id AND bookings.id = answers.booking_id
           AND bookings.buyer_id = $1
        """,
        buyer_id,
    )
