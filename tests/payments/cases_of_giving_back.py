"""Money that goes back or is taken: by organizers, buyers and banks. A row each of docs/money.md."""

from boxoffice.payments.provider import DisputeState
from payments.case import ALL_BACK, SOLD, STRIPE, Case, back, paid, paid_by_card, void
from payments.case_end import End
from payments.case_steps import (
    PLACE,
    PRICE,
    Step,
    at_once,
    authorises,
    books_are_compared,
    buyer_cancels,
    captures,
    event_is_cancelled,
    is_asked_in_vain,
    is_called_off,
    is_captured_by_hand,
    is_disputed,
    is_refunded_by_hand,
    is_refused,
    is_scanned,
    jobs_are_done,
    next_answer_is_lost,
    nobody_keeps_tickets,
    open_disputes_are_asked_about,
    organizer_gives,
    organizer_gives_otherwise,
    refund_fails,
    refund_is_not_noted,
    reports,
    reports_all_again,
    reports_are_lost,
    reports_backwards,
    rival_takes_a_seat,
    sees,
    starts,
    starts_elsewhere,
    starts_twice,
)

WON, LOST = DisputeState.WON, DisputeState.LOST

paid_one_of_two: tuple[Step, ...] = (starts, starts_elsewhere, captures(payment=0), reports)
CLOSED = "expired_or_canceled_card"
lost: tuple[Step, ...] = (is_disputed(), is_disputed(LOST), reports)
# The tickets are good still, but we know that the bank has the money.
unheard: tuple[Step, ...] = (
    *paid,
    is_disputed(),
    reports_are_lost,
    books_are_compared,
    sees("CONFIRMED", "CAPTURED"),
)

GIVING_BACK = (
    Case(
        "an amount is given back",
        (*paid, organizer_gives(1200), is_refused(organizer_gives(3801))),
        End("CONFIRMED", 2, received=PRICE, back=1200, organizers=-1200),
    ),
    Case(
        "an amount is given back",
        (*paid, organizer_gives(1200), organizer_gives(3800)),
        End("CONFIRMED", 2, received=PRICE, back=PRICE, organizers=-PRICE),
    ),
    Case("a booking is given back", (*paid, organizer_gives(1000), organizer_gives()), ALL_BACK),
    Case("a booking is given back", (*paid_by_card, organizer_gives()), void("CANCELLED")),
    Case(
        "a booking is given back",
        (*paid_by_card, organizer_gives(), is_captured_by_hand(PRICE), reports),
        ALL_BACK,
        STRIPE,
    ),
    Case(
        "single places are given back",
        (*paid, organizer_gives(seat=4), rival_takes_a_seat),
        End("CONFIRMED", 1, received=PRICE, back=PLACE),
    ),
    Case("single places are given back", (*paid, organizer_gives(seat=4), organizer_gives(seat=3)), ALL_BACK),
    Case(
        "a place goes back while its holder is at the gate",
        (*paid, at_once(is_scanned, organizer_gives(seat=3), succeed={1})),
        End("CONFIRMED", 2, received=PRICE),
        or_end=End("CONFIRMED", 1, received=PRICE, back=PLACE),
    ),
    Case(
        "reported again after a refund",
        (*paid, organizer_gives(), reports_all_again, jobs_are_done, reports_all_again),
        ALL_BACK,
    ),
    Case(
        "reported again after a refund",
        (*paid, organizer_gives(1000), jobs_are_done, reports_all_again),
        End("CONFIRMED", 2, received=PRICE, back=1000, organizers=-1000),
    ),
    Case(
        "paid twice, the first was given back",
        (*paid_one_of_two, organizer_gives(), jobs_are_done, captures(), reports),
        back(2 * PRICE, "CANCELLED"),
    ),
    Case(
        "paid twice, the first was given back",
        (*paid_one_of_two, organizer_gives(1000), jobs_are_done, captures(), reports),
        End("CONFIRMED", 2, received=2 * PRICE, back=PRICE + 1000, organizers=-1000),
    ),
    Case(
        "paid twice, the first was given back",
        (*paid_one_of_two, organizer_gives(PRICE), jobs_are_done, captures(), reports),
        End("CONFIRMED", 2, received=2 * PRICE, back=2 * PRICE, organizers=-PRICE),
    ),
    Case(
        "a buyer cancels, within the policy",
        (*paid, buyer_cancels),
        End("CANCELLED", 0, received=PRICE, back=3000, organizers=2000),
        policy=60,
    ),
    Case(
        "a buyer cancels, within the policy",
        (*paid, organizer_gives(4000), buyer_cancels),
        End("CANCELLED", 0, received=PRICE, back=PRICE),
        policy=60,
    ),
    Case(
        "a buyer cancels, within the policy",
        (*paid_by_card, buyer_cancels),
        void("CANCELLED"),
        policy=100,
    ),
    Case(
        "a buyer cancels while the organizer refunds",
        (*paid, at_once(buyer_cancels, organizer_gives(), succeed={1, 2})),
        ALL_BACK,
        policy=100,
    ),
    Case(
        "two want the last of it",
        (*paid, at_once(*[organizer_gives(3000)] * 3, succeed={1})),
        End("CONFIRMED", 2, received=PRICE, back=3000, organizers=-3000),
    ),
    Case(
        "disputed, won",
        (*paid, is_disputed(), reports, sees("CONFIRMED", "CAPTURED"), is_disputed(WON), reports_backwards),
        SOLD,
    ),
    Case(
        "disputed, lost",
        (
            *paid,
            is_disputed(),
            is_disputed(),
            is_disputed(LOST),
            reports_backwards,
            reports_all_again,
        ),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed, lost",
        (starts, captures(), is_disputed(), is_disputed(LOST), reports_backwards),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed in part, lost",
        (*paid, is_disputed(amount=3000), is_disputed(LOST), reports, is_refused(organizer_gives(2001))),
        End("CONFIRMED", 2, received=PRICE, taken=3000, organizers=-3000),
    ),
    Case(
        "disputed in part, lost",
        (*paid, is_disputed(amount=3000), is_disputed(LOST), reports, organizer_gives()),
        End("CANCELLED", 0, received=PRICE, taken=3000, back=2000),
    ),
    Case(
        "disputed in part, lost",
        (*paid, is_disputed(amount=3000), event_is_cancelled, is_called_off, is_disputed(LOST), reports),
        End("CANCELLED", 0, received=PRICE, taken=3000, back=2000),
    ),
    Case(
        "what was left is disputed, lost",
        (
            *paid,
            organizer_gives(seat=4),
            is_disputed(amount=PLACE),
            is_disputed(LOST),
            reports,
            nobody_keeps_tickets,
        ),
        End("CANCELLED", 0, received=PRICE, back=PLACE, taken=PLACE),
    ),
    Case(
        "disputed, and to be refunded",
        (*paid, is_disputed(), reports, organizer_gives(), is_disputed(WON), reports),
        ALL_BACK,
    ),
    Case(
        "disputed, and to be refunded",
        (*paid, is_disputed(), reports, organizer_gives(), is_disputed(LOST), reports),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed, and to be refunded before it is reported",
        (*paid, is_disputed(), organizer_gives(), is_asked_in_vain, is_disputed(WON), reports),
        ALL_BACK,
    ),
    Case(
        "disputed, and to be refunded before it is reported",
        (*paid, is_disputed(), organizer_gives(1200), is_asked_in_vain, is_disputed(WON), reports_are_lost),
        End("CONFIRMED", 2, received=PRICE, back=1200, organizers=-1200),
    ),
    Case(
        "disputed, and to be refunded before it is reported",
        (*paid, is_disputed(), organizer_gives(), is_asked_in_vain, is_disputed(LOST), reports_backwards),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed, reports lost",
        (*unheard, is_disputed(LOST), reports_are_lost, books_are_compared),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed, reports lost",
        (*unheard, is_disputed(LOST), reports_are_lost, open_disputes_are_asked_about),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "disputed, reports lost",
        (*unheard, organizer_gives(), jobs_are_done, is_disputed(WON), reports_are_lost, books_are_compared),
        ALL_BACK,
    ),
    Case(
        "disputed, reports lost",
        (*paid, is_disputed(amount=3000), is_disputed(LOST), reports_are_lost, books_are_compared),
        End("CONFIRMED", 2, received=PRICE, taken=3000, organizers=-3000),
    ),
    Case(
        "disputed, reports lost",
        (starts, captures(), is_disputed(), is_disputed(LOST), reports_are_lost, books_are_compared),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
    ),
    Case(
        "refunded, then disputed and lost",
        (*paid, organizer_gives(), jobs_are_done, *lost),
        End("CANCELLED", 0, received=PRICE, back=PRICE, taken=PRICE, organizers=-PRICE),
    ),
    Case(
        "refunded, then disputed and lost",
        (*paid, organizer_gives(seat=4), jobs_are_done, *lost),
        End("CANCELLED", 0, received=PRICE, back=PLACE, taken=PRICE, organizers=-PLACE),
    ),
    Case(
        "refunded, then disputed and lost",
        (*paid, buyer_cancels, jobs_are_done, *lost),
        End("CANCELLED", 0, received=PRICE, back=3000, taken=PRICE, organizers=-3000),
        policy=60,
    ),
    Case(
        "paid twice, the second is disputed and lost",
        (starts_twice, captures(payment=0), captures(), reports, jobs_are_done, *lost),
        End("CONFIRMED", 2, received=2 * PRICE, back=PRICE, taken=PRICE, organizers=-PRICE),
        STRIPE,
    ),
    Case(
        "paid twice, the second is disputed and lost",
        (starts_twice, captures(payment=0), captures(), reports, *lost),
        End("CONFIRMED", 2, received=2 * PRICE, taken=PRICE),
        STRIPE,
    ),
    Case(
        "a refund fails",
        (*paid, organizer_gives(), jobs_are_done, refund_fails(), reports_backwards, reports_all_again),
        ALL_BACK,
        STRIPE,
    ),
    Case(
        "a refund fails",
        (*paid, organizer_gives(1200), jobs_are_done, refund_fails(), reports_are_lost, books_are_compared),
        End("CONFIRMED", 2, received=PRICE, back=1200, organizers=-1200),
        STRIPE,
    ),
    Case(
        "a refund fails for good",
        (*paid, organizer_gives(), jobs_are_done, refund_fails(CLOSED), reports, organizer_gives_otherwise),
        End("CANCELLED", 0, received=PRICE, organizers=PRICE),
        STRIPE,
    ),
    Case(
        "a refund fails for good",
        (*paid, organizer_gives(), jobs_are_done, refund_fails(CLOSED), reports, *lost),
        End("CANCELLED", 0, received=PRICE, taken=PRICE),
        STRIPE,
    ),
    Case(
        "a refund fails for good",
        (*paid, organizer_gives(), jobs_are_done, refund_fails(CLOSED), is_refunded_by_hand(PRICE), reports),
        ALL_BACK,
        STRIPE,
    ),
    Case(
        "refunded by hand",
        (*paid, is_refunded_by_hand(1200), reports, reports_all_again, books_are_compared),
        End("CONFIRMED", 2, received=PRICE, back=1200, organizers=-1200),
        STRIPE,
    ),
    Case(
        "refunded by hand",
        (*paid, is_refunded_by_hand(PRICE), reports_are_lost, books_are_compared, nobody_keeps_tickets),
        ALL_BACK,
        STRIPE,
    ),
    Case(
        "refunded by hand while the organizer refunds",
        (
            *paid,
            is_refunded_by_hand(3000),
            at_once(reports, organizer_gives(3000), succeed={1, 2}),
            nobody_keeps_tickets,
        ),
        End("CONFIRMED", 2, received=PRICE, back=3000, organizers=-3000),
        STRIPE,
        or_end=ALL_BACK,
    ),
    Case(
        "refunded by hand while the organizer refunds",
        (*paid, organizer_gives(), is_refunded_by_hand(1200), jobs_are_done, reports),
        ALL_BACK,
        STRIPE,
    ),
    Case(
        "refunded and not noted, then disputed and lost",
        (*paid, organizer_gives(), refund_is_not_noted, *lost),
        End("CANCELLED", 0, received=PRICE, back=PRICE, taken=PRICE, organizers=-PRICE),
        STRIPE,
    ),
    Case(
        "an answer is lost",
        (next_answer_is_lost, starts, authorises(), reports, next_answer_is_lost),
        SOLD,
        STRIPE,
    ),
    Case(
        "an answer is lost",
        (
            *paid,
            organizer_gives(1500),
            next_answer_is_lost,
            jobs_are_done,
            organizer_gives(3500),
            next_answer_is_lost,
        ),
        End("CONFIRMED", 2, received=PRICE, back=PRICE, organizers=-PRICE),
        STRIPE,
    ),
)
