"""Questions and answers as clients write and see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.kit.text import LINE_CHARACTERS_MAX, Line

# More is a questionnaire, and belongs after the purchase.
QUESTIONS_MAX = 20

# A list to choose from; every country of the world fits.
CHOICES_MAX = 250

# Each question for each of the places that a booking may have.
ANSWERS_MAX = QUESTIONS_MAX * 100


class QuestionKind(StrEnum):
    """TEXT: a line. CHOICE: one of `choices`. CHECKBOX: `true` or `false`; required, it must be `true`."""

    TEXT = "TEXT"
    CHOICE = "CHOICE"
    CHECKBOX = "CHECKBOX"


class QuestionPer(StrEnum):
    """BOOKING: asked once. TICKET: asked for each place."""

    BOOKING = "BOOKING"
    TICKET = "TICKET"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be asked. `choices` are for a CHOICE and only there."""

    name: Annotated[Line, Meta(examples=["meal"])]
    text: Annotated[Line, Meta(examples=["What would you like to eat?"])]
    kind: QuestionKind
    per: QuestionPer = QuestionPer.BOOKING
    is_required: bool = False
    choices: Annotated[list[Line], Meta(max_length=CHOICES_MAX, examples=[["Meat", "Vegan"]])] = []


class Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All questions of an event, in order."""

    questions: Annotated[
        list[Question],
        Meta(
            max_length=QUESTIONS_MAX,
            examples=[[{"name": "name", "text": "Whose name is on the badge?", "kind": "TEXT"}]],
        ),
    ]


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The answer to a question by its name; `place` is the index of the booking's place it is about."""

    question: Annotated[Line, Meta(examples=["name"])]
    value: bool | Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX, examples=["Ada"])]
    place: Annotated[int, Meta(ge=0, le=99, examples=[0])] | None = None


AnswerList = Annotated[
    list[Answer], Meta(max_length=ANSWERS_MAX, examples=[[{"question": "name", "value": "Ada"}]])
]


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All answers of a booking at once; those that were there before are replaced."""

    answers: AnswerList


class GivenAnswers(msgspec.Struct, frozen=True, gc=False):
    """Answers, as JSON, that fit what an event asked at this revision; `of_tickets`: some are for places."""

    revision: int
    answers: str
    of_tickets: bool


class AnsweredBooking(msgspec.Struct, frozen=True):
    """What a booking has answered."""

    booking_id: UUID
    answered_at: datetime
    answers: list[Answer]
