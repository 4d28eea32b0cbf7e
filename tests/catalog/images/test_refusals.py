"""Uploads that are refused, each with what to do about it, and the edge of every limit."""

import asyncio
import io
import resource
from collections.abc import AsyncGenerator

import httpx
import pytest
from PIL import Image

from boxoffice.catalog.images import encoder, encoding, upload
from boxoffice.catalog.images.encoder import UPLOADS_MAX, Encoder
from boxoffice.catalog.images.encoding import PIXELS_MAX
from boxoffice.catalog.images.upload import IMAGE_BYTES_MAX, UPLOAD_BYTES_MAX
from boxoffice.kit.errors import Unavailable
from catalog.images.pictures import halves, has_image, png_of, put, saved
from catalog.stage import Person, pointers


def _moving(kind: str) -> bytes:
    output = io.BytesIO()
    halves().save(output, kind, save_all=True, append_images=[halves((400, 200)).rotate(180)], duration=100)
    return output.getvalue()


_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
_HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(1000)


@pytest.mark.parametrize(
    "content",
    [
        b"\x00",
        b"just words",
        _SVG,
        _HEIC,
        b"%PDF-1.7\n",
        b"<html><img src=x onerror=alert(1)>",
        saved(halves(), "GIF"),
        saved(halves(), "BMP"),
        saved(halves(), "TIFF"),
        saved(halves(), "ICO"),
        saved(halves(), "PPM"),
    ],
    ids=["a byte", "words", "SVG", "HEIC", "PDF", "HTML", "GIF", "BMP", "TIFF", "ICO", "PPM"],
)
async def test_what_is_no_image_is_refused_whatever_it_is_called(organizer: Person, content: bytes):
    draft = await organizer.has_draft()

    answer = await put(organizer, draft["id"], content, name="poster.png", kind="image/png")

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/not-an-image")
    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b"", "empty"),
        (_moving("PNG"), "animated"),
        (_moving("WEBP"), "animated"),
        (_moving("AVIF"), "animated"),
        (saved(halves(), "PNG")[:-200], "damaged"),
        (saved(halves((1000, 1000)), "JPEG")[:4000], "damaged"),
        (saved(Image.effect_noise((500, 500), 60), "WEBP")[:-1000], "damaged"),
        (saved(Image.effect_noise((500, 500), 60), "AVIF")[:-1000], "damaged"),
        (png_of(100, 100, rows=False), "damaged"),
        (png_of(PIXELS_MAX // 5_000, 5_001), "pixels"),
        (png_of(2**31 - 1, 2**31 - 1, rows=False), "pixels"),
        (png_of(0, 10), "damaged"),
    ],
    ids=[
        *("empty", "APNG", "moving WebP", "moving AVIF"),
        *("cut PNG", "cut JPEG", "cut WebP", "cut AVIF"),
        *("without rows", "a row too many", "a bomb", "without width"),
    ],
)
async def test_an_image_that_cannot_be_shown_is_refused_with_the_reason(
    organizer: Person, content: bytes, detail: str
):
    draft = await organizer.has_draft()

    answer = await put(organizer, draft["id"], content)

    assert answer.status_code == 422, answer.text
    assert pointers(answer) == ["/image"]
    assert detail in answer.json()["errors"][0]["detail"]
    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft


async def test_exactly_as_many_pixels_as_allowed_are_taken_and_one_more_is_not(organizer: Person):
    draft = await organizer.has_draft()

    most = await has_image(organizer, draft["id"], png_of(8_000, PIXELS_MAX // 8_000))
    answer = await put(organizer, draft["id"], png_of(PIXELS_MAX + 1, 1))

    assert (most["width"], most["height"]) == (1920, 1200)
    assert answer.status_code == 422
    assert f"{PIXELS_MAX + 1} pixels" in answer.json()["errors"][0]["detail"]


async def test_exactly_as_many_bytes_as_allowed_are_taken_and_one_more_is_not(organizer: Person):
    draft = await organizer.has_draft()
    picture = saved(halves(), "PNG")
    full = picture + bytes(IMAGE_BYTES_MAX - len(picture))

    taken = await put(organizer, draft["id"], full)
    refused = await put(organizer, draft["id"], full + b"\x00")

    assert taken.status_code == 200, taken.text
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/image-too-large")
    assert refused.json()["limit"] == IMAGE_BYTES_MAX


async def test_fifty_megabytes_are_refused_before_they_are_read(organizer: Person):
    draft = await organizer.has_draft()
    read = 0

    async def body() -> AsyncGenerator[bytes]:
        nonlocal read
        for _ in range(50):
            read += 1_000_000
            yield bytes(1_000_000)

    path, kind = f"/events/{draft['id']}/image", {"Content-Type": "multipart/form-data; boundary=b"}
    answers = [
        await organizer.client.put(path, content=body(), headers=organizer.headers | kind | length)
        for length in ({"Content-Length": "50000000"}, {"Transfer-Encoding": "chunked"})
    ]

    assert [answer.status_code for answer in answers] == [413, 400]
    assert read <= UPLOAD_BYTES_MAX + 1_000_000


async def test_a_file_that_goes_on_and_on_is_cut_off(organizer: Person):
    """Without a length that could be looked at beforehand."""
    draft = await organizer.has_draft()
    read = 0

    async def body() -> AsyncGenerator[bytes]:
        nonlocal read
        yield _part("image")
        for _ in range(50):
            read += 1_000_000
            yield bytes(1_000_000)

    answer = await _send(organizer, draft["id"], body())

    assert answer.status_code == 413
    assert read <= UPLOAD_BYTES_MAX + 1_000_000


_PICTURE = saved(halves(), "PNG")


def _part(name: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.png"\r\n\r\n'.encode()


async def _send(
    person: Person, event_id: int, body: bytes | AsyncGenerator[bytes], kind: str | None = None
) -> httpx.Response:
    return await person.client.put(
        f"/events/{event_id}/image",
        content=body,
        headers=person.headers
        | {"Content-Type": "multipart/form-data; boundary=b" if kind is None else kind},
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_part("image") + _PICTURE + b"\r\n--b--\r\n", 200),
        (b"", 400),
        (b"--b--\r\n", 422),
        (b"nonsense", 400),
        (_part("image") + _PICTURE, 400),
        (_part("image") + _PICTURE + b"\r\n--b\r\n", 400),
        (b"--b\r\nContent-Disposition: nonsense\r\n\r\nx\r\n--b--\r\n", 400),
        (b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--\r\n', 400),
        (_part("picture") + _PICTURE + b"\r\n--b--\r\n", 422),
        (_part("image") + _PICTURE + b"\r\n" + _part("image") + _PICTURE + b"\r\n--b--\r\n", 422),
        (_part("image") + _PICTURE + b"\r\n" + _part("more") + b"x\r\n--b--\r\n", 422),
        (b"--b\r\n" + b"a: b\r\n" * 5_000 + b"\r\nx\r\n--b--\r\n", 400),
    ],
)
async def test_a_form_has_one_file(organizer: Person, body: bytes, status: int):
    draft = await organizer.has_draft()

    answer = await _send(organizer, draft["id"], body)

    assert answer.status_code == status, answer.text
    if status == 422:
        assert len(pointers(answer)) == 1


@pytest.mark.parametrize(
    "kind", ["image/png", "application/json", "multipart/form-data", "multipart/mixed; boundary=b", ""]
)
async def test_a_body_that_is_no_form_is_refused(organizer: Person, kind: str):
    draft = await organizer.has_draft()

    answer = await _send(organizer, draft["id"], _PICTURE, kind)

    assert (answer.status_code, answer.json()["type"]) == (415, "/problems/not-multipart")


async def test_an_upload_that_does_not_arrive_is_given_up(organizer: Person, monkeypatch: pytest.MonkeyPatch):
    draft = await organizer.has_draft()
    monkeypatch.setattr(upload, "UPLOAD_SECONDS_MAX", 0.05)

    async def body() -> AsyncGenerator[bytes]:
        yield _part("image")
        await asyncio.Event().wait()

    answer = await _send(organizer, draft["id"], body())

    assert (answer.status_code, answer.json()["type"]) == (408, "/problems/upload-too-slow")


async def test_so_many_uploads_are_taken_at_once_and_one_more_comes_back_later():
    crowded = Encoder()
    places = [crowded.place() for _ in range(UPLOADS_MAX)]
    for place in places:
        place.__enter__()

    with pytest.raises(Unavailable), crowded.place():
        pass
    places.pop().__exit__(None, None, None)
    with crowded.place():
        pass


async def test_a_picture_that_kills_its_decoder_or_gets_no_time_harms_nobody(
    organizer: Person, monkeypatch: pytest.MonkeyPatch
):
    draft = await organizer.has_draft()

    with monkeypatch.context() as patch:
        patch.setattr(encoder, "_PROGRAM", "boxoffice.catalog.images.there_is_no_such_program")
        killed = await put(organizer, draft["id"], _PICTURE)
    with monkeypatch.context() as patch:
        patch.setattr(encoder, "ENCODE_SECONDS_MAX", 0)
        slow = await put(organizer, draft["id"], _PICTURE)

    assert [killed.status_code, slow.status_code] == [422, 503]
    assert (await put(organizer, draft["id"], _PICTURE)).status_code == 200


def test_a_system_that_refuses_a_limit_decodes_within_its_own(monkeypatch: pytest.MonkeyPatch):
    def refuse(kind: int, limits: tuple[int, int]) -> None:
        asked.append(kind)
        raise ValueError("current limit exceeds maximum limit")  # what macOS says of any limit of memory

    asked: list[int] = []
    monkeypatch.setattr(resource, "setrlimit", refuse)

    result = encoding._within_limits(len, b"abc")  # pyright: ignore[reportPrivateUsage, reportArgumentType]

    assert result == 3
    assert resource.RLIMIT_AS in asked


async def test_a_cancelled_event_gets_no_image_but_may_lose_the_one_it_has(organizer: Person):
    event = await organizer.has_event()
    await has_image(organizer, event["id"])
    assert (await organizer.post(f"/events/{event['id']}/cancel")).status_code == 200

    refused = await put(organizer, event["id"], saved(halves((50, 50)), "PNG"))
    taken_away = await organizer.delete(f"/events/{event['id']}/image")

    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/event-is-cancelled")
    assert taken_away.status_code == 204
    assert (await organizer.get(f"/events/{event['id']}")).json()["image"] is None


async def test_the_hungriest_picture_that_is_allowed_fits_into_the_memory_it_is_given(organizer: Person):
    """WebP with transparency: 640 MB. Meanwhile others are answered.

    With `encode` called on the event loop, it stood still for all of the time that the picture took.
    """
    draft = await organizer.has_draft()
    picture = saved(Image.new("RGBA", (8_000, PIXELS_MAX // 8_000), (200, 30, 30, 128)), "WEBP", method=0)
    clock = asyncio.get_running_loop().time
    longest = 0.0

    started = clock()
    sending = asyncio.create_task(put(organizer, draft["id"], picture))
    while not sending.done():
        before = clock()
        await asyncio.sleep(0.002)
        longest = max(longest, clock() - before)
    took = clock() - started

    answer = sending.result()
    assert answer.status_code == 200, answer.text
    image = answer.json()["image"]
    assert (image["width"], image["height"]) == (1920, 1200)
    assert took > 0.5
    assert longest < took / 4
