"""The command line: what it offers, what it refuses and in which words."""

import errno
import re
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner

from boxoffice import __version__
from boxoffice.cli import app, in_words, main
from boxoffice.command import which_postgres
from boxoffice.command.doctor import connections_for_us, masked, missed_in_production
from boxoffice.command.findings import Verdict, judge_clock, judge_jobs
from boxoffice.command.queries import Background, get_background
from boxoffice.command.serve import free_address
from boxoffice.command.which_postgres import find_running, postgres_to_serve
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, SetupError, Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Mode, Settings
from command_line import run_here
from server import data_folder, free_port, run

PRODUCTION = {
    "BOXOFFICE_MODE": "production",
    "BOXOFFICE_SECRET": "s" * 40,
    "BOXOFFICE_PUBLIC_URL": "https://tickets.example.org",
}


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def empty() -> Generator[Path]:
    """A data folder with nothing in it."""
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def demo(folder: Path) -> str:
    """What a demo printed that made its data and did not serve."""
    made = run("demo", "--no-serve", environment={"BOXOFFICE_DATA_FOLDER": str(folder), "COLUMNS": "80"})
    assert (made.returncode, made.stderr) == (0, "")
    return made.stdout


@pytest.fixture(scope="module")
def running(demo: str, folder: Path) -> Generator[dict[str, str]]:
    """The settings of commands beside a running server with the demo's data."""
    with EmbeddedPostgres(folder):
        yield {"BOXOFFICE_DATA_FOLDER": str(folder)}


def sale_lines(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith(("A=", "curl", "for "))]


def test_it_tells_its_version():
    assert run("--version").stdout == f"boxoffice {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_its_help_names_every_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["boxoffice", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0
    told = capsys.readouterr().out
    for command in ("serve", "worker", "migrate", "doctor", "demo", "seat-map", "user"):
        assert command in told


@pytest.mark.parametrize(
    "command", ["serve", "worker", "migrate", "doctor", "demo", "seat-map import", "user promote"]
)
def test_every_command_has_help(command: str):
    told = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="boxoffice")

    assert f"Usage: boxoffice {command}" in told.output
    assert told.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ("serve", {"BOXOFFICE_HOST": "192.0.2.1"}, "Nobody can listen on 192.0.2.1"),
        ("worker", {}, "There is nothing to work for"),
        ("demo", {"BOXOFFICE_POSTGRES_BINARIES": "/nowhere"}, "No usable binaries"),
    ],
)
def test_an_error_is_a_sentence_and_never_a_traceback(
    arguments: str, variables: dict[str, str], words: str, empty: Path
):
    settings = {"BOXOFFICE_DATA_FOLDER": str(empty), "BOXOFFICE_PORT": str(free_port()), **variables}
    refused = run(*arguments.split(), environment=settings)

    assert refused.returncode == 1
    assert refused.stderr.startswith("boxoffice: ")
    assert words in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ("sevre", {}, "No such command 'sevre'"),
        ("serve --port 65536", {}, "--port"),
        ("serve", {"BOXOFFICE_PORT": "http"}, "BOXOFFICE_PORT is 'http': expected a whole number."),
        ("serve", {"BOXOFFICE_SMTP_URL": "http://mail"}, "BOXOFFICE_SMTP_URL must look like smtp://"),
        ("migrate", {"DATABASE_URL": "postgresql://host:port/x"}, "schema cannot be read"),
        ("migrate", {"DATABASE_URL": "postgresql://u:p@/x?host=/nowhere"}, "schema cannot be read"),
        ("demo", PRODUCTION, "BOXOFFICE_MODE is production"),
        ("user promote ada@example.org KING", {}, "'KING'"),
        ("user promote", {}, "Missing argument"),
        ("seat-map import /nowhere.json --venue 1", {}, "/nowhere.json"),
    ],
)
def test_so_is_one_that_is_found_before_anything_is_started(
    arguments: str, variables: dict[str, str], words: str
):
    refused = run_here(*arguments.split(), environment=variables)

    assert refused.returncode == 1
    assert refused.stderr.startswith("boxoffice: ")
    assert words in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


def test_a_server_that_has_no_address_or_no_database_says_so():
    with pytest.raises(SetupError, match=r"BOXOFFICE_HOST is 'nowhere\.invalid'"):
        free_address(Settings(host="nowhere.invalid"))
    unreachable = Settings(database_url="postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(SetupError, match="The database cannot be reached"), postgres_to_serve(unreachable):
        pass


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FULL, "The disk is full ([Errno 28] No space left on device): make room, then start again."),
        (
            caused(Unavailable(), asyncpg.DiskFullError("no room")),
            "The disk is full (no room): make room, then",
        ),
        (caused(SetupError("Make room in /data."), FULL), "Make room in /data."),
        (caused(Unavailable("Not now."), ConnectionResetError("gone")), "Not now. (gone)"),
        (Unavailable("Not now."), "Not now."),
        (NotFound(), "There is nothing here"),
        (
            asyncpg.InsufficientPrivilegeError("permission denied for table users"),
            "permission denied for table",
        ),
        (PermissionError(13, "Permission denied", "/data"), "Permission denied: '/data'"),
        (InvalidInput(errors=[FieldError(detail="wrong", pointer=f"/{n}") for n in range(12)]), "and 2 more"),
        (ZeroDivisionError("division by zero"), "This is a bug of Boxoffice: ZeroDivisionError"),
    ],
)
def test_every_error_has_words(error: Exception, words: str):
    assert words in in_words(error)


def test_migrations_can_be_printed_as_sql():
    script = run_here("migrate", "--sql").stdout

    assert "CREATE TABLE claims" in script
    assert script.count("BEGIN;") == script.count("COMMIT;") > 0


def test_the_demo_prints_people_and_lines_that_can_be_pasted(demo: str):
    for word in ("buyer@example.org", "organizer@example.org", "admin@example.org", "ORGANIZER", "ADMIN"):
        assert word in demo
    lines = sale_lines(demo)
    assert re.findall(r"; ([A-Z]+)=\$\(", "\n".join(lines)) == [
        "TOKEN",
        "BOOKING",
        "CHECKOUT",
        "CODE",
        "GATE",
    ]
    # Under sudo or su the terminal is another user's, and nobody may open it by this name.
    assert "/dev/" not in "".join(lines)
    assert len(lines) == 7
    assert "\x1b" not in demo


def test_a_second_demo_goes_on_where_the_first_one_was(demo: str, folder: Path):
    again = run("demo", "--no-serve", environment={"BOXOFFICE_DATA_FOLDER": str(folder), "COLUMNS": "80"})

    assert again.stdout == demo


def test_a_seat_map_is_imported_with_its_counts(running: dict[str, str], tmp_path: Path):
    plan = tmp_path / "plan.json"
    plan.write_text(
        '{"format": "BOXOFFICE", "name": "Yard", "categories": [{"name": "Any"}],'
        ' "areas": [{"name": "Yard", "capacity": 50, "category": "Any"}]}'
    )
    imported = run_here("seat-map", "import", str(plan), "--venue", "1", environment=running)

    assert (imported.returncode, imported.stderr) == (0, "")
    assert "version 2 of venue 1: 0 seats, 50 places in 1 categories." in imported.stdout


def test_a_seat_map_that_is_none_is_refused_where_it_is_wrong(running: dict[str, str], tmp_path: Path):
    plan = tmp_path / "plan.json"
    plan.write_text('{"format": "BOXOFFICE", "name": "Yard", "categories": [{"name": "Any"}], "areas": [{}]}')
    refused = run_here("seat-map", "import", str(plan), "--venue", "1", environment=running)

    assert refused.returncode == 1
    assert "/areas/0" in refused.stderr


def test_a_seat_map_for_no_venue_is_refused(running: dict[str, str], tmp_path: Path):
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    refused = run_here("seat-map", "import", str(plan), "--venue", "999", environment=running)

    assert refused.stderr == "boxoffice: There is no venue 999: make it first, or check its id.\n"


def test_an_account_is_promoted(running: dict[str, str]):
    promoted = run_here(
        "user",
        "promote",
        "Buyer@example.org",
        "organizer",
        environment=running,
    )

    assert (promoted.returncode, promoted.stderr) == (0, "")
    assert "is ORGANIZER now" in promoted.stdout


def test_the_doctor_says_what_would_be_used(empty: Path):
    found = run_here("doctor", environment={"BOXOFFICE_DATA_FOLDER": str(empty), "COLUMNS": "250"})

    assert "BOXOFFICE_DATA_FOLDER" in found.stdout
    assert "will start" in found.stdout
    assert "development secret" in found.stdout


def test_the_doctor_says_what_is_wrong_without_telling_secrets(empty: Path):
    settings = {
        "BOXOFFICE_DATA_FOLDER": str(empty),
        "BOXOFFICE_SECRET": "a-secret-of-forty-characters-or-even-more",
        "DATABASE_URL": "postgresql://owner:opensesame@127.0.0.1:1/tickets",
        "COLUMNS": "250",
    }
    found = run_here("doctor", environment=settings)

    assert found.returncode == 1
    assert "The database cannot be reached" in found.stdout
    assert "a-secret-of" not in found.stdout
    assert "opensesame" not in found.stdout
    assert "postgresql://owner:***@127.0.0.1:1/tickets" in found.stdout


def test_the_doctor_tells_what_people_would_miss_in_production_and_only_there():
    bare = Settings(mode=Mode.PRODUCTION)
    whole = msgspec.structs.replace(
        bare, stripe_secret_key="sk_live_x", smtp_url="smtps://mail", trusted_proxies="10.0.0.0/8"
    )

    assert [each.subject for each in missed_in_production(bare)] == ["Payments", "Letters", "Proxies"]
    assert missed_in_production(whole) == missed_in_production(Settings()) == []
    [sandbox] = missed_in_production(msgspec.structs.replace(whole, sandbox_payments=True))
    assert "takes no money" in sandbox.words


def test_the_doctor_counts_no_connections_that_are_kept_for_others():
    found = {"max_connections": "100", "superuser_reserved_connections": "3"}

    assert connections_for_us(found) == 97
    assert connections_for_us(found | {"reserved_connections": "7"}) == 90


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p@h:5432/n", "postgresql://u:***@h:5432/n"),
        ("postgresql://h/n", "postgresql://h/n"),
        ("postgresql:///n?user=u&password=p&host=/s", "postgresql:///n?user=u&password=***&host=/s"),
        ("postgresql://u:a:b%40c@h/n", "postgresql://u:***@h/n"),
    ],
)
def test_passwords_in_a_database_url_are_masked(url: str, shown: str):
    assert masked("database_url", url) == shown


@pytest.mark.parametrize("name", ["other_secrets", "stripe_secret_key", "stripe_webhook_secret", "smtp_url"])
def test_what_is_or_has_a_secret_is_masked(name: str):
    assert masked(name, "sk_test_123") == "(11 characters)"


@pytest.mark.parametrize(
    ("seconds", "verdict", "words"),
    [
        (0, Verdict.FINE, "As PostgreSQL's."),
        (-15, Verdict.FINE, "As PostgreSQL's."),
        (16, Verdict.WRONG, "16 seconds ahead of PostgreSQL's"),
        (-3600, Verdict.WRONG, "3,600 seconds behind PostgreSQL's"),
    ],
)
def test_the_doctor_sees_a_clock_that_is_wrong(seconds: int, verdict: Verdict, words: str):
    now = datetime.now(UTC)
    found = judge_clock(now + timedelta(seconds=seconds), now)

    assert (found.verdict, words in found.words) == (verdict, True)


@pytest.mark.parametrize(
    ("background", "verdict", "words"),
    [
        (Background(0, 0, 8, None), Verdict.FINE, "None waits"),
        (Background(2, 1, 8, "refund"), Verdict.WRONG, "2 should have begun minutes ago"),
        (
            Background(0, 3, 8, "capture, refund"),
            Verdict.NOTE,
            "3 failed 8 times or more and are tried again",
        ),
    ],
)
def test_the_doctor_sees_jobs_that_nobody_does_and_such_as_fail(
    background: Background, verdict: Verdict, words: str
):
    found = judge_jobs(background)

    assert (found.verdict, words in found.words) == (verdict, True)


async def test_jobs_that_are_late_or_fail_are_counted(db: Database):
    async with db.transaction() as tx:
        before = await get_background(tx)
        await tx.execute(
            """
            INSERT INTO pgqueuer (priority, status, entrypoint, execute_after, attempts)
            VALUES (0, 'queued', 'nobody_does_this', now() - interval '11 minutes', 7),
                   (0, 'queued', 'nobody_does_this', now() + interval '1 minute', 8)
            """
        )
        found = await get_background(tx)
        await tx.execute("DELETE FROM pgqueuer WHERE entrypoint = 'nobody_does_this'")

    assert (found.late - before.late, found.failing - before.failing) == (1, 1)
    assert "nobody_does_this" in (found.names or "")


def test_a_server_that_lets_nobody_in_is_told_apart_from_one_that_is_not_there(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
):
    """With a full disk it does so; "stop the other Boxoffice" would have been no help."""
    assert postgres.socket_folder is not None
    folder = postgres.socket_folder.parent
    assert find_running(folder) is not None
    monkeypatch.setattr(which_postgres, "NAME", "a_role_it_does_not_know")

    with pytest.raises(SetupError, match=r"cannot be reached .*a_role_it_does_not_know"):
        find_running(folder)
