"""A QR reader for clean pictures of version 6-M, written from ISO/IEC 18004 and not from our drawer.

It corrects no errors: a picture that is wrong in a single data module reads wrong here.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from xml.etree import ElementTree as ET

from pdf_reader import Rectangle

SIDE = 41
QUIET = 4

# Blocks and data codewords a block at 6-M (table 9); the symbol has 172 codewords in all.
_BLOCKS, _DATA_CODEWORDS = 4, 27

_ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

# Row and column -> whether the module was inverted (table 10).
_MASKS: list[Callable[[int, int], bool]] = [
    lambda i, j: (i + j) % 2 == 0,
    lambda i, _: i % 2 == 0,
    lambda _, j: j % 3 == 0,
    lambda i, j: (i + j) % 3 == 0,
    lambda i, j: (i // 2 + j // 3) % 2 == 0,
    lambda i, j: (i * j) % 2 + (i * j) % 3 == 0,
    lambda i, j: ((i * j) % 2 + (i * j) % 3) % 2 == 0,
    lambda i, j: ((i + j) % 2 + (i * j) % 3) % 2 == 0,
]

Modules = list[list[bool]]


def read_qr(modules: Modules) -> str:
    """The alphanumeric text in these modules (True is dark), without their quiet zone."""
    assert [len(row) for row in modules] == [SIDE] * SIDE
    # Format bits run along row 8 and up column 8 around the first finder, past the timing lines.
    around = [(8, j) for j in (0, 1, 2, 3, 4, 5, 7, 8)] + [(i, 8) for i in (7, 5, 4, 3, 2, 1, 0)]
    kind = _number([modules[i][j] for i, j in around]) ^ 0b101010000010010
    assert kind >> 13 == 0b00, "not error level M"
    mask = _MASKS[kind >> 10 & 0b111]
    bits = [modules[i][j] ^ mask(i, j) for i, j in _data_modules()]
    codewords = [bits[n : n + 8] for n in range(0, 172 * 8, 8)]
    in_order = [codewords[n * _BLOCKS + block] for block in range(_BLOCKS) for n in range(_DATA_CODEWORDS)]
    return _alphanumeric([bit for codeword in in_order for bit in codeword])


def _data_modules() -> Iterator[tuple[int, int]]:
    upward = True
    for right in (*range(SIDE - 1, 6, -2), 5, 3, 1):
        for i in range(SIDE - 1, -1, -1) if upward else range(SIDE):
            yield from ((i, j) for j in (right, right - 1) if not _is_pattern(i, j))
        upward = not upward


def _is_pattern(i: int, j: int) -> bool:
    in_finder = (i < 9 and (j < 9 or j >= SIDE - 8)) or (i >= SIDE - 8 and j < 9)
    return in_finder or 6 in {i, j} or (32 <= i <= 36 and 32 <= j <= 36)


def _alphanumeric(bits: list[bool]) -> str:
    assert _number(bits[:4]) == 0b0010, "not in alphanumeric mode"
    length = _number(bits[4:13])
    text, position = "", 13
    while len(text) < length - 1:
        first, second = divmod(_number(bits[position : position + 11]), 45)
        text += _ALPHANUMERIC[first] + _ALPHANUMERIC[second]
        position += 11
    if len(text) < length:
        text += _ALPHANUMERIC[_number(bits[position : position + 6])]
    return text


def _number(bits: list[bool]) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def modules_of_png(image: bytes) -> Modules:
    """Sample the middle of every module of a bilevel PNG; the quiet zone must be white."""
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    chunks: dict[bytes, bytes] = {}
    position = 8
    while position < len(image):
        (length,) = struct.unpack_from(">I", image, position)
        name, content = image[position + 4 : position + 8], image[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", image, position + 8 + length)[0] == zlib.crc32(name + content)
        chunks[name] = chunks.get(name, b"") + content
        position += 12 + length
    assert position == len(image)
    assert b"IEND" in chunks
    width, height, depth, color, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (width, depth, color) == (height, 1, 0), "not a bilevel square"
    rows = _unfiltered(zlib.decompress(chunks[b"IDAT"]), stride=1 + (width + 7) // 8)
    scale, rest = divmod(width, SIDE + 2 * QUIET)
    assert rest == 0

    def is_dark(i: int, j: int) -> bool:
        y, x = (i * scale + scale // 2, j * scale + scale // 2)
        return not rows[y][x // 8] >> (7 - x % 8) & 1

    return _without_quiet_zone([[is_dark(i, j) for j in range(side())] for i in range(side())])


def _unfiltered(content: bytes, stride: int) -> list[bytes]:
    """Rows of pixels; a row is given as it is (filter 0) or as the difference to the one above (2)."""
    rows = [bytes(stride - 1)]
    for start in range(0, len(content), stride):
        kind, row = content[start], content[start + 1 : start + stride]
        assert kind in {0, 2}, "a filter that this reader does not know"
        rows.append(bytes((a + b) % 256 for a, b in zip(row, rows[-1], strict=True)) if kind else row)
    return rows[1:]


def modules_of_svg(image: bytes) -> Modules:
    """Follow the one path of the drawing: strokes one module high, by `M`, `m` and `h`."""
    root = ET.fromstring(image)  # noqa: S314  our own drawing
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{name}svg"
    assert root.attrib["viewBox"] == f"0 0 {side()} {side()}"
    (path,) = [path for path in root.iter(f"{name}path") if "stroke" in path.attrib]
    modules = [[False] * side() for _ in range(side())]
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            for j in range(int(x), int(x + values[0])):
                modules[int(y)][j] = True
            x += values[0]
        else:
            x, y = (0, 0) if command == "M" else (x, y)
            x, y = x + values[0], y + values[1]
    return _without_quiet_zone(modules)


def side() -> int:
    """The picture's side in modules."""
    return SIDE + 2 * QUIET


def _without_quiet_zone(modules: Modules) -> Modules:
    inner = [row[QUIET:-QUIET] for row in modules[QUIET:-QUIET]]
    assert sum(map(sum, inner)) == sum(map(sum, modules)), "something in the quiet zone"
    return inner


def modules_of_pdf(rectangles: list[Rectangle]) -> Modules:
    """Runs of dark modules as rectangles, one module high; the first is the top of a finder, seven wide."""
    first = rectangles[0]
    unit = first.width / 7
    modules = [[False] * SIDE for _ in range(SIDE)]
    for each in rectangles:
        assert round(-each.height / unit) == 1
        x, y = round((each.x - first.x) / unit), round((first.y - each.y) / unit)
        for j in range(x, x + round(each.width / unit)):
            modules[y][j] = True
    return modules
