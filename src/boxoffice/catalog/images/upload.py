"""Reading an upload: one file of a multipart form, held in memory, refused as soon as it is too much."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from boxoffice.kit.errors import Refusal, invalid
from boxoffice.kit.problems import BodyTooLarge

# A photograph of 40 million pixels as JPEG at a quality nobody can fault.
IMAGE_BYTES_MAX = 12_000_000

# The form around the file: boundaries, a file's name, a content type.
UPLOAD_BYTES_MAX = IMAGE_BYTES_MAX + 10_000

# Two megabits a second for the largest; whoever is slower keeps others from their turn.
UPLOAD_SECONDS_MAX = 60

_FIELD = "image"


class NotMultipart(Refusal, status=415):
    """The body must be a form with a file: send `Content-Type: multipart/form-data` with its boundary."""


class UnreadableForm(Refusal, status=400):
    """The body is not the multipart form that it says it is."""


class ImageTooLarge(Refusal, status=413):
    """The file has more bytes than an image may have; send a smaller one."""

    limit: int


class UploadTooSlow(Refusal, status=408):
    """The image did not arrive in time; send a smaller one, or over a better connection."""


UPLOAD_REFUSALS = (NotMultipart, UnreadableForm, ImageTooLarge, BodyTooLarge, UploadTooSlow)


async def read_upload(request: Request[Any, Any, Any]) -> bytes:
    """The one file of the form. Raises `UPLOAD_REFUSALS` and `InvalidInput`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get("boundary")
    if kind != "multipart/form-data" or not boundary:
        raise NotMultipart
    try:
        async with asyncio.timeout(UPLOAD_SECONDS_MAX):
            upload = await _read(request.stream(), boundary)
    except TimeoutError:
        raise UploadTooSlow from None
    except (MultipartError, UnicodeError):
        raise UnreadableForm from None
    if upload is None:
        raise invalid(f"/{_FIELD}", f"Send one file as the form's field `{_FIELD}`.")
    if not upload:
        raise invalid(f"/{_FIELD}", "The file is empty.")
    return upload


async def _read(body: AsyncIterator[bytes], boundary: str) -> bytes | None:
    upload: bytearray | None = None
    with PushMultipartParser(boundary, strict=True) as parser:
        async for chunk in body:
            # An empty one would say that the form has ended.
            for event in parser.parse(chunk) if chunk else ():
                if isinstance(event, MultipartSegment):
                    if event.name != _FIELD or upload is not None:
                        raise invalid(f"/{event.name}", f"Send one file as the form's field `{_FIELD}`.")
                    upload = bytearray()
                elif event is not None and upload is not None:
                    if len(upload) + len(event) > IMAGE_BYTES_MAX:
                        raise ImageTooLarge(limit=IMAGE_BYTES_MAX)
                    upload += event
    return None if upload is None else bytes(upload)
