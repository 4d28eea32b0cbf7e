"""What was asked and what was answered: the simulation's own memory, which nothing of ours can change."""

from collections.abc import Callable
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import (
    Booking,
    Cancel,
    Command,
    Exchange,
    Expire,
    Held,
    Hold,
    Outcome,
    Renew,
)
from boxoffice.kit.errors import Refusal, Unavailable

# Lines of a failure's history: what fits on a screen.
HISTORY_LINES_MAX = 40


class Unknown(msgspec.Struct, frozen=True):
    """No answer came, or one that promises nothing: it may have happened or not."""

    why: str


Answer = Outcome | Refusal | Unknown | Exception


class Broken(AssertionError):  # noqa: N818  found what we were looking for
    """A promise was not kept; which, where, and as well as we know about which booking."""

    def __init__(self, promise: str, words: str, event_id: int, booking_id: UUID | None = None) -> None:
        super().__init__(f"{promise}: {words}")
        self.promise = promise
        self.event_id = event_id
        self.booking_id = booking_id
        self.history: list[str] = []


class Ask(msgspec.Struct):
    """One command of one client and its answer."""

    step: int
    process: str
    event_id: int
    command: Command
    poisoned: bool = False
    answer: Answer = Unknown("nobody answered")
    # The idempotency key it came with, and what was told to have been done under it before.
    key: str | None = None
    replay: Answer | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether it may have happened or not."""
        return isinstance(self.answer, Unknown | Unavailable)

    @property
    def is_refused(self) -> bool:
        """Whether it must not have happened."""
        return isinstance(self.answer, Refusal) or (self.poisoned and not self.is_unknown)


class AmountBack(msgspec.Struct):
    """An amount that an organizer has given back; without the refund's id, nobody knows whether it was."""

    booking_id: UUID
    amount: int
    refund_id: UUID | None = None
    is_refused: bool = False


class Record:
    """All that happened, in the order of asking."""

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.amounts_back: list[AmountBack] = []
        # Refunds of which somebody has said that they were given otherwise.
        self.settled: set[UUID] = set()
        self.notes: list[tuple[int, int, str]] = []

    def note(self, step: int, event_id: int, words: str) -> None:
        """Something that is not a command: a fault, a payment, a report. Event 0 is every event."""
        self.notes.append((step, event_id, words))

    def of(self, event_id: int) -> list[Ask]:
        """What was asked of an event."""
        return [ask for ask in self.asks if ask.event_id == event_id]

    def history(self, broken: Broken, seats: Callable[[UUID], set[int]]) -> list[str]:
        """The lines that have to do with what was broken, the latest first kept when there are many."""
        booking_id = broken.booking_id
        touched = seats(booking_id) if booking_id else set[int]()
        lines: list[tuple[int, str]] = []
        for ask in self.of(broken.event_id):
            about = getattr(ask.command, "booking_id", None)
            wanted = {
                seat
                for field in ("seat_ids", "give_seat_ids", "take_seat_ids")
                for seat in getattr(ask.command, field, ())
            }
            if booking_id is None or about == booking_id or touched & wanted:
                lines.append((ask.step, f"{ask.process} {_shown(ask.command)} -> {_shown(ask.answer)}"))
        lines += [(step, words) for step, event_id, words in self.notes if event_id in (0, broken.event_id)]
        lines.sort(key=lambda line: line[0])
        return [f"step {step}: {words}" for step, words in lines[-HISTORY_LINES_MAX:]]


def _shown(value: object) -> str:  # noqa: PLR0911  one kind a line
    """Shorter than its repr; of an id the end, which is random, tells bookings apart."""
    match value:
        case Refusal():
            return f"{type(value).__name__} {value.members()}"
        case Expire():
            return "Expire"
        case Hold():
            places = f"{value.seat_ids} {value.area_ids} {value.best or ''}"
            return f"Hold {short(value.booking_id)} buyer {value.buyer_id} {places}"
        case Renew() | Cancel():
            return f"{type(value).__name__} {short(value.booking_id)} buyer {value.buyer_id}"
        case Exchange():
            give, take = (
                (value.give_seat_ids, value.give_area_ids),
                (value.take_seat_ids, value.take_area_ids),
            )
            return f"Exchange {short(value.booking_id)} buyer {value.buyer_id} gives {give} takes {take}"
        case Held():
            return f"Held {_shown(value.booking)}"
        case Booking():
            until = f" until {value.expires_at:%H:%M:%S.%f}" if value.expires_at else ""
            return f"{value.state} {value.seat_ids} {value.area_ids}{until}"
        case _:
            return repr(value)


def short(id_: UUID) -> str:
    """The end of an id."""
    return f"..{str(id_)[-8:]}"
