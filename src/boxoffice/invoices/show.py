"""What buyers see of their invoices, and organizers say of themselves."""

import asyncio
from uuid import UUID

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.codes import COUNTRIES
from boxoffice.invoices import queries
from boxoffice.invoices.pdf import draw_document
from boxoffice.invoices.schemas import Document, Kind, Seller
from boxoffice.invoices.writing import write_invoices
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.ids import event_of
from boxoffice.kit.postgres import Database


class NoSuchDocument(Refusal, status=409):
    """A booking has an invoice once it is paid, a credit note once it is taken back; a free one has none."""


async def get_document(db: Database, buyer: Identity, booking_id: UUID, kind: Kind) -> Document:
    """The invoice or credit note of one of the buyer's bookings, written now if it was not yet.

    Raises `NotFound`, `NoSuchDocument`.
    """
    event_id = event_of(booking_id)
    if await queries.find_booking_state(db, event_id, booking_id, buyer.user_id) is None:
        raise NotFound
    text = await queries.find_document(db, event_id, booking_id, kind, buyer.user_id)
    if text is None:
        await write_invoices(db, event_id)
        text = await queries.find_document(db, event_id, booking_id, kind, buyer.user_id)
    if text is None:
        raise NoSuchDocument
    return msgspec.json.decode(text, type=Document)


async def draw(db: Database, buyer: Identity, booking_id: UUID, kind: Kind) -> bytes:
    """The same as a PDF, drawn in a thread: other requests go on meanwhile."""
    return await asyncio.to_thread(draw_document, await get_document(db, buyer, booking_id, kind))


async def get_seller(db: Database, organizer: Identity) -> Seller:
    """What the organizer says of themselves. Raises `NotFound` until they do."""
    seller = await queries.find_seller(db, organizer.user_id)
    if seller is None:
        raise NotFound
    return seller


async def put_seller(db: Database, organizer: Identity, seller: Seller) -> Seller:
    """Say who sells: on invoices from now on. Raises `InvalidInput`."""
    if seller.country not in COUNTRIES:
        raise invalid("/country", "This is no ISO 3166-1 country code.")
    async with db.transaction() as tx:
        await queries.update_seller(tx, organizer.user_id, seller)
    return seller
