"""What browsers are told with every answer, and which origins may read them."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.kit.errors import SetupError
from boxoffice.kit.settings import Settings, load_settings
from payments.conftest import headers_of
from web import running

SHOP = "https://shop.example.org"
STRANGER = "https://evil.example.org"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest_asyncio.fixture(scope="module")
async def open_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application behind TLS, with a shop at another origin."""
    settings = Settings(
        jobs_inside=False,
        public_url="https://tickets.example.org",
        cors_origins=f"{SHOP}, http://localhost:3000",
    )
    async with running(settings, dsn) as application:
        yield application


async def ask(app: Litestar, method: str, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )


@pytest.mark.parametrize(
    "path", ["/health/live", "/api/v1/events", "/api/v1/me", "/nothing", "/schema", "/docs"]
)
async def test_every_answer_says_what_browsers_must_not_do(app: Litestar, open_app: Litestar, path: str):
    plain, tls = await ask(app, "GET", path), await ask(open_app, "GET", path)

    for answer in (plain, tls):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers.get_list("content-security-policy") == [
            answer.headers["content-security-policy"]
        ]
    assert "strict-transport-security" not in plain.headers
    assert tls.headers["strict-transport-security"] == "max-age=31536000"
    assert plain.headers["cross-origin-resource-policy"] == "same-origin"
    assert tls.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_json_answer_may_load_nothing_and_pages_say_what_they_need(app: Litestar):
    for path in ("/api/v1/events", "/nothing", "/api/v1/me"):
        policy = (await ask(app, "GET", path)).headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
    docs = (await ask(app, "GET", "/docs")).headers["content-security-policy"]
    assert "default-src 'self'" in docs
    assert "script-src" not in docs


async def test_what_somebody_reads_who_is_signed_in_is_stored_by_nobody(app: Litestar):
    signed = headers_of(1)
    assert (await ask(app, "GET", "/api/v1/bookings", **signed)).headers["cache-control"] == "no-store"
    assert (await ask(app, "GET", "/api/v1/bookings/x", **signed)).headers["cache-control"] == "no-store"
    # A route that says something itself is heard, and there is nothing to hide from everybody.
    keys = await ask(app, "GET", "/.well-known/jwks.json", **signed)
    assert keys.headers.get_list("cache-control") == ["max-age=300, public"]
    assert "cache-control" not in (await ask(app, "GET", "/health/live")).headers


async def test_without_origins_no_page_of_another_may_read_anything(app: Litestar):
    answer = await ask(app, "GET", "/api/v1/events", origin=SHOP)
    asked = await ask(app, "OPTIONS", "/api/v1/bookings", origin=SHOP, **PREFLIGHT)

    for each in (answer, asked):
        assert not [name for name in each.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:3000"])
async def test_a_page_of_an_origin_that_may_reads_answers_and_refusals(open_app: Litestar, origin: str):
    for path in ("/api/v1/events", "/api/v1/me", "/nothing"):
        answer = await ask(open_app, "GET", path, origin=origin)
        assert answer.headers["access-control-allow-origin"] == origin
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        wanted = {"ETag", "Link", "RateLimit", "Retry-After", "Idempotent-Replayed", "X-Request-ID"}
        assert wanted <= set(exposed)
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_is_answered_before_anybody_is_signed_in(open_app: Litestar):
    answer = await ask(open_app, "OPTIONS", "/api/v1/bookings", origin=SHOP, **PREFLIGHT)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key", "if-match"))
    assert answer.headers["access-control-max-age"] == "7200"
    assert "access-control-allow-credentials" not in answer.headers


async def test_strangers_and_the_cookies_routes_get_nothing(open_app: Litestar):
    for method, more in (("OPTIONS", PREFLIGHT), ("POST", {})):
        for path, origin in (
            ("/api/v1/bookings", STRANGER),
            ("/api/v1/bookings", f"{SHOP}.evil.org"),
            ("/api/v1/bookings", "null"),
            ("/api/v1/auth/refresh", SHOP),
            ("/api/v1/auth/login", SHOP),
        ):
            answer = await ask(open_app, method, path, origin=origin, **more)
            assert not [name for name in answer.headers if name.startswith("access-control")], (path, origin)
    refused = await ask(open_app, "POST", "/api/v1/auth/refresh", origin=SHOP)
    assert refused.json()["type"] == "/problems/wrong-origin"


async def test_options_without_a_preflight_names_the_methods(open_app: Litestar):
    answer = await ask(open_app, "OPTIONS", "/api/v1/bookings", origin=SHOP)

    assert answer.headers["allow"] == "GET, OPTIONS, POST"


@pytest.mark.parametrize(
    "origins", ["*", "shop.example.org", "https://shop.example.org/", "https://*.org", "null"]
)
def test_an_origin_that_is_none_is_refused_at_the_start(origins: str):
    with pytest.raises(SetupError, match="BOXOFFICE_CORS_ORIGINS"):
        load_settings({"BOXOFFICE_CORS_ORIGINS": origins})
