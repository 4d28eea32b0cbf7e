"""What comes of an upload: the one thing that `encoding.py` and the server both know."""

import msgspec

from boxoffice.catalog.images.sizes import StoredSize


class Encoded(msgspec.Struct, frozen=True, tag="ENCODED"):
    """The picture's sizes, from small to large, and its files by the last part of their path."""

    sizes: list[StoredSize]
    files: dict[str, bytes]


class NoImage(msgspec.Struct, frozen=True, tag="NO_IMAGE"):
    """It is nothing we read, whatever it is called."""


class Unfit(msgspec.Struct, frozen=True, tag="UNFIT"):
    """It is a picture, but not one we can show; `detail` is for the person who sent it."""

    detail: str


Result = Encoded | NoImage | Unfit
