"""Access tokens: ours pass, nothing else does, and nothing breaks."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Litestar

from accounts.browser import Browser
from boxoffice.accounts import tokens as tokens_module
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.signing_keys import SigningKey, base64url
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.keys import derive_key

SECRET = "a secret for these tests, long enough"
KEY = SigningKey(SECRET)
OTHER = SigningKey("another secret of the same length")


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good: dict[str, Any] = {
        "sub": "7",
        "role": "USER",
        "iat": now,
        "exp": now + 60,
        "iss": "boxoffice",
        "aud": "boxoffice",
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def signed(key: SigningKey = KEY, header: bytes = KEY.header, **changes: Any) -> bytes:
    """As we sign, whatever it says."""
    said = header + b"." + base64url(json.dumps(claims(**changes)).encode())
    return said + b"." + key.signature_of(said)


def as_signed(payload: bytes) -> bytes:
    return (said := KEY.header + b"." + payload) + b"." + KEY.signature_of(said)


def encoded(key: Any, algorithm: str = "ES256", **header: Any) -> bytes:
    """As somebody else's library signs."""
    return jwt.encode(claims(), key, algorithm=algorithm, headers={"kid": KEY.shown.kid} | header).encode()


def private_key_of(key: SigningKey) -> ec.EllipticCurvePrivateKey:
    return key._private_key  # pyright: ignore[reportPrivateUsage]


def jwk_of(key: SigningKey) -> dict[str, str]:
    return {"kty": "EC", "crv": "P-256", "x": key.shown.x, "y": key.shown.y}


def as_bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"==")


def header_with(**changes: Any) -> bytes:
    """Our header with something else in it."""
    header = json.loads(as_bytes(KEY.header)) | changes
    return base64url(json.dumps({name: value for name, value in header.items() if value is not ...}).encode())


def unsigned(header: dict[str, Any], signature: bytes = b"") -> bytes:
    parts = [json.dumps({"kid": KEY.shown.kid} | header).encode(), json.dumps(claims()).encode(), signature]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


def test_a_token_says_who_it_was_given_to():
    tokens = Tokens(SECRET, minutes=15)
    token = tokens.issue(2**62, Role.ORGANIZER)

    assert tokens.seconds == 900
    assert tokens.identify(token.encode()) == Identity(2**62, Role.ORGANIZER)
    assert tokens.identify(token.encode()) == Identity(2**62, Role.ORGANIZER)
    decoded = jwt.decode(
        token,
        private_key_of(KEY).public_key(),
        algorithms=["ES256"],
        audience="boxoffice",
        issuer="boxoffice",
    )
    assert set(decoded) == {"sub", "role", "sid", "iat", "exp", "iss", "aud"}
    assert decoded["exp"] - decoded["iat"] == 900


def test_another_process_with_the_same_secret_believes_it_and_one_with_another_does_not():
    token = Tokens(SECRET, 15).issue(7, Role.USER).encode()

    assert Tokens(SECRET, 15).identify(token) == Identity(7, Role.USER)
    assert Tokens("another secret of the same length", 15).identify(token) is None


FORGED: dict[str, Callable[[], bytes]] = {
    "algorithm none": lambda: unsigned({"alg": "none", "typ": "JWT"}),
    "algorithm None": lambda: unsigned({"alg": "None", "typ": "JWT"}),
    "no algorithm": lambda: unsigned({"typ": "JWT"}),
    "an algorithm that is a list": lambda: unsigned({"alg": ["ES256"]}, b"x"),
    "a header that is no object": lambda: b"W10.e30.eA",
    "wrong key under the name of ours": lambda: signed(OTHER),
    "wrong key": lambda: signed(OTHER, OTHER.header),
    "our key, but a signature that is not the one we make": lambda: encoded(private_key_of(KEY)),
    "no signature": lambda: unsigned({"alg": "ES256"}, b""),
    "a signature of zeros": lambda: unsigned({"alg": "ES256"}, bytes(64)),
    "the public key as a shared secret": lambda: encoded(KEY.shown.x + KEY.shown.y, "HS256"),
    "the secret itself as a shared secret": lambda: encoded(SECRET, "HS256"),
    "key of another purpose": lambda: encoded(derive_key(SECRET, "access token"), "HS256"),
    "another algorithm": lambda: encoded(Ed25519PrivateKey.generate(), "EdDSA"),
    "no kid": lambda: signed(header=header_with(kid=...)),
    "an unknown kid": lambda: signed(header=header_with(kid="unknown")),
    "a kid that is a path": lambda: signed(header=header_with(kid="../../dev/null")),
    "a kid that is SQL": lambda: signed(header=header_with(kid="' OR 1=1 --")),
    "the same header with blanks": lambda: signed(header=base64url(b" " + as_bytes(KEY.header))),
    "a kid that is a list": lambda: unsigned({"alg": "ES256", "kid": [KEY.shown.kid]}, bytes(64)),
    "a kid that is null": lambda: unsigned({"alg": "ES256", "kid": None}, bytes(64)),
    "a key of its own": lambda: encoded(private_key_of(OTHER), jwk=jwk_of(OTHER)),
    "an address of a key": lambda: encoded(private_key_of(OTHER), jku="https://example.org/jwks.json"),
    "a critical extension": lambda: signed(header=header_with(crit=["b64"])),
    "expired": lambda: signed(exp=int(time.time())),
    "expiry in words": lambda: signed(exp="tomorrow"),
    "expiry in fractions": lambda: signed(exp=time.time() + 60),
    "expiry beyond numbers": lambda: signed(exp=10**400),
    "other audience": lambda: signed(aud="somebody else"),
    "several audiences": lambda: signed(aud=["boxoffice", "somebody else"]),
    "other issuer": lambda: signed(iss="somebody else"),
    "unknown role": lambda: signed(role="ROOT"),
    "role in a list": lambda: signed(role=["ADMIN"]),
    "subject that is no number": lambda: signed(sub="ada"),
    "empty subject": lambda: signed(sub=""),
    "subject of ten thousand digits": lambda: signed(sub="9" * 500),
    "not yet valid": lambda: signed(nbf=int(time.time()) + 60),
    "no subject": lambda: signed(sub=...),
    "no role": lambda: signed(role=...),
    "no time": lambda: signed(iat=...),
    "no expiry": lambda: signed(exp=...),
    "no issuer": lambda: signed(iss=...),
    "no audience": lambda: signed(aud=...),
    "cut off": lambda: signed()[:-1],
    "a signature too many": lambda: signed() + b".AAAA",
    "another payload": lambda: b".".join(
        [signed().split(b".")[0], signed(role="ADMIN").split(b".")[1], signed().split(b".")[2]]
    ),
    "nothing": lambda: b"",
    "dots": lambda: b"..",
    "many dots": lambda: b"." * 1_000,
    "text": lambda: b"hello",
    "blank around": lambda: b" " + signed() + b" ",
    "not UTF-8": lambda: b"\xff\xfe.\xff.\xff",
    "NUL": lambda: b"\0.\0.\0",
    "nested deep": lambda: base64.urlsafe_b64encode(b"[" * 700) + b".e30.eA",
    "huge": lambda: b"A" * 50_000,
    "a claim too many": lambda: signed(padding="A"),
    "a payload that is no JSON": lambda: as_signed(b"hello"),
    "a payload that is no base64": lambda: as_signed(b"e"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_identifies_nobody_and_takes_no_room(forge: Callable[[], bytes]):
    tokens, ours = Tokens(SECRET, 15), signed()

    assert tokens.identify(ours) == Identity(7, Role.USER)
    assert tokens.identify(forge()) is None
    assert list(tokens._checked) == [ours]  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_is_answered_401(browser: Browser, forge: Callable[[], bytes]):
    answer = await browser.send("GET", "/me", headers={b"authorization": b"Bearer " + forge()})

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-signed-in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_remembered_token_is_over_when_its_time_is(monkeypatch: pytest.MonkeyPatch):
    tokens = Tokens(SECRET, minutes=1)
    began = int(time.time())
    monkeypatch.setattr(time, "time", lambda: began + 0.5)
    token = tokens.issue(7, Role.USER).encode()

    assert tokens.identify(token) is not None
    monkeypatch.setattr(time, "time", lambda: began + 59.999)
    assert tokens.identify(token) is not None
    monkeypatch.setattr(time, "time", lambda: began + 60.0)
    assert tokens.identify(token) is None


def test_a_token_of_a_machine_whose_clock_is_ahead_passes():
    assert Tokens(SECRET, 15).identify(signed(iat=int(time.time()) + 5)) is not None


def test_the_cache_is_bounded_and_drops_the_oldest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens_module, "CACHED_TOKENS_MAX", 3)
    tokens = Tokens(SECRET, 15)
    issued = [tokens.issue(user_id, Role.USER).encode() for user_id in range(5)]
    for token in issued:
        assert tokens.identify(token) is not None

    assert list(tokens._checked) == issued[2:]  # pyright: ignore[reportPrivateUsage]
    assert tokens.identify(issued[0]) == Identity(0, Role.USER)
    assert len(tokens._checked) == 3  # pyright: ignore[reportPrivateUsage]


def test_a_change_of_the_secret_logs_nobody_out():
    before = Tokens(SECRET, 15).issue(7, Role.USER).encode()
    after = Tokens("another secret of the same length", 15, [SECRET])

    assert after.identify(before) == Identity(7, Role.USER)
    assert after.identify(after.issue(8, Role.USER).encode()) == Identity(8, Role.USER)
    assert jwt.get_unverified_header(after.issue(8, Role.USER))["kid"] == OTHER.shown.kid
    assert Tokens("another secret of the same length", 15).identify(before) is None


async def test_the_published_keys_check_a_token(ada: Browser, quick_app: Litestar):
    (shown,) = (await ada.send("GET", "http://testserver/.well-known/jwks.json")).json()["keys"]
    decoded = jwt.decode(
        ada.access_token, jwt.PyJWK(shown), algorithms=["ES256"], audience="boxoffice", issuer="boxoffice"
    )

    assert decoded["role"] == "USER"
    assert jwt.get_unverified_header(ada.access_token)["kid"] == shown["kid"]
    # RFC 7638: whoever has the key can work its name out.
    members = f'{{"crv":"P-256","kty":"EC","x":"{shown["x"]}","y":"{shown["y"]}"}}'.encode()
    digest = hashlib.sha256(members).digest()
    assert shown["kid"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def test_a_token_is_believed_by_another_process(ada: Browser, rival_app: Litestar):
    rival = ada.copy(rival_app)
    rival.access_token = ada.access_token

    assert (await rival.me()).json()["email"] == ada.email


async def test_a_token_without_its_account_is_nobody(browser: Browser, quick_app: Litestar):
    browser.access_token = quick_app.state.tokens.issue(2**62, Role.USER)

    assert (await browser.me()).status_code == 401
