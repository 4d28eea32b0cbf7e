"""HTTP of invoices and of who sells."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.invoices import show
from boxoffice.invoices.schemas import Document, Documents, Kind, Seller
from boxoffice.invoices.show import NoSuchDocument
from boxoffice.kit.drawing import PDF, PDF_ANSWER
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

Number = Annotated[
    int | None, QueryParameter(ge=1, le=2**63 - 1, description="Which one; the newest when it is left out.")
]


@get(
    "/bookings/{booking_id:uuid}/invoice",
    operation_id="GetInvoice",
    summary="The invoice of a booking",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, NoSuchDocument),
)
async def get_invoice(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Document:
    """Show the invoice of a booking of one's own that was paid. Once issued it never changes."""
    return await show.get_document(db, user, booking_id, Kind.INVOICE)


@get(
    "/bookings/{booking_id:uuid}/credit-note",
    operation_id="GetCreditNote",
    summary="A credit note of a booking",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, NoSuchDocument, InvalidInput),
)
async def get_credit_note(
    booking_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    number: Number = None,
) -> Document:
    """Show a credit note of a booking of one's own: that of this number, or the newest."""
    return await show.get_document(db, user, booking_id, Kind.CREDIT_NOTE, number)


@get(
    "/bookings/{booking_id:uuid}/credit-notes",
    operation_id="ListCreditNotes",
    summary="The credit notes of a booking",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def list_credit_notes(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Documents:
    """List the credit notes of a booking of one's own, the oldest first: one for each refund."""
    return Documents(items=await show.list_documents(db, user, booking_id, Kind.CREDIT_NOTE))


@get(
    "/organizers/me/invoices",
    operation_id="ListInvoices",
    summary="List what you have issued",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, UnknownCursor, InvalidInput),
)
async def list_issued(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    kind: FromQuery[Kind] = Kind.INVOICE,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[Document]]:
    """List the invoices of your events, or, with `kind=CREDIT_NOTE`, the credit notes; the newest first.

    What was sold or given back in the last minute may not be there yet.
    """
    page = await show.list_issued(db, user, kind, cursor, limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/bookings/{booking_id:uuid}/invoice.pdf",
    operation_id="GetInvoicePdf",
    summary="The invoice of a booking as a PDF",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses={200: PDF_ANSWER, **documents(NotSignedIn, NotFound, NoSuchDocument)},
)
async def get_invoice_pdf(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[bytes]:
    """Draw the invoice: what `GET /bookings/{id}/invoice` says, on A4."""
    return Response(await show.draw(db, user, booking_id, Kind.INVOICE), media_type=PDF)


@get(
    "/bookings/{booking_id:uuid}/credit-note.pdf",
    operation_id="GetCreditNotePdf",
    summary="A credit note of a booking as a PDF",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses={200: PDF_ANSWER, **documents(NotSignedIn, NotFound, NoSuchDocument, InvalidInput)},
)
async def get_credit_note_pdf(
    booking_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    number: Number = None,
) -> Response[bytes]:
    """Draw the credit note: what `GET /bookings/{id}/credit-note` says, on A4."""
    drawn = await show.draw(db, user, booking_id, Kind.CREDIT_NOTE, number)
    return Response(drawn, media_type=PDF)


@get(
    "/me/seller",
    operation_id="GetSeller",
    summary="Who sells, on invoices",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def get_seller(user: NamedDependency[Identity], db: NamedDependency[Database]) -> Seller:
    """Show what you say of yourself on invoices; 404 until you have said it."""
    return await show.get_seller(db, user)


@put(
    "/me/seller",
    operation_id="PutSeller",
    summary="Say who sells",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, *BODY_REFUSALS),
)
async def put_seller(
    data: JSONBody[Seller], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Seller:
    """Say your name, address and tax number, as invoices must have them. What was issued stays as it is."""
    return await show.put_seller(db, user, data)


routes: list[ControllerRouterHandler] = [
    get_invoice,
    get_credit_note,
    list_credit_notes,
    list_issued,
    get_invoice_pdf,
    get_credit_note_pdf,
    get_seller,
    put_seller,
]
