"""What browsers are told with every answer: to guess nothing, to frame nothing, to store nothing private; and
which other origins may read the answers (CORS).

All of it is made once, since it is added to every answer there is. A route that says something else about one
of these things is left alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from boxoffice.kit.settings import Settings

Headers = list[tuple[bytes, bytes]]

# A year, as browsers' preload lists ask for. Only the host itself: what else is below it we do not know.
_HSTS = (b"strict-transport-security", b"max-age=31536000")

# Nothing is loaded, run or framed by a JSON document; pages bring a policy of their own.
_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")

_NO_STORE = (b"cache-control", b"no-store")

# What scripts of another origin may read besides what they always may (the fetch standard's list).
_EXPOSED = (
    b"ETag, Idempotent-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID, "
    b"WWW-Authenticate"
)

# What they may send. `Authorization` carries the token: no cookie is ever asked for or sent.
_ALLOWED = (
    b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    b"Traceparent, Tracestate, X-Channel-Key, X-Request-ID"
)

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"

# The longest that a browser heeds (Chromium's).
_PREFLIGHT_SECONDS = b"7200"


class BrowserHeaders:
    """The headers of each answer. Paths that begin with one of `same_origin` are for no other origin."""

    def __init__(self, settings: Settings, same_origin: tuple[str, ...]) -> None:
        self._same_origin = same_origin
        self._origins = frozenset(origin.encode() for origin in settings.origins)
        resources = b"cross-origin" if self._origins else b"same-origin"
        self._always: Headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", resources),
        ]
        if settings.secure_cookies:
            self._always.append(_HSTS)
        if self._origins:
            # Answers differ by origin, and whoever stores them must know.
            self._always.append((b"vary", b"Origin"))
        self._referrer = (b"referrer-policy", b"no-referrer")
        # By what the answer says itself: its policy, its referrer, its caching; or that nobody is signed in.
        self._made = {
            (policy, referrer, caching): tuple(
                self._always
                + ([] if policy else [_POLICY])
                + ([] if referrer else [self._referrer])
                + ([] if caching else [_NO_STORE])
            )
            for policy in (False, True)
            for referrer in (False, True)
            for caching in (False, True)
        }

    def of(self, said: Iterable[tuple[bytes, bytes]], *, is_private: bool) -> tuple[tuple[bytes, bytes], ...]:
        """What is to be added to an answer that says this already; a private one is stored by nobody."""
        policy = referrer = False
        caching = not is_private
        for name, _ in said:
            if name == b"cache-control":
                caching = True
            elif name == b"content-security-policy":
                policy = True
            elif name == b"referrer-policy":
                referrer = True
        return self._made[policy, referrer, caching]

    def for_origin(self, scope: Any, origin: bytes) -> Sequence[tuple[bytes, bytes]]:
        """Let a page of this origin read the answer, if it is one of those that may."""
        if origin not in self._origins or scope["path"].startswith(self._same_origin):
            return ()
        return (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED)

    def preflight(self, scope: Any, origin: bytes) -> Headers | None:
        """The answer to a browser that asks whether a page may send a request, else None.

        Besides what `for_origin` says.
        """
        if scope["method"] != "OPTIONS" or not self.for_origin(scope, origin):
            return None
        if not any(name == b"access-control-request-method" for name, _ in scope["headers"]):
            return None
        return [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        ]
