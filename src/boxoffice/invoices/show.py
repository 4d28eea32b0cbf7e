"""What buyers see of their invoices, and organizers say of themselves."""

import asyncio
from typing import Annotated
from uuid import UUID

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.codes import COUNTRIES
from boxoffice.invoices import queries, seller_queries
from boxoffice.invoices.pdf import draw_document
from boxoffice.invoices.schemas import Document, Kind, Seller
from boxoffice.invoices.writing import write_invoices
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.ids import event_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source

# A number, as PostgreSQL counts them.
_Position = tuple[Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]]


class NoSuchDocument(Refusal, status=409):
    """A booking has an invoice once it is paid, a credit note once money goes back; a free one has none."""


async def list_documents(db: Database, buyer: Identity, booking_id: UUID, kind: Kind) -> list[Document]:
    """The documents of one of the buyer's bookings, written now if they were not yet. Raises `NotFound`."""
    event_id = event_of(booking_id)
    booking = await queries.find_booking(db, event_id, booking_id, buyer.user_id)
    if booking is None:
        raise NotFound
    texts = await queries.list_documents_of(db, event_id, booking_id, kind, buyer.user_id)
    # Who asks for what there cannot be yet has nothing written: an event on sale always has something new.
    lacks = not texts if kind is Kind.INVOICE else booking.is_cancelled or booking.parts > len(texts)
    if booking.is_paid and lacks and await queries.get_is_behind(db, event_id):
        await write_invoices(db, event_id)
        texts = await queries.list_documents_of(db, event_id, booking_id, kind, buyer.user_id)
    return [msgspec.json.decode(text, type=Document) for text in texts]


async def get_document(
    db: Database, buyer: Identity, booking_id: UUID, kind: Kind, number: int | None = None
) -> Document:
    """The document of this number, or the newest.

    Raises `NotFound` for another number than one of its own, and `NoSuchDocument` where there is none.
    """
    documents = await list_documents(db, buyer, booking_id, kind)
    found = [each for each in documents if number in (None, each.number)]
    if not found:
        raise NotFound if number is not None else NoSuchDocument
    return found[-1]


async def draw(
    db: Database, buyer: Identity, booking_id: UUID, kind: Kind, number: int | None = None
) -> bytes:
    """The same as a PDF, drawn in a thread: other requests go on meanwhile."""
    return await asyncio.to_thread(draw_document, await get_document(db, buyer, booking_id, kind, number))


async def list_issued(
    source: Source, organizer: Identity, kind: Kind, cursor: str | None, limit: int
) -> Page[Document]:
    """What the organizer has issued of one kind, the highest number first. Raises `UnknownCursor`."""
    before = decode_cursor(cursor, _Position)[0] if cursor else None
    texts = await queries.list_documents_by(source, organizer.user_id, kind, before, limit + 1)
    documents = [msgspec.json.decode(text, type=Document) for text in texts]
    return page_of(documents, limit, lambda document: (document.number,))


async def get_seller(db: Database, organizer: Identity) -> Seller:
    """What the organizer says of themselves. Raises `NotFound` until they do."""
    seller = await seller_queries.find_seller(db, organizer.user_id)
    if seller is None:
        raise NotFound
    return seller


async def put_seller(db: Database, organizer: Identity, seller: Seller) -> Seller:
    """Say who sells: on invoices from now on. Raises `InvalidInput`."""
    if seller.country not in COUNTRIES:
        raise invalid("/country", "This is no ISO 3166-1 country code.")
    async with db.transaction() as tx:
        await seller_queries.update_seller(tx, organizer.user_id, seller)
    return seller
