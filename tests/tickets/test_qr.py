"""What a scanner reads off the drawn QR code is the ticket code."""

import pytest

from boxoffice.kit.ids import new_id
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.qr import QrFormat, draw_qr
from tickets.qr_reader import modules_of_png, modules_of_svg, read_qr

KEYS = TicketKeys("a secret of thirty-two characters")


@pytest.mark.parametrize("generation", range(1, 21))
def test_svg_and_png_read_as_the_code(generation: int):
    """Twenty codes, because each picks one of eight masks by its own pattern."""
    code = KEYS.code_of(17, new_id(17), generation)

    assert read_qr(modules_of_svg(draw_qr(code, QrFormat.SVG))) == code
    assert read_qr(modules_of_png(draw_qr(code, QrFormat.PNG))) == code


def test_the_longest_code_is_no_larger_than_the_others():
    """Every code has one length, so every ticket's QR code is version 6-M: the reader insists on it."""
    code = KEYS.code_of(2**32 - 1, new_id(2**32 - 1), 65_535)

    assert read_qr(modules_of_svg(draw_qr(code, QrFormat.SVG))) == code


def test_a_wrong_module_reads_as_another_text():
    """The reader of these tests does not mend what our drawer might get wrong."""
    code = KEYS.code_of(17, new_id(17), 1)
    modules = modules_of_png(draw_qr(code, QrFormat.PNG))
    modules[20][20] = not modules[20][20]

    assert read_qr(modules) != code


def test_an_svg_scales_and_reaches_for_nothing_outside():
    image = draw_qr(KEYS.code_of(17, new_id(17), 1), QrFormat.SVG)

    assert b"viewBox" in image
    assert b" width=" not in image
    assert image.count(b"http") == image.count(b'xmlns="http://www.w3.org/2000/svg"') == 1
    assert b"href" not in image
