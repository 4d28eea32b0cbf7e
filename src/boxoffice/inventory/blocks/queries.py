"""SQL of blocks: written by the event's batch, under its lock."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.changes import BlockKind
from boxoffice.inventory.commands import BlockedPlaces
from boxoffice.kit.postgres import Source, Transaction


class BlockRow(msgspec.Struct, frozen=True):
    """A block as it is stored; `admissions[i]` are kept of area `area_ids[i]`."""

    id: UUID
    name: str
    kind: BlockKind
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    admissions: tuple[int, ...]
    released_at: datetime | None
    channel_id: int | None

    def places(self) -> BlockedPlaces:
        """The block as the rules know it."""
        return BlockedPlaces(
            id=self.id,
            name=self.name,
            kind=self.kind,
            seat_ids=self.seat_ids,
            areas=tuple(zip(self.area_ids, self.admissions, strict=True)),
            released_at=self.released_at,
            channel_id=self.channel_id,
        )


async def list_blocks(source: Source, event_id: int) -> list[BlockRow]:
    """Every block of the event, in the order they were made."""
    return await source.list(
        BlockRow,
        """
        SELECT id, name, kind, seat_ids, area_ids, admissions, released_at, channel_id
          FROM blocks
         WHERE event_id = $1
         ORDER BY id
        """,
        event_id,
    )


async def list_blocked_seats(tx: Transaction, event_id: int) -> list[int]:
    """The seats that are in their blocks: the others are with buyers of their channels."""
    return await tx.get(
        list,
        """
        SELECT coalesce(array_agg(claim.seat_id), '{}')
          FROM claims AS claim
          JOIN blocks AS block ON block.event_id = claim.event_id AND block.id = claim.booking_id
         WHERE claim.event_id = $1
        """,
        event_id,
    )


async def insert_block(tx: Transaction, event_id: int, at: datetime, block: BlockedPlaces) -> None:
    """Write a block, new or as it stands now."""
    await tx.execute(
        """
        INSERT INTO blocks (event_id, id, name, kind, seat_ids, area_ids, admissions, released_at, channel_id,
                            changed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            ON CONFLICT (event_id, id) DO UPDATE
           SET name = excluded.name, seat_ids = excluded.seat_ids, area_ids = excluded.area_ids,
               admissions = excluded.admissions, released_at = excluded.released_at,
               channel_id = excluded.channel_id, changed_at = excluded.changed_at
        """,
        event_id,
        block.id,
        block.name,
        block.kind,
        block.seat_ids,
        [area_id for area_id, _ in block.areas],
        [count for _, count in block.areas],
        block.released_at,
        block.channel_id,
        at,
    )


async def delete_block(tx: Transaction, event_id: int, block_id: UUID) -> None:
    """Nothing is left in it."""
    await tx.execute("DELETE FROM blocks WHERE event_id = $1 AND id = $2", event_id, block_id)
