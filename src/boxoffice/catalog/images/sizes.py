"""In which sizes and formats an image is kept."""

from enum import StrEnum

import msgspec

# The longest side, in pixels: a list on a phone, a list on a desk, a page on a phone, a page on a desk
# with a dense screen. More would be stored and never asked for.
SIDES = (320, 640, 1280, 1920)


class ImageFormat(StrEnum):
    """WEBP is smaller; JPEG is for what cannot show it, such as some mail programs."""

    WEBP = "webp"
    JPEG = "jpg"

    @property
    def media_type(self) -> str:
        """As `Content-Type` says it."""
        return "image/webp" if self is ImageFormat.WEBP else "image/jpeg"


class StoredSize(msgspec.Struct, frozen=True, array_like=True):
    """One size of an image: the longest side it may have, and what it has."""

    side: int
    width: int
    height: int
