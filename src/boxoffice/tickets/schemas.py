"""What goes in and out over HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

# The most a QR code can hold: whatever a scanner reads off a guest's paper gets an answer in words.
SCANNED_CHARACTERS_MAX = 7089

# Shaped like one of ours, and signed by nobody.
A_CODE = (
    "AHKF6NKIAAAAAAIBTGQ3FQ6URZPYAAAAABAAAAAAAAA5LJBGXTQDP4QNUADADLSGOOPM5IWS7"
    "3OUKWHSCLA2VCC4W22BD5RH4CV32VHL4O2O6GQL3M43FXUOXLTVAMHDLCT2XBHIS5FEWHPDAI"
)


class TicketState(StrEnum):
    """A void ticket stays void: its booking was cancelled, or its place given back."""

    VALID = "VALID"
    VOID = "VOID"


class TicketPlace(msgspec.Struct, frozen=True):
    """A seat (`zone`, `row`, `number`) or one admission to an area (`area`); `label` says it in words.

    `seat_id` or `area_id` is that of the booking's place.
    """

    label: Annotated[str, Meta(examples=["Block A, row 3, seat 12"])]
    zone: str | None = None
    row: str | None = None
    number: str | None = None
    area: str | None = None
    seat_id: int | None = None
    area_id: int | None = None


class Ticket(msgspec.Struct, frozen=True):
    """A ticket for its holder. `code` is what the QR code says; null once the ticket is void.

    `ticket_type` is null where the price was that of the category.
    """

    id: UUID
    booking_id: UUID
    event_id: int
    event_title: str
    starts_at: datetime
    place: TicketPlace
    ticket_type: str | None
    state: TicketState
    code: str | None
    admitted_at: datetime | None


class Tickets(msgspec.Struct, frozen=True):
    """All tickets of one booking, in the order of its places; empty until it is confirmed.

    Those of places that were given back are among them, and are VOID.

    Not in pages: a buyer has at most 100 places at an event.
    """

    items: list[Ticket]


class TicketKey(msgspec.Struct, frozen=True):
    """A public key as a JSON Web Key (RFC 8037); `kid` is the key id of the code, in hexadecimal."""

    kid: Annotated[str, Meta(examples=["9f86d081"])]
    x: Annotated[str, Meta(description="The key's 32 bytes in base64url.")]
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class TicketKeySet(msgspec.Struct, frozen=True):
    """A JSON Web Key Set (RFC 7517), the newest key first."""

    keys: list[TicketKey]


class NewCheckIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the scanner read, as it read it."""

    code: Annotated[
        str, Meta(max_length=SCANNED_CHARACTERS_MAX, description="The scanned text.", examples=[A_CODE])
    ]


class CheckInResult(StrEnum):
    """Only ADMITTED lets somebody in."""

    ADMITTED = "ADMITTED"
    ALREADY_ADMITTED = "ALREADY_ADMITTED"
    VOID = "VOID"
    REPLACED = "REPLACED"
    WRONG_EVENT = "WRONG_EVENT"
    UNKNOWN = "UNKNOWN"
    BAD_CODE = "BAD_CODE"


class AdmittedTicket(msgspec.Struct, frozen=True):
    """Who may sit where; a `ticket_type` such as a child's is for the gate to look at."""

    id: UUID
    booking_id: UUID
    place: TicketPlace
    holder: str
    ticket_type: str | None


class CheckIn(msgspec.Struct, frozen=True):
    """The answer to a scan. `detail` is for the person at the gate.

    `ticket` is there when the code is one of this event's tickets. `admitted_at` is the time of the
    first admission, however often the ticket is scanned.
    """

    result: CheckInResult
    detail: Annotated[str, Meta(examples=["Admit to Block A, row 3, seat 12."])]
    ticket: AdmittedTicket | None = None
    admitted_at: datetime | None = None
