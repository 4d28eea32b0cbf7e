"""Tickets as PDFs: everything that can be sold fits on its page, and a gate can read it."""

from datetime import UTC, datetime

import msgspec
import pytest

from boxoffice.booking.paper.pdf import TicketPage, draw_tickets
from boxoffice.kit.pdf import BOX
from boxoffice.kit.text import LINE_CHARACTERS_MAX
from boxoffice.tickets.schemas import A_CODE
from pdf_reader import Page, read_pdf
from tickets.qr_reader import modules_of_pdf, read_qr

MADE_AT = datetime(2027, 1, 11, 9, tzinfo=UTC)

A4_WIDTH = 595.28
POINTS_PER_MM = 72 / 25.4


def ticket(**changes: object) -> TicketPage:
    """The page of a ticket of somebody with letters of their own."""
    page = TicketPage(
        title="Вечер „ohne Titel“ — 50 €",
        when="Friday, 3 May 2030, 20:00 (Europe/Berlin)",
        venue="Žižkovské divadlo Łódź",
        address="Αθηνών 1, Київ, CZ",
        place="Block A, row 3, seat 12",
        details=[("Category", "Stalls, Child"), ("Name", "Ærøskøbing Şükrü Đỗ")],
        number="01930000-0000-8000-8000-000040000001",
        code=A_CODE,
    )
    return msgspec.structs.replace(page, **changes)


def drawn_page(page: TicketPage) -> Page:
    """What is on it; its code can be read, and nothing is over its quiet zone or the margins."""
    (read,) = read_pdf(draw_tickets("Tickets", MADE_AT, [page]))
    assert read_qr(modules_of_pdf(read.rectangles)) == page.code
    quiet = 4 * read.rectangles[0].width / 7
    top = read.rectangles[0].y + quiet
    bottom = min(each.y + each.height for each in read.rectangles) - quiet
    # A line's letters reach a quarter of their size below where it stands.
    assert all(text.y - 5 > top or text.y + 11 < bottom for text in read.texts)
    assert all(text.y > 15 * POINTS_PER_MM for text in read.texts)
    assert all(quiet < each.x and each.x + each.width < A4_WIDTH - quiet for each in read.rectangles)
    return read


def test_a_ticket_says_what_it_is_for_and_the_same_ticket_is_the_same_bytes():
    page = ticket()

    assert drawn_page(page).words == [
        page.title,
        page.when,
        page.venue,
        page.address,
        page.place,
        *[word for pair in page.details for word in pair],
        f"Ticket {page.number}",
        "The code lets one person in, once: whoever shows it first. Keep it to yourself.",
    ]
    pages = [ticket(number=str(number)) for number in range(3)]
    first = draw_tickets("Tickets", MADE_AT, pages)
    assert [page.words[-2] for page in read_pdf(first)] == ["Ticket 0", "Ticket 1", "Ticket 2"]
    assert draw_tickets("Tickets", MADE_AT, pages) == first


@pytest.mark.parametrize("letters", ["W", "W ", "i"])
def test_names_of_any_length_stay_on_one_page_and_off_the_code(letters: str):
    longest = (letters * LINE_CHARACTERS_MAX)[:LINE_CHARACTERS_MAX]

    page = drawn_page(
        ticket(
            title=longest,
            when="Wednesday, 30 September 2026, 20:00 (America/Argentina/ComodRivadavia)",
            venue=longest,
            address=", ".join([longest] * 5),
            place=f"{longest}, row {longest}, seat {longest}",
            details=[
                ("Category", f"{longest}, {longest}"),
                ("Name", longest),
                ("Price", "1"),
                ("Booking", "2"),
            ],
        )
    )

    assert (letters == "i") == (page.words[0] in longest[:50] * 4 and "…" not in page.words[2])
    assert max(map(len, page.words)) < LINE_CHARACTERS_MAX


def test_letters_that_the_font_lacks_are_boxes_and_what_is_read_from_the_right_begins_there():
    page = drawn_page(ticket(title="名前 🎫", venue="שלום", place="\u202eGate‍ 5\U0010ffff"))

    assert page.words[0] == f"{BOX}{BOX} {BOX}"
    assert page.words[2] == "םולש"
