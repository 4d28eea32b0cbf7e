"""Money that comes: in time, late, twice, too much, too little, for nothing. A row each of docs/money.md."""

from payments.case import ALL_BACK, SOLD, STRIPE, Case, back, paid, paid_by_card, void
from payments.case_end import End
from payments.case_steps import (
    PLACE,
    PRICE,
    Step,
    an_hour_goes_by,
    authorisation_ends,
    authorises,
    books_are_compared,
    buyer_cancels,
    captures,
    card_fails_at_last,
    carries_nothing,
    declines,
    event_is_cancelled,
    funds_in_part,
    gives_up_a_seat,
    is_asked,
    is_called_off,
    is_captured_by_hand,
    is_forgotten,
    is_of_an_unknown_booking,
    jobs_are_done,
    organizer_gives,
    reports,
    reports_all_again,
    reports_are_lost,
    reports_backwards,
    rival_takes_a_seat,
    runs_out,
    sees,
    starts,
    starts_elsewhere,
    starts_twice,
    tries_another_card,
)

LATE_BACK = End("EXPIRED", 0, received=PRICE, back=PRICE)
SECOND_BACK = End("CONFIRMED", 2, received=2 * PRICE, back=PRICE)

too_late: tuple[Step, ...] = (runs_out, rival_takes_a_seat, reports)

PAYING = (
    Case("in time, captured", paid, SOLD),
    Case("in time, authorised", (*paid_by_card, sees("CONFIRMED", "CAPTURE_DUE")), SOLD),
    Case("reported often, or in another order", (*paid, reports_all_again), SOLD),
    Case(
        "reported often, or in another order",
        (starts, declines, captures(), reports_backwards, reports_all_again),
        SOLD,
    ),
    Case(
        "reported often, or in another order",
        (*paid_by_card, reports_all_again, jobs_are_done, reports_all_again),
        SOLD,
    ),
    Case("late, places free", (starts, captures(), runs_out, reports), SOLD),
    Case("late, places free", (starts, authorises(), runs_out, reports), SOLD),
    Case("late, place gone, captured", (starts, captures(), *too_late), LATE_BACK),
    Case("late, place gone, captured", (starts, captures(), *too_late, reports_all_again), LATE_BACK),
    Case("late, place gone, authorised", (starts, authorises(), *too_late), void("EXPIRED")),
    Case(
        "event cancelled, then paid",
        (starts, event_is_cancelled, captures(), reports, is_called_off),
        ALL_BACK,
    ),
    Case(
        "event cancelled, then paid",
        (starts, event_is_cancelled, is_called_off, captures(), reports),
        ALL_BACK,
    ),
    Case(
        "event cancelled, then paid", (starts, runs_out, event_is_cancelled, captures(), reports), LATE_BACK
    ),
    Case(
        "event cancelled, then paid",
        (starts, event_is_cancelled, authorises(), reports, is_called_off),
        void("CANCELLED"),
    ),
    Case(
        "paid, then event cancelled", (*paid, event_is_cancelled, is_called_off, reports_all_again), ALL_BACK
    ),
    Case(
        "paid, then event cancelled",
        (*paid_by_card, event_is_cancelled, is_called_off),
        void("CANCELLED"),
    ),
    Case(
        "paid, then event cancelled",
        (*paid, organizer_gives(1000), event_is_cancelled, is_called_off),
        ALL_BACK,
    ),
    Case("given up, then paid", (starts, buyer_cancels, captures(), reports), ALL_BACK),
    Case("given up, then paid", (starts, buyer_cancels, authorises(), reports), void("CANCELLED")),
    Case("too little", (starts, captures(PRICE - 1), reports), back(PRICE - 1)),
    Case("too little", (starts, authorises(PRICE - 1), reports), void("PENDING")),
    Case("too little", (starts, captures(PLACE), *too_late), back(PLACE, "EXPIRED")),
    Case("too much", (starts, captures(PRICE + 1), reports), back(PRICE + 1)),
    Case("too much", (starts, authorises(PRICE + 1), reports), void("PENDING")),
    Case("wrong currency", (starts, captures(PRICE, "USD"), reports), back(PRICE)),
    Case("wrong currency", (starts, authorises(PRICE, "USD"), reports), void("PENDING")),
    Case(
        "wrong, then as asked for",
        (starts, captures(PLACE), reports, starts, captures(), reports),
        End("CONFIRMED", 2, received=PLACE + PRICE, back=PLACE),
    ),
    Case(
        "wrong, then as asked for",
        (starts, authorises(PRICE, "USD"), reports, starts, authorises(), reports),
        SOLD,
    ),
    Case("a part, then the rest", (starts, funds_in_part, reports, captures(), reports), SOLD, STRIPE),
    Case("a part, then the rest", (starts, funds_in_part, reports), void("PENDING"), STRIPE),
    Case(
        "of what the booking was before",
        (starts, captures(), gives_up_a_seat, starts, captures(PLACE), reports_backwards),
        End("CONFIRMED", 1, received=PRICE + PLACE, back=PRICE),
    ),
    Case(
        "of what the booking was before",
        (starts, gives_up_a_seat, captures(PLACE), reports),
        back(PLACE),
    ),
    Case(
        "of what the booking was before",
        (starts, gives_up_a_seat, authorises(PLACE), reports),
        void("PENDING"),
    ),
    Case(
        "captured in part by hand",
        (*paid_by_card, is_captured_by_hand(PRICE - 100), reports, books_are_compared),
        End("CONFIRMED", 2, received=PRICE - 100, organizers=-100, differs=-100),
        STRIPE,
    ),
    Case("paid twice", (starts_twice, captures(payment=0), captures(), reports), SECOND_BACK, STRIPE),
    Case("paid twice", (starts, captures(), starts_elsewhere, captures(), reports), SECOND_BACK),
    Case(
        "paid twice",
        (starts_twice, captures(payment=0), authorises(), reports_backwards),
        SOLD,
        STRIPE,
        End("CONFIRMED", 2, received=2 * PRICE, back=PRICE),
    ),
    Case(
        "declined",
        (starts, declines, reports, sees("PENDING", "DECLINED"), starts, captures(), reports),
        SOLD,
    ),
    Case("declined", (starts, declines, reports, starts, authorises(), reports), SOLD),
    Case("declined", (starts, declines, reports), void("PENDING")),
    Case("a report is lost", (starts, is_asked, authorises(), is_asked, reports), SOLD),
    Case("a report is lost", (starts, authorises(), reports_are_lost, books_are_compared), SOLD),
    Case("a report is lost", (starts, captures(), reports_are_lost, books_are_compared), SOLD),
    Case(
        "authorised, and gone before we capture",
        (starts, authorises(), authorisation_ends, reports_backwards),
        void("CANCELLED"),
    ),
    Case(
        "authorised, and gone before we capture",
        (*paid_by_card, authorisation_ends),
        void("CANCELLED"),
    ),
    Case(
        "authorised, and gone before we capture",
        (*paid_by_card, authorisation_ends, reports),
        void("CANCELLED"),
    ),
    Case(
        "authorised, and gone before we capture",
        (*paid_by_card, card_fails_at_last, jobs_are_done, tries_another_card, reports),
        void("CANCELLED"),
        STRIPE,
    ),
    Case("never written down", (starts, is_forgotten, captures(), reports, reports_all_again), SOLD),
    Case("never written down", (starts, is_forgotten, authorises(), reports, reports_all_again), SOLD),
    Case(
        "never written down",
        (starts, is_forgotten, captures(), reports_are_lost, books_are_compared),
        SOLD,
    ),
    Case(
        "never written down",
        (starts, is_forgotten, event_is_cancelled, captures(), reports, is_called_off),
        ALL_BACK,
    ),
    Case("never written down", (starts, is_forgotten, declines, reports), void("PENDING")),
    Case(
        "for an unknown booking",
        (starts, captures(), is_of_an_unknown_booking, reports, reports_all_again),
        End("PENDING", 0, received=PRICE, foreign=PRICE),
    ),
    Case(
        "for an unknown booking",
        (starts, captures(), carries_nothing, reports, reports_all_again),
        End("PENDING", 0, received=PRICE, foreign=PRICE),
        STRIPE,
    ),
    Case(
        "the checkout is left",
        (starts, runs_out, rival_takes_a_seat, an_hour_goes_by, is_asked, sees("EXPIRED", "CANCELLED")),
        void("EXPIRED"),
    ),
    Case(
        "the checkout is left",
        (starts, runs_out, rival_takes_a_seat, an_hour_goes_by, captures(), is_asked),
        LATE_BACK,
    ),
)
