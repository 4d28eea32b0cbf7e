"""The sandbox's own web site, where a buyer pays, and where the buyer's bank takes it back."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from boxoffice.kit.errors import NotFound
from boxoffice.payments.provider import DisputeState
from boxoffice.payments.sandbox.page import POLICY, render_page
from boxoffice.payments.sandbox.provider import BankChoice, Checkout, Choice, Sandbox
from boxoffice.payments.sandbox.queries import CheckoutState

_BUYERS_CHOICES, _BANKS_CHOICES = set(map(str, Choice)), set(map(str, BankChoice))


class CheckoutView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client that does not want HTML gets; `dispute` once the buyer's bank has begun one."""

    state: CheckoutState
    shop_told: bool
    dispute: DisputeState | None = None


def _answer(request: Request[Any, Any, Any], checkout: Checkout) -> Response[Any]:
    if "text/html" in request.headers.get("accept", ""):
        headers = {"Content-Security-Policy": POLICY}
        return Response(render_page(checkout), media_type=MediaType.HTML, status_code=200, headers=headers)
    told = checkout.delivered_at is not None
    view = CheckoutView(state=checkout.state, shop_told=told, dispute=checkout.dispute)
    return Response(view, status_code=200)


@get("/sandbox/checkouts/{token:str}", include_in_schema=False)
async def show_checkout(
    request: Request[Any, Any, Any], sandbox: NamedDependency[Sandbox], token: FromPath[str]
) -> Response[Any]:
    """Show the page."""
    return _answer(request, await sandbox.get_checkout(token))


@post("/sandbox/checkouts/{token:str}/{choice:str}", include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any],
    sandbox: NamedDependency[Sandbox],
    token: FromPath[str],
    choice: FromPath[str],
) -> Response[Any]:
    """Press a button, as the buyer or as the buyer's bank.

    Answers once the first webhook has been sent, so that a script can go on.
    """
    if choice in _BUYERS_CHOICES:
        return _answer(request, await sandbox.choose(token, Choice(choice)))
    if choice in _BANKS_CHOICES:
        return _answer(request, await sandbox.choose_as_bank(token, BankChoice(choice)))
    raise NotFound


routes: list[ControllerRouterHandler] = [show_checkout, choose]
