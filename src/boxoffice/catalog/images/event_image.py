"""The image of an event: put it, take it away, show its files.

Files are stored before the transaction that names them, and removed after the one that names them no
more: no transaction waits for a store, and no document names a file that is not there. What a crash in
between leaves is a file that nobody can find; the job that was written beforehand removes it.
"""

import hashlib
import secrets
from datetime import timedelta

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.event_changes import EventIsCancelled, lock_own_event, refuse_stale, renew_terms
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.images import queries
from boxoffice.catalog.images.encoder import Encoder
from boxoffice.catalog.images.naming import FILES, stored_name
from boxoffice.catalog.images.removal import REPLACED_KEPT, remove_later
from boxoffice.catalog.images.result import Encoded
from boxoffice.catalog.images.sizes import ImageFormat
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.queries import get_now
from boxoffice.catalog.schemas import Event, EventState
from boxoffice.kit.errors import NotFound, Unavailable
from boxoffice.kit.files import Files
from boxoffice.kit.postgres import Database

# What was stored and is in no event by then is removed; storing takes a minute at the very most.
UNUSED_KEPT = timedelta(hours=1)

# Whoever was stopped for longer between storing and committing may find the files gone, and starts anew.
COMMIT_WITHIN = timedelta(minutes=30)

# Counts up when the sizes or the way they are made change: the same upload then makes another image.
_MAKING = b"1"

# As many as would have to be guessed to tell a draft's picture by somebody who has the picture.
_SALT_BYTES = 32


class ImageFile(msgspec.Struct, frozen=True):
    """A file of an image, which never changes under its name."""

    content: bytes
    media_type: str


async def put_image(
    db: Database,
    files: Files,
    encoder: Encoder,
    user: Identity,
    event_id: int,
    upload: bytes,
    if_match: str | None = None,
) -> Event:
    """Give the event this image instead of the one it may have; the same upload again changes nothing.

    Raises `NotFound`, `EventIsCancelled`, `EventHasChanged`, `NotAnImage`, `InvalidInput`.
    """
    await refuse_foreign(db, user, event_id)
    # Before the work is done; what counts is asked again under the lock.
    refuse_stale(await get_any_event(db, event_id), if_match)
    fingerprint = _fingerprint_of(upload)
    image = await queries.find_image(db, event_id)
    if image is not None and image.fingerprint == fingerprint:
        return await get_any_event(db, event_id)
    encoded = await encoder.encode(upload)
    image_hash = _hash_of(encoded)
    async with db.transaction() as tx:
        stored_at = await get_now(tx)
        await remove_later(tx, event_id, image_hash, UNUSED_KEPT)
    await files.put_all(
        {stored_name(event_id, image_hash, file): content for file, content in encoded.files.items()}
    )
    async with db.transaction() as tx:
        locked = await lock_own_event(tx, user, event_id)
        if locked.state == EventState.CANCELLED:
            raise EventIsCancelled
        if locked.now - stored_at > COMMIT_WITHIN:
            raise Unavailable("Storing the image took too long. Send it again.")
        refuse_stale(await get_any_event(tx, event_id), if_match)
        before = await queries.find_image(tx, event_id)
        if before is not None:
            await remove_later(tx, before.files_of, before.hash, REPLACED_KEPT)
        sizes = msgspec.json.encode(encoded.sizes).decode()
        await queries.insert_image(tx, event_id, image_hash, fingerprint, sizes)
        await renew_terms(tx, event_id)
        return await get_any_event(tx, event_id)


async def delete_image(db: Database, user: Identity, event_id: int, if_match: str | None = None) -> None:
    """Have the event without an image, in whatever state it is; its files go at once.

    Raises `NotFound`, `EventHasChanged`.
    """
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        refuse_stale(await get_any_event(tx, event_id), if_match)
        image = await queries.find_image(tx, event_id)
        if image is None:
            return
        await queries.delete_image(tx, event_id)
        await renew_terms(tx, event_id)
        await remove_later(tx, image.files_of, image.hash)


async def get_file(files: Files, event_id: int, image_hash: str, file: str) -> ImageFile:
    """A file of an image, for whoever knows its hash; no query. Raises `NotFound`."""
    kind = FILES.get(file)
    content = None
    if kind is not None:
        content = await files.find(stored_name(event_id, image_hash, file))
    if content is None or kind is None:
        raise NotFound
    return ImageFile(content, ImageFormat(kind).media_type)


def _fingerprint_of(upload: bytes) -> bytes:
    """By which the same upload is known again, as long as the same would be made of it."""
    digest = hashlib.sha256(_MAKING)
    digest.update(upload)
    return digest.digest()


def _hash_of(encoded: Encoded) -> str:
    """Over the files and a salt, so that it never comes twice and cannot be told from the picture."""
    digest = hashlib.sha256(secrets.token_bytes(_SALT_BYTES))
    for file in encoded.files.values():
        digest.update(file)
    return digest.hexdigest()
