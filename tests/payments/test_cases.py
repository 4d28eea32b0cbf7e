"""The cases of docs/money.md: each row of its table is told to its end, at each bank that it can happen at.

A row without a case fails, and so does a case without a row. A new case goes into `cases_of_paying` or
`cases_of_giving_back`, with words of `case_steps`. What is true of every end is in `case_end`.
"""

import re
from collections.abc import AsyncGenerator
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from payments.baskets import Basket, headers_of
from payments.case import Case
from payments.case_end import judge
from payments.case_steps import PLACE, Story
from payments.cases_of_giving_back import GIVING_BACK
from payments.cases_of_paying import PAYING
from payments.stripe_peer import StripePeer
from payments.stripe_shop import Shop
from shows import insert_user, open_show
from source_tree import ROOT

CASES = (*PAYING, *GIVING_BACK)


@pytest_asyncio.fixture(scope="module")
async def house(
    stripe_app: Litestar, settings_of_peer: tuple[StripePeer, Settings], dsn: str
) -> AsyncGenerator[Shop]:
    """One house for all cases, which is paid at Stripe and at the sandbox."""
    parts = Parts(settings_of_peer[1], dsn)
    transport = httpx.ASGITransport(stripe_app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with (
        parts.running(),
        httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client,
    ):
        yield Shop(client, settings_of_peer[0], parts)


async def hold(house: Shop, policy: int | None) -> Basket:
    """Seats 3 and 4 of a new show for a new buyer; nothing is wrong with Stripe."""
    house.peer.faults.clear()
    show = await open_show(house.parts.db, price=PLACE)
    if policy is not None:
        answer = await house.client.put(
            f"/events/{show.event_id}/cancellation-policy",
            json={"tiers": [{"refund_percent": policy, "hours_before": 1}], "fees": "KEPT"},
            headers=headers_of(show.organizer_id, Role.ORGANIZER),
        )
        assert answer.status_code == 200, answer.text
    buyer_id = await insert_user(house.parts.db)
    body = {"event_id": show.event_id, "seat_ids": [3, 4]}
    answer = await house.client.post("/bookings", json=body, headers=headers_of(buyer_id))
    assert answer.status_code == 201, answer.text
    return Basket(show, buyer_id, UUID(answer.json()["id"]), headers_of(buyer_id))


@pytest.mark.parametrize(
    ("case", "bank"),
    [pytest.param(case, bank, id=f"{case.row}, at {bank}") for case in CASES for bank in case.at],
)
async def test_each_case_ends_in_tickets_or_refunds(house: Shop, case: Case, bank: str):
    story = Story(house, await hold(house, case.policy), bank)

    for step in case.steps:
        answer = await step(story)
        assert answer is None or answer in (200, 201), (step, answer)

    await judge(story, PLACE, *(end for end in (case.end, case.or_end) if end is not None))


def test_the_table_of_the_cases_is_what_is_tested():
    text = (ROOT / "docs" / "money.md").read_text().partition("\n## Cases\n")[2].partition("\n## ")[0]
    rows = [row.strip() for row in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)][1:]

    assert rows == list(dict.fromkeys(case.row for case in CASES))
