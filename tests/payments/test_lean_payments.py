"""Both ways into starting a payment and into a webhook answer alike: the lean door and the framework."""

import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import Unavailable
from payments.conftest import Holder
from payments.test_payments import KEY, report, start
from payments.test_payments import SIGNATURE_HEADER as SIGNATURE

# The lean door takes the plain content type only, and a webhook only in one piece.
LEAN, FRAMEWORK = "application/json", "application/json; charset=utf-8"


async def _pieces(body: bytes) -> AsyncGenerator[bytes]:
    yield body[:10]
    yield body[10:]


def without_what_differs(answer: httpx.Response) -> tuple[int, Any, list[str]]:
    """The status, the body less its ids and times, and the names of the headers."""
    content = answer.json() if answer.content else None
    for name in ("id", "booking_id", "created_at", "checkout_url", "request_id"):
        if content is not None:
            content.pop(name, None)
    # An empty answer has a length of 0 in one way and none in the other; both are right (RFC 9110, 8.6).
    names = sorted(set(answer.headers) - ({"content-length"} if answer.status_code == 204 else set()))
    return answer.status_code, content, names


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 201),
        (b'{"provider": "sandbox"}', 201),
        (b'{"provider": "cowries"}', 422),
        (b'{"provider": 1}', 422),
        (b'{"pay": true}', 422),
        (b"[]", 422),
        (b"{", 400),
        (b"", 400),
    ],
)
async def test_a_payment_starts_alike(client: httpx.AsyncClient, basket: Holder, body: bytes, status: int):
    answers: list[httpx.Response] = []
    for content_type in (LEAN, FRAMEWORK):
        held = await basket()
        headers = {**held.headers, "content-type": content_type}
        answers.append(
            await client.post(f"/bookings/{held.booking_id}/payments", content=body, headers=headers)
        )

    assert answers[0].status_code == status
    assert without_what_differs(answers[0]) == without_what_differs(answers[1])


@pytest.mark.parametrize("booking_id", ["01a213df-be36-8853-8000-0001c47eaef2", "x" * 36, "1", "a/b", ""])
async def test_a_booking_that_is_not_there_is_refused_alike(
    client: httpx.AsyncClient, basket: Holder, booking_id: str
):
    held = await basket()
    answers = [
        await client.post(
            f"/bookings/{booking_id}/payments",
            content=b"{}",
            headers={**held.headers, "content-type": content_type},
        )
        for content_type in (LEAN, FRAMEWORK)
    ]

    assert answers[0].status_code in (404, 405)
    assert without_what_differs(answers[0]) == without_what_differs(answers[1])


async def test_without_a_token_nobody_pays_either_way(client: httpx.AsyncClient, basket: Holder):
    held = await basket()
    for content_type in (LEAN, FRAMEWORK):
        answer = await client.post(
            f"/bookings/{held.booking_id}/payments", content=b"{}", headers={"content-type": content_type}
        )
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 204),
        ({"kind": "DECLINED"}, 204),
        ({"kind": "STOLEN"}, 422),
        ({"id": 1}, 422),
        ({"payment_id": "01a213df-be36-8853-8000-0001c47eaef2"}, 404),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
async def test_a_webhook_is_taken_alike(
    client: httpx.AsyncClient, basket: Holder, change: dict[str, Any], status: int, *, signed: bool
):
    answers: list[httpx.Response] = []
    for in_pieces in (False, True):
        payment = await start(client, await basket())
        body = json.dumps(json.loads(report(payment)) | change).encode()
        stamp = str(int(time.time()))
        seal = hmac.new(KEY if signed else b"no", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

        headers = {SIGNATURE: f"t={stamp},v1={seal}"}
        content = _pieces(body) if in_pieces else body
        answers.append(await client.post("/payment-events/sandbox", content=content, headers=headers))

    assert answers[0].status_code == (status if signed else 401)
    assert without_what_differs(answers[0]) == without_what_differs(answers[1])
    assert answers[0].headers.get("www-authenticate") == answers[1].headers.get("www-authenticate")


@pytest.mark.parametrize(
    ("fault", "status"), [(Unavailable("Busy.", 7), 503), (ZeroDivisionError("a bug"), 500)]
)
async def test_what_goes_wrong_with_a_webhook_is_told_so_that_it_comes_again(
    client: httpx.AsyncClient,
    basket: Holder,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
):
    payment = await start(client, await basket())
    body = report(payment)
    stamp = str(int(time.time()))
    seal = hmac.new(KEY, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()

    async def submit(*_: object) -> None:
        raise fault

    monkeypatch.setattr(GroupCommit, "submit", submit)
    answer = await client.post(
        "/payment-events/sandbox", content=body, headers={SIGNATURE: f"t={stamp},v1={seal}"}
    )

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
