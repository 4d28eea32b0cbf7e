"""A picture made anew from its pixels: a program of its own, which reads an upload and writes its sizes.

`python -m boxoffice.catalog.images.encoding` runs apart from the server (see `encoder.py`): decoders hold the
interpreter for a tenth of a second and more, take hundreds of megabytes, and are where pictures that
were made to do harm do it. Nothing of the upload but its pixels gets out of here: no metadata, no
place where it was taken, no bytes after the picture's end.
"""

import io
import os
import re
import resource
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress

import msgspec
from PIL import AvifImagePlugin, Image, ImageCms, ImageOps

from boxoffice.catalog.images.result import Encoded, NoImage, Result, Unfit
from boxoffice.catalog.images.sizes import SIDES, ImageFormat, StoredSize

# A poster of 50 x 70 cm at 200 dpi or a photograph of the best cameras that people carry; as pixels in
# memory it is 160 MB.
PIXELS_MAX = 40_000_000

# The largest picture takes 650 MB in the hungriest of its decoders, with the program itself.
MEMORY_BYTES_MAX = 1_200_000_000

# The largest pictures of all formats take 2 of them on a busy core; no honest one takes ten times that.
CPU_SECONDS_MAX = 20

# Where the eye stops seeing a difference on a photograph, by each format's own scale.
_WEBP_QUALITY = 80
_JPEG_QUALITY = 82

_DAMAGED = "The image cannot be read to its end: it is damaged, cut off or far too large."

# How the four kinds begin: such a file that cannot be opened is one of them, but broken.
_BEGINNING = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|RIFF....WEBP|....ftyp(avif|avis)", re.DOTALL)

_BACKGROUND = "white"

# Below everything that sells, and still a quarter of a core that something else wants all of.
_NICENESS = 5

_SRGB = ImageCms.createProfile("sRGB")


def encode(content: bytes) -> Result:
    """Decode the picture and make its sizes, none of them larger than it is."""
    try:
        # The content decides; a name or a `Content-Type` is never looked at.
        picture = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP", "AVIF"))
    except Image.UnidentifiedImageError:
        return Unfit(_DAMAGED) if _BEGINNING.match(content) else NoImage()
    pixels = picture.width * picture.height
    if pixels > PIXELS_MAX:
        return Unfit(f"The image has {pixels} pixels; send one of at most {PIXELS_MAX}.")
    # Some cameras put a second, small picture behind a photograph (MPO): the first is the photograph.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        return Unfit("The image is animated; send one that stands still.")
    largest = _upright(picture)
    sizes: list[StoredSize] = []
    files: dict[str, bytes] = {}
    longest = max(largest.size)
    for side in SIDES:
        smaller = largest.copy()
        smaller.thumbnail((side, side), Image.Resampling.LANCZOS)
        sizes.append(StoredSize(side, smaller.width, smaller.height))
        files[f"{side}.{ImageFormat.WEBP}"] = _saved(smaller, "WEBP", quality=_WEBP_QUALITY)
        files[f"{side}.{ImageFormat.JPEG}"] = _saved(
            smaller, "JPEG", quality=_JPEG_QUALITY, progressive=True, optimize=True
        )
        if longest <= side:
            break
    return Encoded(sizes, files)


def _upright(picture: Image.Image) -> Image.Image:
    """The picture at its largest size: turned as it was taken, in sRGB, on white, and nothing else of it."""
    side = SIDES[-1]
    # Only JPEG can be decoded at a fraction of its size; the others take no notice.
    picture.draft(None, (side, side))
    picture.load()
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I"):
        # Sixteen bits of grey.
        picture = picture.point(lambda grey: grey / 256).convert("L")
    elif picture.mode in {"1", "P", "PA", "LA"} or "transparency" in picture.info:
        picture = picture.convert("L" if picture.mode == "1" else "RGBA")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    turned = ImageOps.exif_transpose(picture)
    colours = turned.convert("RGB") if turned.mode == "RGBA" else turned
    fresh = Image.new("RGB", turned.size, _BACKGROUND)
    fresh.paste(_in_srgb(colours, profile), mask=turned.getchannel("A") if turned.mode == "RGBA" else None)
    return fresh


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The same colours without a profile; a profile that cannot be used is left out of account."""
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), _SRGB, outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return picture.convert("RGB")
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    output = io.BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def _limit(resource_kind: int, most: int) -> None:
    """Where the system is stricter it stays so; macOS refuses every limit of memory that is of any use."""
    with suppress(ValueError):
        resource.setrlimit(resource_kind, (most, most))


def _within_limits(work: Callable[[bytes], Result], content: bytes) -> Result:
    """What comes of it; a picture on which a decoder fails is damaged, whatever the decoder says."""
    _limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX)
    _limit(resource.RLIMIT_CPU, CPU_SECONDS_MAX)
    _limit(resource.RLIMIT_CORE, 0)
    try:
        return work(content)
    except Exception as error:  # noqa: BLE001  decoders raise what they like
        sys.stderr.write(f"{error!r}\n")
        return Unfit(_DAMAGED)


def main() -> None:
    """Read an upload from standard input, write the result to standard output as MessagePack."""
    os.nice(_NICENESS)
    # We compare the pixels ourselves, with a limit of our own.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    # More threads would take memory for each of them, and the cores that sell.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    result = _within_limits(encode, sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.msgpack.encode(result))


if __name__ == "__main__":
    main()
