"""What a connection says to the server: rendered once where it can be, so that asking costs little."""

import hashlib
import hmac
import random
import time
import uuid
from collections import deque
from collections.abc import Generator, Iterator

import msgspec

from bench.plan import Buyer, Kind, Plan

# One answer: status and body.
Answer = tuple[int, bytes]

# Yields (step, request) and is sent the answer.
Visit = Generator[tuple[str, bytes], Answer, None]


# In a rush, how many pairs a buyer tries before the next one's turn, and how many get them and never pay.
TRIES_A_TURN = 2
SHARE_GIVING_UP = 0.5


class _Created(msgspec.Struct):
    id: str


class _Payment(msgspec.Struct):
    id: str
    amount: "_Money"
    checkout_url: str


class _Money(msgspec.Struct):
    amount: int
    currency: str


_created = msgspec.json.Decoder(_Created)
_payment = msgspec.json.Decoder(_Payment)


def render(port: int, method: str, path: str, body: bytes = b"", token: str = "", extra: str = "") -> bytes:
    """An HTTP/1.1 request that keeps its connection."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    elif method == "POST":
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + f"\r\n{extra}\r\n").encode() + body


def render_hold(plan: Plan, buyer: Buyer, event_id: int, seat_id: int) -> bytes:
    """The request that holds neighbouring seats: these, or the best there are."""
    if plan.kind is Kind.BEST:
        wanted = f'"best_available":{{"quantity":{plan.places}}}'
    else:
        wanted = f'"seat_ids":[{",".join(map(str, range(seat_id, seat_id + plan.places)))}]'
    body = f'{{"event_id":{event_id},{wanted}}}'.encode()
    return render(plan.port, "POST", "/api/v1/bookings", body, buyer.access_token)


class Served:
    """What the visits of a phase have come to."""

    def __init__(self) -> None:
        self.held = 0
        self.sold = 0
        self.visits = 0
        self.booking_ids: list[str] = []


class Ended:
    """Whether the phase's time is over; a visit asks before it starts the next round."""

    def __init__(self) -> None:
        self.ended = False


def visits_of(plan: Plan, served: Served, ended: Ended) -> Iterator[Visit]:
    """One visit a buyer, its requests to hold rendered already."""
    rendered = [
        (buyer, [render_hold(plan, buyer, event_id, seat_id) for event_id, seat_id in buyer.wanted])
        for buyer in plan.buyers
    ]
    if plan.kind in {Kind.HOLD, Kind.REFUSED, Kind.BEST}:
        return (_hold(holds, served, ended) for _, holds in rendered)
    if plan.kind is Kind.RUSH:
        return _rush(plan, rendered, served, ended)
    return (_sale(plan, buyer, holds, served, ended) for buyer, holds in rendered)


def _hold(holds: list[bytes], served: Served, ended: Ended) -> Visit:
    for request in holds:
        if ended.ended:
            return
        status, _ = yield "hold", request
        served.held += status == 201
        served.visits += 1


def _sale(plan: Plan, buyer: Buyer, holds: list[bytes], served: Served, ended: Ended) -> Visit:
    """Hold, pay, and have the webhook delivered: by us, or by the sandbox behind its `pay` button."""
    port, token = plan.port, buyer.access_token
    for request in holds:
        if ended.ended:
            return
        status, body = yield "hold", request
        if status != 201:
            continue
        served.held += 1
        booking_id = _created.decode(body).id
        status, body = yield (
            "pay",
            render(port, "POST", f"/api/v1/bookings/{booking_id}/payments", b"{}", token),
        )
        if status != 201:
            continue
        payment = _payment.decode(body)
        if plan.kind is Kind.SALE:
            status, _ = yield "webhook", _render_webhook(port, plan.webhook_key, payment)
            sold = status == 204
        else:
            path = "/" + payment.checkout_url.split("/", 3)[3]
            status, body = yield "press pay", render(port, "POST", f"{path}/pay")
            sold = status == 200 and b'"shop_told":true' in body
        served.sold += sold
        served.visits += 1
        served.booking_ids.append(booking_id)


def _rush(
    plan: Plan, buyers: list[tuple[Buyer, list[bytes]]], served: Served, ended: Ended
) -> Iterator[Visit]:
    """Everybody in turn, again and again, until they have bought or the sale is over."""
    line = deque(buyers)
    while line and not ended.ended:
        buyer, holds = line.popleft()
        yield _try(plan, buyer, holds, line, served, ended)


def _try(
    plan: Plan,
    buyer: Buyer,
    holds: list[bytes],
    line: deque[tuple[Buyer, list[bytes]]],
    served: Served,
    ended: Ended,
) -> Visit:
    """Try some pairs; with seats, pay or give up, as likely; without tickets, go to the end of the line."""
    for request in random.sample(holds, TRIES_A_TURN):
        if ended.ended:
            return
        status, body = yield "hold", request
        served.visits += 1
        if status != 201:
            continue
        served.held += 1
        if random.random() < SHARE_GIVING_UP:
            break
        paid = yield from _pay(plan, buyer, _created.decode(body).id)
        if paid:
            served.sold += 1
            return
    line.append((buyer, holds))


def _pay(plan: Plan, buyer: Buyer, booking_id: str) -> Generator[tuple[str, bytes], Answer, bool]:
    """Start the payment and play the provider; whether the shop took note of the money."""
    path = f"/api/v1/bookings/{booking_id}/payments"
    status, body = yield "pay", render(plan.port, "POST", path, b"{}", buyer.access_token)
    if status != 201:
        return False
    status, _ = yield "webhook", _render_webhook(plan.port, plan.webhook_key, _payment.decode(body))
    return status == 204


def _render_webhook(port: int, key: bytes, payment: _Payment) -> bytes:
    """What the sandbox would report, signed as it signs (see boxoffice.payments.sandbox.provider)."""
    body = (
        f'{{"id":"{uuid.uuid4()}","kind":"CAPTURED","payment_id":"{payment.id}",'
        f'"amount":{payment.amount.amount},"currency":"{payment.amount.currency}"}}'
    ).encode()
    stamp = str(int(time.time()))
    signature = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    header = f"Boxoffice-Sandbox-Signature: t={stamp},v1={signature}\r\n"
    return render(port, "POST", "/api/v1/payment-events/sandbox", body, extra=header)
