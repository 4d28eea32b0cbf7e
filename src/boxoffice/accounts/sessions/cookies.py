"""The cookie that carries the refresh token, and the check that no other site uses it."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie

from boxoffice.kit.errors import Refusal
from boxoffice.kit.settings import Settings

COOKIE_PATH = "/api/v1/auth"

_NAME = "boxoffice_refresh"
_PORTS = {"http": 80, "https": 443}


class WrongOrigin(Refusal, status=403):
    """A page of another site may not do this; use the public address in `expected`."""

    expected: str


def cookie_name(settings: Settings) -> str:
    """Browsers refuse to set a name with this prefix over plain HTTP, so there it goes without."""
    return f"__Secure-{_NAME}" if settings.secure_cookies else _NAME


def make_cookie(settings: Settings, value: str, seconds: int) -> Cookie:
    """The cookie for `seconds`; none clear it."""
    return Cookie(
        key=cookie_name(settings),
        value=value,
        max_age=seconds,
        path=COOKIE_PATH,
        secure=settings.secure_cookies,
        httponly=True,
        samesite="strict",
    )


def find_cookie(settings: Settings, request: Request[Any, Any, Any]) -> bytes | None:
    """The refresh token as the browser sent it. HTTP/2 may spread cookies over several headers."""
    wanted = cookie_name(settings).encode()
    for name, value in request.scope["headers"]:
        if name == b"cookie":
            for crumb in value.split(b";"):
                key, _, content = crumb.strip().partition(b"=")
                if key == wanted:
                    return content
    return None


def refuse_other_origin(settings: Settings, request: Request[Any, Any, Any]) -> None:
    """Refuse a page of another site. Programs that are no browser send no `Origin` and may pass."""
    expected = origin_of(settings.public_url)
    for name, value in request.scope["headers"]:
        if name == b"origin" and value != expected.encode():
            raise WrongOrigin(expected=expected)


def origin_of(url: str) -> str:
    """The origin as browsers write it (RFC 6454): in lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
