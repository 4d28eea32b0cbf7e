"""What can be checked of the container files without a container engine."""

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from boxoffice.cli import app
from boxoffice.kit.probe import PORT
from boxoffice.kit.settings import VARIABLES, load_settings

ROOT = Path(__file__).parent.parent


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def of_kind(kind: str) -> list[str]:
    """The arguments of all instructions of a kind."""
    return [arguments for instruction, arguments in instructions() if instruction == kind]


def command_of(instruction: str) -> list[str]:
    """The list in an instruction's exec form."""
    return yaml.safe_load(instruction[instruction.index("[") :])


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_the_dockerfile_copies_files_that_are_there_and_pass_the_ignore_file():
    allowed = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    copied = [
        name
        for arguments in of_kind("COPY")
        if not arguments.startswith("--from")
        for name in arguments.split()[:-1]
    ]

    assert sorted(copied) == sorted(allowed)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_has_what_the_package_is_built_from():
    copied = " ".join(of_kind("COPY"))
    project = (ROOT / "pyproject.toml").read_text()
    for name in re.findall(r'(?:readme|license-files) = \[?"([^"]+)"', project):
        assert name in copied


def test_dependencies_are_installed_with_their_hashes():
    installed = [part for run in of_kind("RUN") for part in run.split("&&") if "pip install" in part]

    assert all("--require-hashes -r " in part or "--no-deps dist/" in part for part in installed)
    assert len(installed) == 3


def test_the_image_serves_as_an_unprivileged_user():
    kinds = [kind for kind, _ in instructions()]

    assert kinds.count("FROM") == 2
    [user] = of_kind("USER")
    assert f"useradd --uid {user.partition(':')[0]} " in " ".join(of_kind("RUN"))
    assert kinds.index("USER") > max(index for index, kind in enumerate(kinds) if kind in ("COPY", "RUN"))


def test_the_image_runs_a_command_that_exists_on_the_port_it_says():
    program, command, *options = command_of(of_kind("CMD")[-1])
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})

    assert program == "boxoffice"
    assert told.exit_code == 0
    assert all(option in told.output for option in options if option.startswith("--"))
    assert of_kind("EXPOSE") == [str(load_settings({}).port)]


def test_every_variable_in_the_image_and_in_compose_is_a_setting(services: dict[str, Any]):
    named = {word for arguments in of_kind("ENV") for word in re.findall(r"\b(\w+)=", arguments)}
    for service in ("migrate", "app", "worker"):
        named |= set(services[service]["environment"])

    assert {name for name in named if name.startswith(("BOXOFFICE", "DATABASE"))} <= set(VARIABLES)


@pytest.mark.parametrize(("answer", "outcome"), [(None, 1), (b"200 OK", 0), (b"503 Service Unavailable", 1)])
def test_the_health_check_asks_whether_it_can_serve(answer: bytes | None, outcome: int):
    _, *check = command_of(of_kind("HEALTHCHECK")[0].partition("CMD")[2])
    with socket.create_server(("127.0.0.1", 0)) as server:
        # No proxy is asked about ourselves, whatever an engine puts into the environment.
        settings = {"BOXOFFICE_PORT": str(server.getsockname()[1]), "http_proxy": "http://127.0.0.1:1"}
        if answer is None:
            server.close()
        assert load_settings({}).port == PORT
        asking = subprocess.Popen([sys.executable, *check], env=settings)
        if answer is not None:
            with server.accept()[0] as connection:
                asked = connection.recv(4096)
                connection.sendall(b"HTTP/1.1 " + answer + b"\r\n\r\n")
            assert asked.startswith(b"GET /health/ready ")

        assert asking.wait(10) == outcome


def test_compose_migrates_once_before_it_serves(services: dict[str, Any]):
    assert set(services) == {"postgres", "migrate", "app", "worker"}
    assert services["migrate"]["command"] == ["boxoffice", "migrate"]
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["app"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "command" not in services["app"]


def test_compose_does_jobs_apart_where_that_is_asked_for(services: dict[str, Any]):
    app_service, worker = services["app"], services["worker"]

    assert (worker["profiles"], worker["command"]) == (["worker"], ["boxoffice", "worker"])
    assert worker["environment"].pop("BOXOFFICE_WORKER_METRICS_PORT") == "8001"
    for member in ("build", "image", "env_file", "environment", "volumes", "depends_on", "restart"):
        assert worker[member] == app_service[member]


def test_compose_gives_both_the_same_image_and_database(services: dict[str, Any]):
    app_service, migrate = services["app"], services["migrate"]

    for member in ("build", "image", "env_file", "read_only", "tmpfs", "cap_drop", "security_opt"):
        assert app_service[member] == migrate[member]
    assert app_service["env_file"] == ".env"
    owner = migrate["environment"].pop("BOXOFFICE_DATABASE_OWNER_URL")
    assert app_service["environment"] == migrate["environment"]
    served = app_service["environment"]["DATABASE_URL"]
    assert owner == served.replace("boxoffice_app:", "boxoffice:").replace("_APP_PASSWORD", "_PASSWORD")
    # What .env says of the owner does not reach the process that serves.
    assert app_service["environment"]["POSTGRES_PASSWORD"] == ""
    database = services["postgres"]["environment"]
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == ("boxoffice", "boxoffice")


def test_compose_keeps_the_data_and_shows_the_port_to_this_machine_only(services: dict[str, Any]):
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql"]
    [[volume, folder]] = [entry.split(":") for entry in services["app"]["volumes"]]
    assert (volume, [folder]) == ("boxoffice-data", of_kind("VOLUME"))
    assert services["app"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "ports" not in services["postgres"]


def test_compose_settings_are_accepted(services: dict[str, Any]):
    environment = {
        name: re.sub(r"\$\{POSTGRES_APP_PASSWORD[^}]*\}", "letters", value)
        for name, value in services["app"]["environment"].items()
    }

    settings = load_settings(environment)
    assert settings.host == "0.0.0.0"  # noqa: S104  everywhere inside the container
    assert settings.database_url == "postgresql://boxoffice_app:letters@postgres:5432/boxoffice"


def test_every_pinned_file_is_audited():
    makefile = (ROOT / "Makefile").read_text()
    [[looped]] = [re.findall(r"for each in ([a-z ]+);", makefile)]
    pinned = {path.stem for path in (ROOT / "requirements").glob("*.txt")}

    assert set(looped.split()) == pinned
    # What cannot be looked up fails as well, instead of counting as good.
    assert "pip-audit --strict" in makefile
    for name in pinned:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert len(re.findall(r"^[\w.-]+(?:\[.*\])?==", text, re.MULTILINE)) == len(
            re.findall(r"^[\w.-]+.*\\\n    --hash", text, re.MULTILINE)
        )
