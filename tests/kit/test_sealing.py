"""A sealed secret opens for its owner, with the right key, undamaged; else not."""

import pytest

from boxoffice.kit.sealing import Seal

OLD, NEW = "the old secret of this installation", "the new secret of this installation"


def test_what_was_sealed_opens_for_its_owner_only():
    seal = Seal("a purpose", [NEW])
    sealed = seal.close(b"content", b"7")

    assert seal.open(sealed, b"7") == b"content"
    assert seal.open(sealed, b"8") is None
    assert Seal("another purpose", [NEW]).open(sealed, b"7") is None
    assert seal.close(b"content", b"7") != sealed


def test_it_opens_after_a_change_of_the_secret():
    sealed = Seal("a purpose", [OLD]).close(b"content", b"7")

    assert Seal("a purpose", [NEW, OLD]).open(sealed, b"7") == b"content"
    assert Seal("a purpose", [NEW]).open(sealed, b"7") is None


@pytest.mark.parametrize("length", [0, 3, 4, 15, 16, 31])
def test_what_is_damaged_does_not_open(length: int):
    seal = Seal("a purpose", [NEW])
    sealed = seal.close(b"content", b"7")

    assert seal.open(sealed[:length], b"7") is None
    assert seal.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"7") is None
