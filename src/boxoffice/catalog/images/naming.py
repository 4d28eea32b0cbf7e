"""Which files an image has, what they are called in the store, and where the world finds them."""

from collections.abc import Sequence

import msgspec

from boxoffice.catalog.images.sizes import SIDES, ImageFormat, StoredSize
from boxoffice.catalog.schemas import EventImage, ImageSize


class StoredImage(msgspec.Struct, frozen=True):
    """An image as its event's row has it; `files_of` is the event in the names of its files, if another."""

    hash: str
    sizes: list[StoredSize]
    files_of: int | None


# Every file an image may have, by the last part of its path.
FILES = {f"{side}.{kind}": kind for side in SIDES for kind in ImageFormat}


def stored_name(event_id: int, image_hash: str, file: str) -> str:
    """The name in the store. Nothing in it comes from a client but what was checked."""
    return f"event-images/{event_id}-{image_hash}-{file}"


def stored_names(event_id: int, image_hash: str) -> Sequence[str]:
    """The names of all files that the image may have."""
    return [stored_name(event_id, image_hash, file) for file in FILES]


def shown_image(event_id: int, row: str | None) -> EventImage | None:
    """The image as documents show it, from the JSON of its row."""
    if row is None:
        return None
    image = msgspec.json.decode(row, type=StoredImage)
    start = f"/api/v1/events/{image.files_of or event_id}/image/{image.hash}"
    sizes = [
        ImageSize(
            width=size.width,
            height=size.height,
            webp_url=f"{start}/{size.side}.{ImageFormat.WEBP}",
            jpeg_url=f"{start}/{size.side}.{ImageFormat.JPEG}",
        )
        for size in image.sizes
    ]
    return EventImage(url=sizes[-1].jpeg_url, width=sizes[-1].width, height=sizes[-1].height, sizes=sizes)
