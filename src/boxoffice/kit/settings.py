"""Everything an operator can set, read once from the environment into one frozen object."""

import os
import re
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from boxoffice.kit.client_address import read_networks
from boxoffice.kit.errors import SetupError

# Known to everybody who can read this file: good for a demo, refused in production.
DEVELOPMENT_SECRET = "development-only-secret-that-everybody-can-read"  # noqa: S105  refused in production

# A session lives for 90 days and a warning for 30; people come to one concert a year.
UNUSED_ACCOUNT_DAYS_MIN = 365

# What the audit log itself insists on: an intruder has no use of it before somebody has looked.
AUDIT_ADDRESS_DAYS_MIN = 30

# By scheme: TLS at once, STARTTLS, none. Each with the port it usually has.
SMTP_PORTS = {"smtps": 465, "smtp": 587, "smtp+plain": 25}

# 32 characters of a random string carry more than the 128 bits our keys need.
SECRET_CHARACTERS_MIN = 32


class Mode(StrEnum):
    """Whether defaults that are only fit for a developer's machine are accepted."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class LogFormat(StrEnum):
    """JSON for machines, console for eyes."""

    JSON = "json"
    CONSOLE = "console"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One field per variable; `VARIABLES` names them and `.env.example` explains them."""

    database_url: str | None = None
    database_owner_url: str | None = None
    mode: Mode = Mode.DEVELOPMENT
    secret: str = DEVELOPMENT_SECRET
    other_secrets: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8000
    public_url: str = "http://localhost:8000"
    trusted_proxies: str | None = None
    cors_origins: str | None = None
    # A minute's: a full office behind one address, a dozen gates with one account; 0 is no limit.
    requests_per_address: Annotated[int, Meta(ge=0, le=1_000_000)] = 6_000
    requests_per_account: Annotated[int, Meta(ge=0, le=1_000_000)] = 3_000
    # A large office that looks at a sale; a seventh of the connections that a worker accepts. 0 is no limit.
    requests_at_once_per_address: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    # One process per core is right for CPU-bound work; two is what the smallest machine has.
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    jobs_inside: bool = True
    worker_metrics_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    data_folder: Path = Path(".boxoffice")
    files_url: str | None = None
    postgres_binaries: Path | None = None
    # Batches in flight per process are bounded by this; more connections than cores gain nothing.
    database_connections: Annotated[int, Meta(ge=2, le=100)] = 8
    sandbox_payments: bool | None = None
    stripe_secret_key: str | None = None
    stripe_webhook_secret: str | None = None
    stripe_api_url: str | None = None
    shop_url: str | None = None
    smtp_url: str | None = None
    mail_from: str = "Boxoffice <boxoffice@localhost>"
    tickets_by_email: bool = True
    second_factor_required: bool = False
    access_token_minutes: Annotated[int, Meta(ge=1, le=15)] = 15
    refresh_token_days: Annotated[int, Meta(ge=1, le=90)] = 30
    # One hash takes 64 MiB and a core for 0.18 s, and a worker has a core at most.
    password_threads: Annotated[int, Meta(ge=1, le=16)] = 1
    # Of a buyer who comes once a year: less than that is no sign that somebody has left.
    unused_account_days: Annotated[int, Meta(ge=0, le=3650)] = 0
    # Whoever looks for an intruder a year later still finds where they came from.
    audit_address_days: Annotated[int, Meta(ge=0, le=3650)] = 400
    log_level: Annotated[str, Meta(pattern="^(debug|info|warning|error)$")] = "info"
    log_format: LogFormat = LogFormat.JSON
    log_requests: bool = False

    @property
    def sandbox_enabled(self) -> bool:
        """The sandbox pays for nothing, so in production it is on only where that is asked for."""
        return self.mode is Mode.DEVELOPMENT if self.sandbox_payments is None else self.sandbox_payments

    @property
    def secrets(self) -> list[str]:
        """The secret that signs and seals, then those that what was made before may still rest on."""
        others = (part.strip() for part in (self.other_secrets or "").split(","))
        return [self.secret, *(part for part in others if part)]

    @property
    def pages_url(self) -> str:
        """Where the links in letters lead: the shop's own pages, or the plain ones we serve."""
        return (self.shop_url or self.public_url).rstrip("/")

    @property
    def files_address(self) -> str:
        """Where images are kept, as a URL."""
        return self.files_url or (self.data_folder.resolve() / "files").as_uri()

    @property
    def origins(self) -> list[str]:
        """The other origins whose pages may read our answers, as browsers write them."""
        parts = (part.strip() for part in (self.cors_origins or "").split(","))
        return [part for part in parts if part]

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us over TLS."""
        return self.public_url.startswith("https://")


def variable_of(field: str) -> str:
    """The environment variable that sets this field."""
    return "DATABASE_URL" if field == "database_url" else f"BOXOFFICE_{field.upper()}"


VARIABLES: dict[str, str] = {variable_of(field): field for field in Settings.__struct_fields__}

_EXPECTED = {
    "int": "a whole number",
    "bool": "true or false",
}


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings; raises `SetupError` naming the variable and what is expected of it.

    A variable that starts with BOXOFFICE_ but is not ours is refused too: it is a typing mistake
    that would otherwise be found at 3 a.m. An empty value counts as not set.
    """
    for name in environment:
        if name.startswith("BOXOFFICE_") and name not in VARIABLES:
            raise SetupError(f"{name} is not a setting of Boxoffice; see .env.example for those there are.")
    given = {field: environment[name] for name, field in VARIABLES.items() if environment.get(name)}
    given.setdefault("public_url", f"http://localhost:{given.get('port', Settings().port)}")
    try:
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise SetupError(_in_words(str(error), given)) from None
    _check(settings)
    return settings


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value)).expanduser()
    raise NotImplementedError(kind)


def _in_words(message: str, given: Mapping[str, str]) -> str:
    reason, _, place = message.partition(" - at `$.")
    field = place.rstrip("`")
    reason = re.sub(
        r"Expected `([^`]+)`, got `[^`]+`",
        lambda found: "expected " + " or ".join(_EXPECTED.get(kind, kind) for kind in found[1].split(" | ")),
        reason,
    )
    return f"{variable_of(field)} is {given[field]!r}: {reason[0].lower() + reason[1:]}."


def _check(settings: Settings) -> None:
    _check_retention(settings)
    _check_secrets(settings)
    _check_addresses(settings)
    _check_mail(settings)
    if settings.files_url is not None:
        _check_files_url(settings.files_url)
    if (settings.stripe_secret_key is None) != (settings.stripe_webhook_secret is None):
        raise SetupError(
            "BOXOFFICE_STRIPE_SECRET_KEY and BOXOFFICE_STRIPE_WEBHOOK_SECRET belong together: "
            "set both or none."
        )
    if settings.mode is not Mode.PRODUCTION:
        return
    if DEVELOPMENT_SECRET in settings.secrets:
        raise SetupError(
            "BOXOFFICE_SECRET must be set in production, for example to `openssl rand -base64 48`."
        )
    if not settings.secure_cookies:
        raise SetupError("BOXOFFICE_PUBLIC_URL must start with https:// in production.")


def _check_retention(settings: Settings) -> None:
    for name, days, least in (
        ("BOXOFFICE_UNUSED_ACCOUNT_DAYS", settings.unused_account_days, UNUSED_ACCOUNT_DAYS_MIN),
        ("BOXOFFICE_AUDIT_ADDRESS_DAYS", settings.audit_address_days, AUDIT_ADDRESS_DAYS_MIN),
    ):
        if 0 < days < least:
            raise SetupError(f"{name} is {days}: expected {least} or more, or 0 for never.")


def _check_secrets(settings: Settings) -> None:
    if len(settings.secret) < SECRET_CHARACTERS_MIN:
        raise SetupError(
            f"BOXOFFICE_SECRET is too short: at least {SECRET_CHARACTERS_MIN} random characters."
        )
    if any(len(secret) < SECRET_CHARACTERS_MIN for secret in settings.secrets):
        raise SetupError(
            f"BOXOFFICE_OTHER_SECRETS has one that is too short: at least {SECRET_CHARACTERS_MIN} "
            "characters each, with commas between them."
        )


def _check_mail(settings: Settings) -> None:
    if settings.smtp_url is not None and not _is_address(settings.smtp_url, tuple(SMTP_PORTS)):
        raise SetupError(
            "BOXOFFICE_SMTP_URL must look like smtp://user:password@host:587 (STARTTLS), "
            "smtps://user:password@host:465 (TLS) or smtp+plain://localhost:25 (no encryption)."
        )
    name, address = parseaddr(settings.mail_from)
    try:
        is_one = bool(address.partition("@")[2]) and bool(Address(name, addr_spec=address).domain)
    except (ValueError, MessageError):
        is_one = False
    if not is_one:
        raise SetupError(
            f"BOXOFFICE_MAIL_FROM is {settings.mail_from!r}: expected an address such as "
            "Tickets <tickets@example.org>."
        )


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    """Whether it names a host, and a port that is one if any."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _check_addresses(settings: Settings) -> None:
    if not re.fullmatch(r"https?://[^/\s?#@]+", settings.public_url) or not _is_address(
        settings.public_url, ("http", "https")
    ):
        raise SetupError(
            f"BOXOFFICE_PUBLIC_URL is {settings.public_url!r}: expected the address buyers use, "
            "without a path, such as https://tickets.example.org."
        )
    if settings.shop_url is not None and not re.match(r"https?://[^\s#?]+$", settings.shop_url):
        raise SetupError(
            f"BOXOFFICE_SHOP_URL is {settings.shop_url!r}: expected an address such as "
            "https://www.example.org/tickets."
        )
    for origin in settings.origins:
        if not re.match(r"https?://[a-z0-9.\-]+(:\d+)?$|https?://\[[0-9a-f:]+\](:\d+)?$", origin):
            raise SetupError(
                f"BOXOFFICE_CORS_ORIGINS has {origin!r}: expected origins as browsers write them, such as "
                "https://shop.example.org, without a path; * is none."
            )
    try:
        read_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SetupError(
            f"BOXOFFICE_TRUSTED_PROXIES: {error}; expected networks such as 10.0.0.0/8,fd00::/8."
        ) from None
    for name, url in (
        ("DATABASE_URL", settings.database_url),
        ("BOXOFFICE_DATABASE_OWNER_URL", settings.database_owner_url),
    ):
        if url is not None and not re.match(r"postgres(ql)?://", url):
            raise SetupError(
                f"{name} must start with postgresql://, as in postgresql://user:password@host/name."
            )


def _check_files_url(url: str) -> None:
    parts = urlsplit(url)
    is_folder = parts.scheme == "file" and not parts.netloc and len(parts.path) > 1
    is_bucket = parts.scheme == "s3" and bool(parts.netloc)
    if not (is_folder or is_bucket) or parts.query or parts.fragment:
        raise SetupError(
            f"BOXOFFICE_FILES_URL is {url!r}: expected a folder, such as file:///var/lib/boxoffice/files, "
            "or a bucket, such as s3://tickets/files."
        )
