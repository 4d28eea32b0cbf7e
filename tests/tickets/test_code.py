"""A ticket code can be verified offline, cannot be forged, and is the same each time it is derived."""

import base64
import string
from uuid import UUID

import pytest

from boxoffice.kit.ids import new_id
from boxoffice.tickets.code import CODE_CHARACTERS, TicketKeys, read_code

EVENT_ID = 4_294_967_295
TICKET_ID = new_id(EVENT_ID)
KEYS = TicketKeys("a secret of thirty-two characters")
CODE = KEYS.code_of(EVENT_ID, TICKET_ID, 65_535)


def test_a_code_says_which_ticket_it_is_and_that_we_signed_it():
    read = read_code(CODE)

    assert read is not None
    assert (read.event_id, read.ticket_id, read.generation) == (EVENT_ID, TICKET_ID, 65_535)
    assert read.key_id == KEYS.key_id
    assert read.signed_by(KEYS.public_key)


def test_a_code_has_only_characters_of_the_qr_alphanumeric_mode_that_need_no_quoting():
    assert len(CODE) == CODE_CHARACTERS == 146
    assert set(CODE) <= set(string.ascii_uppercase + string.digits)


def test_the_same_ticket_always_has_the_same_code():
    assert TicketKeys("a secret of thirty-two characters").code_of(EVENT_ID, TICKET_ID, 65_535) == CODE


def test_another_ticket_generation_event_or_secret_makes_another_code():
    codes = {
        CODE,
        KEYS.code_of(EVENT_ID, new_id(EVENT_ID), 65_535),
        KEYS.code_of(EVENT_ID, TICKET_ID, 1),
        KEYS.code_of(1, TICKET_ID, 65_535),
        TicketKeys("another secret of thirty-two chars").code_of(EVENT_ID, TICKET_ID, 65_535),
    }
    assert len(codes) == 5


def test_the_layout_is_the_documented_one():
    content = base64.b32decode(CODE + "======")

    assert content[0] == 1
    assert content[1:5] == KEYS.key_id
    assert int.from_bytes(content[5:9], "big") == EVENT_ID
    assert UUID(bytes=content[9:25]) == TICKET_ID
    assert int.from_bytes(content[25:27], "big") == 65_535
    assert len(content[27:]) == 64


def test_no_flipped_bit_survives():
    content = base64.b32decode(CODE + "======")
    for position in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[position] ^= 1 << bit
            read = read_code(base64.b32encode(flipped).decode().rstrip("="))
            assert read is None or not read.signed_by(KEYS.public_key)


def test_no_changed_character_survives():
    """Also in the last one, of which Base32 leaves two bits unused."""
    for position in range(len(CODE)):
        for other in set(string.ascii_uppercase + "234567") - {CODE[position]}:
            read = read_code(CODE[:position] + other + CODE[position + 1 :])
            assert read is None or not read.signed_by(KEYS.public_key)


def test_another_installations_key_does_not_verify():
    other = TicketKeys("another secret of thirty-two chars")
    read = read_code(CODE)

    assert read is not None
    assert other.key_id != KEYS.key_id
    assert not read.signed_by(other.public_key)


def test_scanners_may_add_blanks_and_change_case():
    assert read_code(f" {CODE.lower()}\r\n") == read_code(CODE)


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        "\x00",
        "\x00" * CODE_CHARACTERS,
        CODE[:-1],
        CODE + "A",
        CODE[:-1] + "=",
        CODE[:70] + "\x00" + CODE[71:],
        CODE[:70] + "\n" + CODE[71:],
        CODE[:70] + "1" + CODE[71:],
        "ß" * CODE_CHARACTERS,
        "ß" * (CODE_CHARACTERS // 2),
        "٣" * CODE_CHARACTERS,
        "\ud800" * CODE_CHARACTERS,
        "=" * CODE_CHARACTERS,
        "A" * CODE_CHARACTERS,
        "A" * 1_000_000,
        "https://example.org/ticket/1",
    ],
)
def test_garbage_is_no_code(garbage: str):
    assert read_code(garbage) is None
