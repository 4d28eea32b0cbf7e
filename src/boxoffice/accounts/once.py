"""`dependencies=ONCE` on a handler: it may be asked with an Idempotency-Key, and asks for `once`."""

from typing import Any

from litestar import Request
from litestar.di import NamedDependency, Provide

from boxoffice.accounts.identity import Identity
from boxoffice.kit.idempotency import IdempotencyKey, Once


async def _provide_once(
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    idempotency_key: IdempotencyKey = None,
) -> Once | None:
    if idempotency_key is None:
        return None
    name = str(getattr(request.route_handler, "operation_id", ""))
    return Once(user.user_id, name, idempotency_key, [request.url.path.encode(), await request.body()])


ONCE = {"once": Provide(_provide_once)}
