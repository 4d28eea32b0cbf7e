"""The image of an event: what is made of it, who sees it, and that nothing but its pixels gets through."""

import io
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageCms

from boxoffice.kit.postgres import Database
from catalog.images.pictures import (
    BLUE,
    CAMERA,
    GPS,
    ORIENTATION,
    RED,
    fetch,
    files_of,
    halves,
    has_image,
    hash_of,
    near,
    put,
    saved,
    shown,
)
from catalog.stage import Person


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
async def test_an_image_is_made_in_sizes_that_everybody_gets(organizer: Person, stranger: Person, kind: str):
    event = await organizer.has_event()

    answer = await put(organizer, event["id"], saved(halves((2400, 1200)), kind), name="nothing to go by")
    image = answer.json()["image"]
    seen = await stranger.get(f"/events/{event['id']}")

    assert answer.status_code == 200, answer.text
    assert seen.json()["image"] == image
    assert seen.headers["etag"] == answer.headers["etag"] != f'"{event["revision"]}"'
    assert [(size["width"], size["height"]) for size in image["sizes"]] == [
        (320, 160),
        (640, 320),
        (1280, 640),
        (1920, 960),
    ]
    assert (image["url"], image["width"], image["height"]) == (image["sizes"][-1]["jpeg_url"], 1920, 960)
    for size in image["sizes"]:
        for url, media_type, form in (
            (size["webp_url"], "image/webp", "WEBP"),
            (size["jpeg_url"], "image/jpeg", "JPEG"),
        ):
            file = await fetch(stranger, url)
            picture = Image.open(io.BytesIO(file.content))
            assert (file.status_code, file.headers["content-type"]) == (200, media_type)
            assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert file.headers["x-content-type-options"] == "nosniff"
            assert (picture.format, picture.size) == (form, (size["width"], size["height"]))
            assert near(picture.getpixel((10, 10)), RED)
            assert near(picture.getpixel((picture.width - 10, 10)), BLUE)


async def test_lists_show_the_image_too(organizer: Person):
    event = await organizer.has_event()
    image = await has_image(organizer, event["id"])

    venue = event["venue"]["id"]
    lists = [
        await organizer.get("/events", None, venue_id=venue),
        await organizer.get("/events", None, mine=True, venue_id=venue),
    ]

    assert [answer.json()["items"][0]["image"] for answer in lists] == [image, image]
    assert event["image"] is None


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((1, 1), [(1, 1)]),
        ((320, 100), [(320, 100)]),
        ((321, 100), [(320, 100), (321, 100)]),
        ((100, 500), [(64, 320), (100, 500)]),
        ((3000, 2), [(320, 1), (640, 1), (1280, 1), (1920, 1)]),
    ],
)
async def test_no_size_is_larger_than_the_picture(
    organizer: Person, size: tuple[int, int], sizes: list[tuple[int, int]]
):
    event = await organizer.has_draft()

    image = await has_image(organizer, event["id"], saved(halves(size), "PNG"))

    assert [(each["width"], each["height"]) for each in image["sizes"]] == sizes


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[CAMERA] = "SECRETCAM"
    exif.get_ifd(GPS)[1] = "SECRETNORTH"
    return exif


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
async def test_a_picture_is_turned_as_it_was_taken_and_keeps_nothing_but_its_pixels(
    organizer: Person, folder: Path, kind: str
):
    event = await organizer.has_draft()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    comment = {"comment": b"SECRETCOMMENT"} if kind == "JPEG" else {}
    xmp = {} if kind == "PNG" else {"xmp": b"<x:xmpmeta>SECRETXMP</x:xmpmeta>"}
    sent = saved(halves(), kind, exif=_exif(), icc_profile=profile, **comment, **xmp)
    assert sent.count(b"SECRET") >= 2

    image = await has_image(organizer, event["id"], sent)
    picture = await shown(organizer, image)

    # Orientation 6: what the shot has on its left is the picture's top.
    assert picture.size == (200, 400)
    assert near(picture.getpixel((100, 20)), RED)
    assert near(picture.getpixel((100, 380)), BLUE)
    files = files_of(folder, hash_of(image))
    assert len(files) == 4
    for file in files:
        kept = Image.open(file)
        kept.load()
        assert b"SECRET" not in file.read_bytes()
        assert not dict(kept.getexif())
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(kept.info)


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\x03\x04" + b"zip" * 1000, b"%PDF-1.7"])
async def test_a_file_that_is_two_things_at_once_comes_out_as_a_picture_only(
    organizer: Person, folder: Path, tail: bytes
):
    event = await organizer.has_draft()

    image = await has_image(organizer, event["id"], saved(halves(), "JPEG") + tail)

    assert [file for file in files_of(folder, hash_of(image)) if tail[:6] in file.read_bytes()] == []


async def test_colours_of_another_profile_are_those_that_were_meant(organizer: Person):
    """Without its profile, a picture of a telephone with wide colours looks pale."""
    event = await organizer.has_draft()
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # What this profile calls red is blue, and the other way round.
    swapped = plain.replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    picture = Image.new("RGB", (50, 50), RED)

    for profile, wanted in ((plain, RED), (swapped, (RED[2], RED[1], RED[0])), (b"this is no profile", RED)):
        sent = saved(picture, "PNG", icc_profile=profile)
        made = await shown(organizer, await has_image(organizer, event["id"], sent))
        assert near(made.getpixel((20, 20)), wanted)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_every_kind_of_pixels_becomes_a_picture_on_white(organizer: Person, mode: str):
    event = await organizer.has_draft()
    if mode == "I;16":
        sent = saved(Image.new("I;16", (64, 64), 0xC000), "PNG")
        wanted = (0xC0, 0xC0, 0xC0)
    elif mode in {"RGBA", "LA"}:
        sent = saved(Image.new(mode, (64, 64), 0), "PNG")
        wanted = (255, 255, 255)
    else:
        sent = saved(Image.new("RGB", (64, 64), "white").convert(mode), "PNG")
        wanted = (255, 255, 255)

    picture = await shown(organizer, await has_image(organizer, event["id"], sent))

    assert picture.mode == "RGB"
    assert near(picture.getpixel((30, 30)), wanted)


async def test_a_photograph_in_cmyk_and_one_with_a_second_picture_behind_it_are_taken(organizer: Person):
    event = await organizer.has_draft()
    two = saved(halves(), "MPO", save_all=True, append_images=[halves((40, 20))])

    for sent in (saved(halves(mode="CMYK"), "JPEG"), two):
        picture = await shown(organizer, await has_image(organizer, event["id"], sent))
        assert picture.size == (400, 200)
        assert near(picture.getpixel((20, 20)), RED)


async def test_the_same_upload_again_changes_nothing(organizer: Person):
    event = await organizer.has_draft()
    first = await put(organizer, event["id"], saved(halves(), "PNG"))

    again = await put(organizer, event["id"], saved(halves(), "PNG"), name="another name")

    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"]


async def test_who_has_an_image_is_not_sent_it_again(organizer: Person, stranger: Person):
    event = await organizer.has_draft()
    url = (await has_image(organizer, event["id"]))["url"]
    tag = (await fetch(stranger, url)).headers["etag"]

    again = await fetch(stranger, url, {"If-None-Match": f'"x", W/{tag}'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await fetch(stranger, url, {"If-None-Match": '"x"'})).status_code == 200


async def test_of_a_draft_only_who_knows_the_hash_sees_the_image(organizer: Person, stranger: Person):
    """It is salted: whoever has the picture cannot tell from it whether some draft has it too."""
    draft, other = await organizer.has_draft(), await organizer.has_draft()
    image, same = [await has_image(organizer, each["id"]) for each in (draft, other)]

    assert hash_of(image) != hash_of(same)
    assert (await stranger.get(f"/events/{draft['id']}")).status_code == 404
    assert (await fetch(stranger, image["url"])).status_code == 200
    guesses = [
        image["url"].replace(hash_of(image), "0" * 64),
        image["url"].replace(hash_of(image), hash_of(same)),
        image["url"].replace(hash_of(image), hash_of(image).upper()),
        image["url"].replace(f"/{draft['id']}/", f"/{other['id']}/"),
    ]
    assert [(await fetch(stranger, guess)).status_code for guess in guesses] == [404] * 4


@pytest.mark.parametrize(
    "tail",
    [
        "/../../../../../../../../etc/passwd",
        "/..%2F..%2F..%2Fetc%2Fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%2e%2e%2f{hash}-320.webp",
        "/{hash}/..%2f320.webp",
        "/{hash}/%2e%2e",
        "/{hash}/",
        "/{hash}",
        "/{hash}/320.webp%00",
        "/{hash}/320.webp%0a",
        "/{hash}%0a/320.webp",
        "/{hash}/320.png",
        "/{hash}/0320.webp",
        "/{hash}/640.webp",
        "/{hash}/٣٢٠.webp",
        "/%2e/{hash}/320.webp",
    ],
)
async def test_a_path_that_is_no_images_is_not_found(organizer: Person, stranger: Person, tail: str):
    draft = await organizer.has_draft()
    image = await has_image(organizer, draft["id"], saved(halves((100, 100)), "PNG"))
    start = f"/api/v1/events/{draft['id']}/image"
    assert (await fetch(stranger, f"{start}/{hash_of(image)}/320.webp")).status_code == 200

    answer = await fetch(stranger, start + tail.format(hash=hash_of(image)))

    # httpx resolves dots as browsers do; what is left may be another path that is there.
    assert answer.status_code in ({404, 405} if answer.url.path == start else {404}), answer.url


class _Entry(msgspec.Struct, frozen=True):
    """A line of the audit log."""

    action: str
    actor_id: int
    organizer_id: int
    names_hash: bool


async def test_who_changed_the_image_is_in_the_audit_log_without_the_hash(
    organizer: Person, admin: Person, db: Database
):
    draft = await organizer.has_draft()
    await has_image(organizer, draft["id"])
    image = await has_image(admin, draft["id"], saved(halves((50, 50)), "PNG"))
    assert (await organizer.delete(f"/events/{draft['id']}/image")).status_code == 204

    entries = await db.list(
        _Entry,
        """
        SELECT action, actor_id, organizer_id,
               position($2 in concat(before::text, after::text)) > 0 AS names_hash
          FROM audit_log
         WHERE object = 'event_images' AND event_id = $1
         ORDER BY id
        """,
        draft["id"],
        hash_of(image),
    )

    assert entries == [
        _Entry("CREATED", organizer.id, organizer.id, names_hash=False),
        _Entry("CHANGED", admin.id, organizer.id, names_hash=False),
        _Entry("DELETED", organizer.id, organizer.id, names_hash=False),
    ]


async def test_only_the_organizer_and_an_admin_change_an_image(
    organizer: Person, rival: Person, buyer: Person, stranger: Person, admin: Person
):
    draft = await organizer.has_draft()
    image = await has_image(organizer, draft["id"])
    path = f"/events/{draft['id']}/image"
    picture = saved(halves((50, 50)), "PNG")

    refused = [
        (await put(person, draft["id"], picture), await person.delete(path))
        for person in (rival, buyer, stranger)
    ]
    missing = [await put(organizer, 2**31, picture), await organizer.delete(f"/events/{2**31}/image")]

    assert [tuple(answer.status_code for answer in pair) for pair in refused] == [
        (404, 404),
        (403, 403),
        (401, 401),
    ]
    assert [answer.status_code for answer in missing] == [404, 404]
    assert (await organizer.get(f"/events/{draft['id']}")).json()["image"] == image
    assert (await put(admin, draft["id"], picture)).status_code == 200
    assert (await admin.delete(path)).status_code == 204
