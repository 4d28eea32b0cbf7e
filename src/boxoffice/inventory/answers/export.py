"""The answers of an event as a table: a row for each place that was asked about, or for each booking."""

from collections.abc import AsyncGenerator, Iterator, Sequence

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.answers import queries
from boxoffice.inventory.answers.asking import answers_in, questions_of
from boxoffice.inventory.answers.queries import AnswersRow
from boxoffice.inventory.answers.schemas import Answer, QuestionPer
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.spreadsheet import BYTE_ORDER_MARK, csv_of

# Bookings that are read at once: some ten milliseconds of work, between which others are served.
EXPORTED_AT_ONCE = 500

_BEFORE_QUESTIONS = ("booking_id", "answered_at", "zone", "row", "number")


async def export_answers(db: Database, user: Identity, event_id: int) -> AsyncGenerator[bytes]:
    """The lines of the table, piece by piece, however many there are. Raises `NotFound`, before the first."""
    await refuse_foreign(db, user, event_id)
    asked = await questions_of(db, event_id)
    return _lines(db, event_id, [(each.name, each.per) for each in asked])


async def _lines(
    db: Database, event_id: int, asked: Sequence[tuple[str, QuestionPer]]
) -> AsyncGenerator[bytes]:
    yield BYTE_ORDER_MARK.encode() + csv_of([(*_BEFORE_QUESTIONS, *[name for name, _ in asked])])
    after = None
    while True:
        rows = await queries.list_answers(db, event_id, after, EXPORTED_AT_ONCE)
        if rows:
            # Read after the rows: the event may have got more seats meanwhile, and every seat keeps its id.
            seat_map = await _get_seat_map(db, event_id)
            yield csv_of([cells for row in rows for cells in _cells(row, seat_map, asked)])
        if len(rows) < EXPORTED_AT_ONCE:
            return
        after = rows[-1].booking_id


async def _get_seat_map(db: Database, event_id: int) -> SeatMap:
    terms = await find_sale_terms(db, event_id)
    if terms is None:
        raise NotFound
    return await get_seat_map(db, terms.seat_map_id)


def _cells(
    row: AnswersRow, seat_map: SeatMap, asked: Sequence[tuple[str, QuestionPer]]
) -> Iterator[Sequence[str]]:
    """What is asked once for a booking stands in the row of each of its places."""
    given = {(each.question, each.place): _value(each) for each in answers_in(row)}
    for place, written in enumerate(_places(row, seat_map)):
        of_place = [
            given.get((name, place if per is QuestionPer.TICKET else None), "") for name, per in asked
        ]
        yield (str(row.booking_id), row.answered_at.isoformat(), *written, *of_place)


def _places(row: AnswersRow, seat_map: SeatMap) -> Iterator[tuple[str, str, str]]:
    """Zone, row and number of each place that answers are for; one of nothing where they are for none."""
    if row.seat_ids is None or row.area_ids is None or row.of_other_places:
        yield "", "", ""
        return
    for label in map(seat_map.label_of, row.seat_ids):
        yield label.zone, label.row, label.number
    for area_id in row.area_ids:
        yield seat_map.areas[area_id].name, "", ""


def _value(answer: Answer) -> str:
    if isinstance(answer.value, bool):
        return "yes" if answer.value else "no"
    return answer.value
