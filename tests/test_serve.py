"""`boxoffice serve` as operators meet it: what it says and refuses, how parts of it die and come back."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from boxoffice.command.serve import YOUNG_SECONDS
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.metrics import ADDED_EVERY_SECONDS
from boxoffice.kit.metrics_folder import is_running
from command_line import run_here
from otlp_peer import OtlpPeer, otlp_peer
from server import START_SECONDS_MAX, Server, data_folder, free_port, run, started, wait_until


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def peer() -> Generator[OtlpPeer]:
    """Who takes traces, of nothing but what has a trace already."""
    with (
        pytest.MonkeyPatch.context() as patch,
        otlp_peer(
            patch, OTEL_TRACES_SAMPLER="parentbased_always_off", OTEL_BSP_SCHEDULE_DELAY="50"
        ) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def server(folder: Path, peer: OtlpPeer) -> Generator[Server]:
    """Two workers on their own PostgreSQL."""
    with started(folder, workers=2) as running:
        yield running


def lines_of(server: Server) -> list[dict[str, object]]:
    """Its log; every line is one JSON object, whoever wrote it."""
    return [json.loads(line) for line in server.log().splitlines()]


def sum_of(figures: str, name: str) -> float:
    """The sum of a metric over all its labels."""
    lines = [line for line in figures.splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def test_it_says_what_it_uses(server: Server, folder: Path):
    wait_until(lambda: "ready" in server.log(), 10, server.log)
    serving = next(line for line in lines_of(server) if line["event"] == "serving")

    assert serving["address"] == f"http://127.0.0.1:{server.port}"
    assert serving["docs"] == f"http://localhost:{server.port}/docs"
    assert str(serving["postgresql"]).partition(".")[0] in {"15", "16", "17", "18"}
    assert str(serving["source"]).startswith("embedded")
    assert serving["data_folder"] == str(folder)
    assert serving["workers"] == 2
    assert serving["jobs"] == "inside"


def test_each_worker_tells_of_what_it_has_done(server: Server, peer: OtlpPeer):
    """A thread that sends does not survive a fork, so each process has to have its own."""
    told = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

    def both() -> bool:
        assert httpx.get(f"{server.url}/api/v1/ticket-keys", headers=told).status_code == 200
        httpx.get(f"{server.url}/api/v1/events")
        return len(peer.processes) == 2

    wait_until(both, 20, server.log)
    assert {span.trace_id.hex() for span in peer.spans} == {"0af7651916cd43dd8448eb211c80319c"}


def test_a_letter_is_written_to_a_file_and_its_link_works(server: Server, folder: Path):
    account = {"email": "letters@example.org", "password": "correct horse battery staple", "name": "Ada"}
    # A hash gives way to whatever else a busy machine does.
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=30) as client:
        assert client.post("/auth/register", json=account).status_code == 201
        wait_until(lambda: any((folder / "mail").glob("*.eml")), 20, server.log)
        (file,) = (folder / "mail").iterdir()
        letter = message_from_bytes(file.read_bytes(), policy=policy.default).get_body(("plain",))
        assert letter is not None
        token = {"token": letter.get_content().partition("/verify-email#token=")[2][:43]}
        assert client.post("/auth/verify-email", json=token).status_code == 204
        credentials = {"email": account["email"], "password": account["password"]}
        assert client.post("/auth/login", json=credentials).json()["user"]["email_verified"] is True


def test_its_figures_are_those_of_all_its_workers(server: Server):
    def total() -> float:
        return sum_of(httpx.get(f"{server.url}/metrics").text, "boxoffice_request_seconds_count")

    time.sleep(1.2 * ADDED_EVERY_SECONDS)
    before = total()
    for _ in range(20):  # each on a connection of its own, so that both workers get some
        httpx.get(f"{server.url}/health/live")

    time.sleep(1.2 * ADDED_EVERY_SECONDS)
    assert total() == before + 21


def test_a_thousand_clients_at_once_are_all_answered(server: Server):
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        # Sent only when all are connected: nobody's connection is refused or waits for another's end.
        connected.release()
        await everybody.wait()
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer[:15]

    async def rush() -> set[bytes]:
        nonlocal everybody, connected
        everybody, connected = asyncio.Event(), asyncio.Semaphore(0)
        async with asyncio.timeout(60):
            tasks = [asyncio.create_task(ask()) for _ in range(1000)]
            for _ in tasks:
                await connected.acquire()
            everybody.set()
            return set(await asyncio.gather(*tasks))

    everybody, connected = asyncio.Event(), asyncio.Semaphore(0)
    with ThreadPoolExecutor() as pool:  # a loop of its own, beside that of the tests
        assert pool.submit(asyncio.run, rush()).result() == {b"HTTP/1.1 200 OK"}


def test_a_worker_that_is_killed_again_and_again_is_replaced_each_time(server: Server):
    for _ in range(2):
        before = server.workers()
        before[0].kill()
        wait_until(
            lambda before=before: len(server.workers()) == 2 and before[0] not in server.workers(),
            YOUNG_SECONDS + START_SECONDS_MAX,
            server.log,
        )
        server.wait_until_ready()

    assert server.process.poll() is None
    figures = httpx.get(f"{server.url}/metrics").text
    assert "boxoffice_queued_commands 0.0" in figures


def test_while_postgresql_is_away_the_answer_is_503_and_then_200_again(server: Server):
    def ready() -> int:
        return httpx.get(f"{server.url}/health/ready").status_code

    assert ready() == 200
    os.kill(server.postmaster().pid, signal.SIGKILL)
    wait_until(lambda: ready() == 503, 10, server.log)
    assert httpx.get(f"{server.url}/health/live").status_code == 200
    wait_until(lambda: ready() == 200, 30, server.log)

    (away,) = [line for line in lines_of(server) if "ended by itself" in str(line["event"])]
    assert away["level"] == "warning"


def test_a_second_server_on_the_same_port_is_told_how_to_choose_another(server: Server):
    with data_folder() as other:
        refused = run("serve", "--port", str(server.port), environment={"BOXOFFICE_DATA_FOLDER": str(other)})

    assert refused.returncode == 1
    assert f"Port {server.port} is taken" in refused.stderr
    assert "--port or BOXOFFICE_PORT" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_second_server_on_the_same_data_folder_is_told_who_has_it(server: Server, folder: Path):
    refused = run("serve", "--port", str(free_port()), environment={"BOXOFFICE_DATA_FOLDER": str(folder)})

    assert refused.returncode == 1
    assert f"in use by another Boxoffice (process {server.main.pid})" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_a_worker_command_beside_it_finds_its_postgresql(server: Server, folder: Path):
    figures = free_port()
    with started(folder, command=("worker",), wait=False, worker_metrics_port=figures) as beside:
        wait_until(lambda: "working" in beside.log(), START_SECONDS_MAX, beside.log)

        assert 'boxoffice_jobs_total{name="refund",outcome="failed"} ' in shown_by(figures)
        refused = run(
            "worker",
            environment={
                "BOXOFFICE_DATA_FOLDER": str(folder),
                "BOXOFFICE_WORKER_METRICS_PORT": str(figures),
            },
        )
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert f"Nobody can listen on 127.0.0.1, port {figures} (Address already in use)" in refused.stderr
        assert beside.stop(signal.SIGINT) == 0
        assert "stopping" in beside.log()


def test_short_commands_use_the_postgresql_of_the_running_server(server: Server, folder: Path):
    beside = {"BOXOFFICE_DATA_FOLDER": str(folder)}
    migrated = run_here("migrate", environment=beside)
    promoted = run_here("user", "promote", "nobody@example.org", "ADMIN", environment=beside)

    assert "as before" in migrated.stdout
    assert promoted.stderr == (
        "boxoffice: There is no account for nobody@example.org: register it first, or check the spelling.\n"
    )


def test_the_doctor_finds_a_running_server_in_good_health(server: Server, folder: Path):
    beside = {"BOXOFFICE_DATA_FOLDER": str(folder), "BOXOFFICE_PORT": str(server.port), "COLUMNS": "250"}
    found = run_here("doctor", environment=beside)

    assert found.returncode == 0, found.stdout + found.stderr
    assert "A Boxoffice is serving there." in found.stdout
    assert "fsync, full_page_writes, synchronous_commit are on" in found.stdout
    assert "It is the one this program needs." in found.stdout
    assert "Books of sandbox" in found.stdout
    assert "Somebody listens on 127.0.0.1, port" in found.stdout


def test_what_kill_9_left_is_cleaned_up_by_the_next_start_and_sigterm_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    with data_folder() as folder:
        # Any start cleans up what it finds, the servers of other tests too.
        monkeypatch.setenv("TMPDIR", str(folder))
        with started(folder, workers=1) as first:
            (left,) = metrics_folders(first)
            first.kill()
        assert left.exists()
        with started(folder, workers=1) as second:
            (used,) = metrics_folders(second)
            assert not left.exists()
            assert used.exists()
            assert second.stop(signal.SIGTERM) == 0
            assert not used.exists()
        assert not (folder / "postgres" / "postmaster.pid").exists()
        assert (folder / "lock").read_text() == ""
        assert [line for line in lines_of(second) if line["level"] == "error"] == []


def test_a_closed_terminal_ends_a_server_of_a_given_database(dsn: str):
    with data_folder() as folder, started(folder, dsn=dsn, workers=1) as server:
        serving = next(line for line in lines_of(server) if line["event"] == "serving")

        assert serving["source"] == "DATABASE_URL"
        assert not [each for each in server.main.children() if "postgres" in each.name()]
        assert server.stop(signal.SIGHUP) == 0
        assert not (folder / "postgres").exists()


def test_ctrl_c_while_the_workers_are_starting_gives_no_traceback(dsn: str):
    with data_folder() as folder, started(folder, dsn=dsn, workers=3, wait=False) as server:
        wait_until(lambda: bool(server.workers()), START_SECONDS_MAX, server.log)
        processes = server.everything()
        server.interrupt()

        assert server.wait_for_end(processes) == 0
        assert "Traceback" not in server.log()
        assert "KeyboardInterrupt" not in server.log()


def test_ctrl_c_while_postgresql_is_starting_leaves_nothing():
    with data_folder() as folder, started(folder, wait=False) as server:
        wait_until(lambda: len(server.everything()) > 1, START_SECONDS_MAX, server.log)
        processes = server.everything()
        server.interrupt()

        assert server.wait_for_end(processes) == 1
        assert server.log() == "boxoffice: Stopped before it was done.\n"


async def test_a_database_without_the_schema_is_refused_with_the_command_that_makes_it(
    postgres: EmbeddedPostgres,
):
    settings = {
        "DATABASE_URL": await _make_database(postgres.dsn, "without_a_schema"),
        "BOXOFFICE_PORT": str(free_port()),
    }

    refused = await asyncio.to_thread(run, "serve", environment=settings)
    assert refused.returncode == 1
    assert refused.stderr == "boxoffice: The database is empty: run `boxoffice migrate`, then start again.\n"

    made = await asyncio.to_thread(run_here, "migrate", environment=settings)
    assert (made.returncode, made.stderr) == (0, "")
    examined = await asyncio.to_thread(run_here, "doctor", environment={**settings, "COLUMNS": "250"})
    assert "It is the one this program needs." in examined.stdout


def test_a_process_that_is_not_ours_counts_as_running():
    assert is_running(os.getpid())
    assert is_running(1)
    assert not is_running(max(psutil.pids()) + 100_000)


def shown_by(port: int) -> str:
    """What `/metrics` has on this port, once it has anything of jobs."""

    def text() -> str:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").raise_for_status().text

    wait_until(lambda: "boxoffice_jobs_total{" in text(), START_SECONDS_MAX)
    return text()


def metrics_folders(server: Server) -> list[Path]:
    """Where its workers share their figures."""
    return [
        Path(found) for found in {each.environ()["PROMETHEUS_MULTIPROC_DIR"] for each in server.workers()}
    ]


async def _make_database(dsn: str, name: str) -> str:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return dsn.replace("@/boxoffice?", f"@/{name}?")
