"""What a few commands must know of tickets and money before they are decided.

Most commands need none of it. Those that do are told under the event's turn, by functions that `parts.py`
hands down, and what they were told stays true until the batch commits: the rows are locked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    Cancel,
    Command,
    Known,
    PaidWith,
    TicketOf,
    asks,
)
from boxoffice.kit.postgres import Transaction

TicketsOf = Callable[[Transaction, int, Sequence[UUID]], Awaitable[Mapping[UUID, tuple[TicketOf, ...]]]]
PaymentsOf = Callable[[Transaction, int, Sequence[UUID]], Awaitable[Mapping[UUID, PaidWith]]]


class Premises(msgspec.Struct, frozen=True):
    """The functions that lock and tell, for each booking: its valid tickets, then what it was bought with."""

    tickets_of: TicketsOf
    payments_of: PaymentsOf

    async def tell(
        self,
        tx: Transaction,
        event_id: int,
        commands: Sequence[Command],
        bookings: Mapping[UUID, Booking],
    ) -> Sequence[Command]:
        """The commands with what they must know. No statement unless one of them asks.

        Who cancels a hold does not: it has no tickets.
        """
        named = {
            command.booking_id
            for command in commands
            if asks(command) and not (isinstance(command, Cancel) and _is_hold(bookings, command.booking_id))
        }
        if not named:
            return commands
        tickets = await self.tickets_of(tx, event_id, list(named))
        payments = await self.payments_of(tx, event_id, list(named))
        return [
            msgspec.structs.replace(
                command,
                known=Known(tickets.get(command.booking_id, ()), payments.get(command.booking_id)),
            )
            if asks(command) and command.booking_id in named
            else command
            for command in commands
        ]


def _is_hold(bookings: Mapping[UUID, Booking], booking_id: UUID) -> bool:
    booking = bookings.get(booking_id)
    return booking is None or booking.state is not BookingState.CONFIRMED
