"""HTTP of invoices and of who sells."""

from uuid import UUID

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.invoices import show
from boxoffice.invoices.schemas import Document, Kind, Seller
from boxoffice.invoices.show import NoSuchDocument
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents


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
    summary="The credit note of a booking",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, NoSuchDocument),
)
async def get_credit_note(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Document:
    """Show the credit note of a paid booking of one's own that was cancelled and refunded in full."""
    return await show.get_document(db, user, booking_id, Kind.CREDIT_NOTE)


_PDF = ResponseSpec(bytes, description="The document.", media_type="application/pdf", generate_examples=False)


@get(
    "/bookings/{booking_id:uuid}/invoice.pdf",
    operation_id="GetInvoicePdf",
    summary="The invoice of a booking as a PDF",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses={200: _PDF, **documents(NotSignedIn, NotFound, NoSuchDocument)},
)
async def get_invoice_pdf(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[bytes]:
    """Draw the invoice: what `GET /bookings/{id}/invoice` says, on A4."""
    return Response(await show.draw(db, user, booking_id, Kind.INVOICE), media_type="application/pdf")


@get(
    "/bookings/{booking_id:uuid}/credit-note.pdf",
    operation_id="GetCreditNotePdf",
    summary="The credit note of a booking as a PDF",
    tags=["Invoices"],
    security=[{"access_token": []}],
    responses={200: _PDF, **documents(NotSignedIn, NotFound, NoSuchDocument)},
)
async def get_credit_note_pdf(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[bytes]:
    """Draw the credit note: what `GET /bookings/{id}/credit-note` says, on A4."""
    return Response(await show.draw(db, user, booking_id, Kind.CREDIT_NOTE), media_type="application/pdf")


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
    get_invoice_pdf,
    get_credit_note_pdf,
    get_seller,
    put_seller,
]
