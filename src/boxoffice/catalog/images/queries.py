"""SQL of the images of events. Whoever writes has the event's lock and counts its revision up."""

from datetime import datetime

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class ImageRow(msgspec.Struct, frozen=True):
    """Which image an event has: the hash in its files' names, and which upload it was made from."""

    hash: str
    fingerprint: bytes


async def find_image(source: Source, event_id: int) -> ImageRow | None:
    return await source.find(
        ImageRow, "SELECT hash, fingerprint FROM event_images WHERE event_id = $1", event_id
    )


async def get_now(source: Source) -> datetime:
    return await source.get(datetime, "SELECT now()")


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
               created_at = now()
        """,
        event_id,
        image_hash,
        fingerprint,
        sizes,
    )


async def delete_image(tx: Transaction, event_id: int) -> None:
    await tx.execute("DELETE FROM event_images WHERE event_id = $1", event_id)


async def update_revision(tx: Transaction, event_id: int) -> None:
    """Have everybody who keeps the event's document ask for it anew."""
    await tx.execute("UPDATE events SET revision = revision + 1 WHERE id = $1", event_id)
