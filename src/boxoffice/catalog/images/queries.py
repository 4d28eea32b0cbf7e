"""SQL of the images of events. Whoever writes has the event's lock and counts its revision up."""

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class ImageRow(msgspec.Struct, frozen=True):
    """Which image an event has: hash and event in its files' names, and which upload it was made from."""

    hash: str
    files_of: int
    fingerprint: bytes


async def find_image(source: Source, event_id: int) -> ImageRow | None:
    return await source.find(
        ImageRow,
        """
        SELECT hash, coalesce(files_of, event_id) AS files_of, fingerprint
          FROM event_images
         WHERE event_id = $1
        """,
        event_id,
    )


async def find_event_with(source: Source, image_hash: str) -> int | None:
    """One of the events that have this image."""
    return await source.find(int, "SELECT event_id FROM event_images WHERE hash = $1 LIMIT 1", image_hash)


async def insert_image(
    tx: Transaction, event_id: int, image_hash: str, fingerprint: bytes, sizes: str
) -> None:
    """Give the event this image in the place of the one it has; `sizes` is JSON."""
    await tx.execute(
        """
        INSERT INTO event_images (event_id, hash, fingerprint, sizes)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (event_id) DO UPDATE
           SET hash = excluded.hash, fingerprint = excluded.fingerprint, sizes = excluded.sizes,
               files_of = NULL, created_at = now()
        """,
        event_id,
        image_hash,
        fingerprint,
        sizes,
    )


async def insert_same_image(tx: Transaction, event_id: int, other_id: int) -> None:
    """Give a new event the image that the other one has, if it has one: its lock must be held, too."""
    await tx.execute(
        """
        INSERT INTO event_images (event_id, hash, fingerprint, sizes, files_of)
        SELECT $1, hash, fingerprint, sizes, coalesce(files_of, event_id)
          FROM event_images
         WHERE event_id = $2
        """,
        event_id,
        other_id,
    )


async def delete_image(tx: Transaction, event_id: int) -> None:
    await tx.execute("DELETE FROM event_images WHERE event_id = $1", event_id)
