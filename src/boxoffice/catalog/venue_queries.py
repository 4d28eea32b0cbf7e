"""SQL of venues."""

from boxoffice.catalog.schemas import NewVenue, Venue
from boxoffice.kit.postgres import Source, Transaction


async def insert_venue(tx: Transaction, organizer_id: int, venue: NewVenue) -> Venue:
    return await tx.get(
        Venue,
        """
        INSERT INTO venues (organizer_id, name, address_lines, city, country, time_zone)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING id, organizer_id, name, address_lines, city, country, time_zone, created_at
        """,
        organizer_id,
        venue.name,
        venue.address_lines,
        venue.city,
        venue.country,
        venue.time_zone,
    )


async def find_venue(source: Source, venue_id: int) -> Venue | None:
    return await source.find(
        Venue,
        """
        SELECT id, organizer_id, name, address_lines, city, country, time_zone, created_at
          FROM venues
         WHERE id = $1
        """,
        venue_id,
    )


async def find_venue_named(source: Source, organizer_id: int, name: str) -> int | None:
    return await source.find(
        int,
        "SELECT id FROM venues WHERE organizer_id = $1 AND name = $2 ORDER BY id LIMIT 1",
        organizer_id,
        name,
    )


async def lock_venue(tx: Transaction, venue_id: int) -> None:
    """Let one seat map at a time join this venue, so that versions count up without a gap."""
    await tx.execute("SELECT 1 FROM venues WHERE id = $1 FOR NO KEY UPDATE", venue_id)


async def list_venues(
    source: Source, organizer_id: int, pattern: str | None, before_id: int | None, limit: int
) -> list[Venue]:
    """What the organizer has, newest first; `pattern` is for ILIKE."""
    return await source.list(
        Venue,
        """
        SELECT id, organizer_id, name, address_lines, city, country, time_zone, created_at
          FROM venues
         WHERE organizer_id = $1
           AND ($2::text IS NULL OR name ILIKE $2 OR city ILIKE $2)
           AND ($3::bigint IS NULL OR id < $3)
         ORDER BY id DESC
         LIMIT $4
        """,
        organizer_id,
        pattern,
        before_id,
        limit,
    )
