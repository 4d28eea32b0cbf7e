"""Settings come from the environment; a wrong one names its variable and what is expected."""

import re
from pathlib import Path

import msgspec
import pytest

from boxoffice.kit.errors import SetupError
from boxoffice.kit.settings import DEVELOPMENT_SECRET, VARIABLES, Mode, Settings, load_settings
from boxoffice.kit.traces.switch import ENDPOINTS

EXAMPLE = Path(__file__).parents[2] / ".env.example"

PRODUCTION = {
    "BOXOFFICE_MODE": "production",
    "BOXOFFICE_SECRET": "s" * 48,
    "BOXOFFICE_PUBLIC_URL": "https://tickets.example.org",
}


def example_values() -> dict[str, str]:
    """The variables of .env.example with the values it shows."""
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", EXAMPLE.read_text(), flags=re.MULTILINE))


def test_nothing_set_gives_the_defaults():
    assert load_settings({}) == Settings()


def test_the_example_file_has_every_setting_in_order_and_whoever_takes_traces_and_composes_passwords():
    others = [ENDPOINTS[0], "POSTGRES_PASSWORD", "POSTGRES_APP_PASSWORD"]
    assert [*example_values()] == [*VARIABLES, *others]


def test_the_example_file_shows_the_defaults():
    shown = {name: value for name, value in example_values().items() if name in VARIABLES}
    assert load_settings(shown) == Settings()
    unset = {name for name, value in shown.items() if not value}
    assert unset == {name for name, field in VARIABLES.items() if getattr(Settings(), field) is None}


def test_the_example_file_explains_each_setting_in_the_line_before_it():
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#[A-Z_]+=", line):
            assert re.match(r"# \S.*\.$", lines[number - 1]), line
            assert not lines[number - 2], line


def test_values_are_read_as_what_they_are():
    settings = load_settings({
        "DATABASE_URL": "postgresql://u:p@db/name",
        "BOXOFFICE_PORT": "9000",
        "BOXOFFICE_JOBS_INSIDE": "false",
        "BOXOFFICE_DATA_FOLDER": "~/tickets",
        "BOXOFFICE_LOG_FORMAT": "console",
    })  # fmt: skip

    assert settings.database_url == "postgresql://u:p@db/name"
    assert settings.port == 9000
    assert settings.public_url == "http://localhost:9000"
    assert settings.jobs_inside is False
    assert settings.data_folder == Path.home() / "tickets"


def test_an_empty_value_counts_as_not_set():
    assert load_settings(dict.fromkeys(VARIABLES, "")) == Settings()


def test_files_are_in_the_data_folder_unless_a_url_says_otherwise():
    assert load_settings({"BOXOFFICE_DATA_FOLDER": "/data/a b"}).files_address == "file:///data/a%20b/files"
    for url in ("file:///data/files", "s3://tickets", "s3://tickets/a/prefix"):
        assert load_settings({"BOXOFFICE_FILES_URL": url}).files_address == url


def test_settings_never_change():
    with pytest.raises(AttributeError):
        Settings().port = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BOXOFFICE_PORT", "http", "a whole number"),
        ("BOXOFFICE_PORT", "0", ">= 1"),
        ("BOXOFFICE_PORT", "65536", "<= 65535"),
        ("BOXOFFICE_WORKERS", "0", ">= 1"),
        ("BOXOFFICE_WORKERS", "65", "<= 64"),
        ("BOXOFFICE_DATABASE_CONNECTIONS", "1", ">= 2"),
        ("BOXOFFICE_DATABASE_CONNECTIONS", "101", "<= 100"),
        ("BOXOFFICE_ACCESS_TOKEN_MINUTES", "16", "<= 15"),
        ("BOXOFFICE_REFRESH_TOKEN_DAYS", "91", "<= 90"),
        ("BOXOFFICE_PASSWORD_THREADS", "17", "<= 16"),
        ("BOXOFFICE_JOBS_INSIDE", "maybe", "true or false"),
        ("BOXOFFICE_MODE", "prod", "invalid enum value 'prod'"),
        ("BOXOFFICE_LOG_LEVEL", "loud", "debug|info|warning|error"),
        ("BOXOFFICE_LOG_FORMAT", "xml", "invalid enum value 'xml'"),
        ("BOXOFFICE_SECRET", "s" * 31, "at least 32"),
        ("BOXOFFICE_PUBLIC_URL", "tickets.example.org", "https://tickets.example.org"),
        ("BOXOFFICE_PUBLIC_URL", "https://tickets.example.org/shop", "without a path"),
        ("DATABASE_URL", "mysql://u:p@db/name", "postgresql://"),
        ("BOXOFFICE_FILES_URL", "files", "file:///"),
        ("BOXOFFICE_FILES_URL", "file://files", "file:///"),
        ("BOXOFFICE_FILES_URL", "file:///", "file:///"),
        ("BOXOFFICE_FILES_URL", "s3:///files", "s3://tickets"),
        ("BOXOFFICE_FILES_URL", "s3://tickets?region=eu", "s3://tickets"),
        ("BOXOFFICE_FILES_URL", "https://example.org/files", "s3://tickets"),
        ("BOXOFFICE_PUBLIC_URL", "https://tickets.example.org:https", "https://tickets.example.org"),
        ("BOXOFFICE_PUBLIC_URL", "https://:443", "https://tickets.example.org"),
        *(
            ("BOXOFFICE_SMTP_URL", url, "smtps://user:password@host:465")
            for url in ("localhost:25", "http://localhost", "smtp://", "smtps:localhost", "smtp://host:smtp")
        ),
        *(
            ("BOXOFFICE_MAIL_FROM", sender, "Tickets <tickets@example.org>")
            for sender in ("Tickets", "Tickets <>", "tickets@", "a@b@c", "b\u00f6x@example.org")
        ),
        ("BOXOFFICE_PROT", "8000", "not a setting"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_is_expected(name: str, value: str, expected: str):
    with pytest.raises(SetupError) as refused:
        load_settings({name: value})

    assert name in str(refused.value)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_values_at_the_edge_are_taken():
    edges = {
        "BOXOFFICE_PORT": "65535",
        "BOXOFFICE_WORKERS": "64",
        "BOXOFFICE_DATABASE_CONNECTIONS": "100",
        "BOXOFFICE_ACCESS_TOKEN_MINUTES": "1",
        "BOXOFFICE_REFRESH_TOKEN_DAYS": "90",
        "BOXOFFICE_PASSWORD_THREADS": "16",
        "BOXOFFICE_SECRET": "s" * 32,
    }

    settings = load_settings(edges)

    assert {name: str(getattr(settings, VARIABLES[name])) for name in edges} == edges


def test_production_starts_with_a_secret_and_tls():
    settings = load_settings(PRODUCTION)

    assert settings.mode is Mode.PRODUCTION
    assert settings.secure_cookies
    assert not settings.sandbox_enabled


@pytest.mark.parametrize("name", ["BOXOFFICE_SECRET", "BOXOFFICE_PUBLIC_URL"])
def test_production_refuses_what_is_only_fit_for_development(name: str):
    with pytest.raises(SetupError, match=name):
        load_settings({**PRODUCTION, name: ""})


def test_production_refuses_the_secret_that_everybody_knows():
    with pytest.raises(SetupError, match="BOXOFFICE_SECRET"):
        load_settings({**PRODUCTION, "BOXOFFICE_SECRET": DEVELOPMENT_SECRET})


def test_production_has_the_sandbox_only_where_it_is_asked_for():
    assert load_settings({**PRODUCTION, "BOXOFFICE_SANDBOX_PAYMENTS": "true"}).sandbox_enabled


def test_development_has_the_sandbox_unless_it_is_refused():
    assert Settings().sandbox_enabled
    assert not msgspec.structs.replace(Settings(), sandbox_payments=False).sandbox_enabled
