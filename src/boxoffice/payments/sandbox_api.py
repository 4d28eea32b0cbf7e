"""The sandbox's own web site, where a buyer pays."""

from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from boxoffice.kit.errors import NotFound
from boxoffice.payments.sandbox import Checkout, Choice, Sandbox
from boxoffice.payments.sandbox_page import POLICY, render_page
from boxoffice.payments.sandbox_queries import CheckoutState


class CheckoutView(msgspec.Struct, frozen=True):
    """What a client that does not want HTML gets."""

    state: CheckoutState
    shop_told: bool


def _answer(request: Request[Any, Any, Any], checkout: Checkout) -> Response[Any]:
    if "text/html" in request.headers.get("accept", ""):
        headers = {"Content-Security-Policy": POLICY}
        return Response(render_page(checkout), media_type=MediaType.HTML, status_code=200, headers=headers)
    view = CheckoutView(state=checkout.state, shop_told=checkout.delivered_at is not None)
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
    """Press a button. Answers once the first webhook has been sent, so that a script can go on."""
    try:
        chosen = Choice(choice)
    except ValueError:
        raise NotFound from None
    return _answer(request, await sandbox.choose(token, chosen))


routes: list[ControllerRouterHandler] = [show_checkout, choose]
