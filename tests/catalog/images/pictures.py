"""Pictures as people and attackers send them, and the requests that send them."""

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from catalog.stage import Person, soon

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (30, 60, 200)

# EXIF's words for "turn me": which corner of the shot is the picture's top left.
ORIENTATION, CAMERA, GPS = 0x0112, 0x010F, 0x8825


def halves(size: tuple[int, int] = (400, 200), mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    ImageDraw.Draw(picture).rectangle((size[0] // 2, 0, *size), fill=BLUE)
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """As a file of this kind."""
    output = io.BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def png_of(width: int, height: int, *, rows: bool = True) -> bytes:
    """A black PNG, a bit a pixel, of next to no bytes; without `rows` it only says its size."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj()
    data = b"".join([*(packer.compress(row) for _ in range(height if rows else 0)), packer.flush()])
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def near(pixel: Any, wanted: tuple[int, int, int]) -> bool:
    """Whether a colour survived lossy formats."""
    return all(abs(one - other) < 25 for one, other in zip(pixel, wanted, strict=True))


async def put(
    person: Person,
    event_id: int,
    content: bytes,
    name: str = "poster.png",
    kind: str = "image/png",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Send it as a browser does."""
    return await person.client.put(
        f"/events/{event_id}/image",
        files={"image": (name, content, kind)},
        headers=person.headers | (headers or {}),
    )


async def has_image(person: Person, event_id: int, content: bytes | None = None) -> dict[str, Any]:
    """Give the event an image; what its document then says."""
    answer = await put(person, event_id, saved(halves(), "PNG") if content is None else content)
    assert answer.status_code == 200, answer.text
    return answer.json()["image"]


async def has_duplicate(person: Person, event_id: int) -> dict[str, Any]:
    """Put the event on again; the new draft."""
    answer = await person.post(f"/events/{event_id}/duplicate", {"starts_at": soon(days=9)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def fetch(person: Person, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """Get what a document names."""
    return await person.client.get(f"http://testserver{url}", headers=headers)


async def shown(person: Person, image: dict[str, Any]) -> Image.Image:
    """The largest size, decoded."""
    answer = await fetch(person, image["url"])
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def hash_of(image: dict[str, Any]) -> str:
    """The hash in the addresses of an image."""
    found = re.search(r"/image/([0-9a-f]{64})/", image["url"])
    assert found
    return found[1]


def files_of(folder: Path, image_hash: str) -> list[Path]:
    """The files that the store has of an image."""
    return sorted(folder.rglob(f"*{image_hash}*"))


def everything_in(folder: Path) -> set[Path]:
    """All files that the store has."""
    return {path for path in folder.rglob("*") if path.is_file()}
