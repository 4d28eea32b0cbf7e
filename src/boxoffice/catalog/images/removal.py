"""Removing the files of images that no event has any more.

The hash in their names never comes again, not even for the same picture, and an event gets another one's
only while that one is locked and has it: so what no event has now none will ever have, and a removal that
comes late or twice cannot take a file that is shown.
"""

from datetime import timedelta

import msgspec

from boxoffice.catalog.images import queries
from boxoffice.catalog.images.naming import stored_names
from boxoffice.kit.files import Files
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.postgres import Database, Transaction

REMOVE_IMAGE_JOB = "remove-event-image"

# A page that somebody opened before the image was replaced still names the old one.
REPLACED_KEPT = timedelta(hours=1)


class Removal(msgspec.Struct, frozen=True):
    """Which files to remove, unless an event has this image when the job is done; `event_id` as in names."""

    event_id: int
    hash: str


async def remove_later(
    tx: Transaction, files_of: int, image_hash: str, delay: timedelta | None = None
) -> None:
    """Have the files removed after this transaction, and `delay` after that, unless they are in use then."""
    await enqueue(tx, REMOVE_IMAGE_JOB, Removal(files_of, image_hash), delay=delay)


async def remove_with_event(tx: Transaction, event_id: int) -> None:
    """Have the files of an event that is being deleted removed with it."""
    image = await queries.find_image(tx, event_id)
    if image is not None:
        await remove_later(tx, image.files_of, image.hash)


async def carry_out_removal(db: Database, files: Files, payload: bytes) -> None:
    """Do the job; twice is as once. Raises `Unavailable`, and is tried again, when the store is away."""
    removal = msgspec.json.decode(payload, type=Removal)
    if await queries.find_event_with(db, removal.hash) is None:
        await files.delete_all(stored_names(removal.event_id, removal.hash))
