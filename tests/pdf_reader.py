"""A reader for PDFs that we draw, written from ISO 32000: texts and filled rectangles, where they stand."""

import re
import zlib

import msgspec

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj\n", re.DOTALL)
_STREAM = re.compile(rb"stream\n(.*)\nendstream", re.DOTALL)
_LETTER = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]+)>")
_TEXT = re.compile(rb"([\d.]+) ([\d.]+) Td \(((?:\\.|[^\\)])*)\) Tj", re.DOTALL)
_RECTANGLE = re.compile(rb"([\d.]+) ([\d.]+) ([\d.]+) (-?[\d.]+) re f")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"r": b"\r", b"n": b"\n"}


class Text(msgspec.Struct, frozen=True):
    """A text and where it begins, in points from the lower left corner."""

    x: float
    y: float
    words: str


class Rectangle(msgspec.Struct, frozen=True):
    """A filled rectangle, by its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Page(msgspec.Struct, frozen=True):
    """What is on a page, in the order in which it was drawn."""

    texts: list[Text]
    rectangles: list[Rectangle]

    @property
    def words(self) -> list[str]:
        """The texts alone."""
        return [text.words for text in self.texts]


def read_pdf(pdf: bytes) -> list[Page]:
    """Its pages; all texts must be in one font."""
    objects: dict[bytes, bytes] = dict(_OBJECT.findall(pdf))
    (letters,) = {_named(objects, each, b"ToUnicode") for each in objects.values() if b"/ToUnicode" in each}
    alphabet = {
        bytes.fromhex(code.decode()): bytes.fromhex(letter.decode()).decode("utf-16-be")
        for code, letter in _LETTER.findall(letters)
    }
    return [
        _read_page(_named(objects, each, b"Contents"), alphabet)
        for each in objects.values()
        if re.search(rb"/Type /Page\b", each)
    ]


def _named(objects: dict[bytes, bytes], owner: bytes, name: bytes) -> bytes:
    """The stream that an object has under this name."""
    found = re.search(rb"/%s (\d+) 0 R" % name, owner)
    assert found is not None
    content = objects[found[1]]
    stream = _STREAM.search(content)
    assert stream is not None
    return zlib.decompress(stream[1]) if b"/FlateDecode" in content else stream[1]


def _read_page(content: bytes, alphabet: dict[bytes, str]) -> Page:
    def words(drawn: bytes) -> str:
        codes = _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), drawn)
        return "".join(alphabet[codes[n : n + 2]] for n in range(0, len(codes), 2))

    return Page(
        texts=[Text(float(x), float(y), words(drawn)) for x, y, drawn in _TEXT.findall(content)],
        rectangles=[Rectangle(*map(float, each)) for each in _RECTANGLE.findall(content)],
    )
