"""A first demo, as a stranger has it: the README's sale, pasted into a shell; an image; and Ctrl-C.

One demo for all of it: to start costs more than all that is done there.
"""

import re
import subprocess
from collections.abc import Generator

import httpx
import msgspec
import psutil
import pytest

from boxoffice.command.demo import ORGANIZER
from catalog.images.pictures import everything_in, halves, saved
from server import Server, command_of, data_folder, started, wait_until
from source_tree import ROOT

# The demo prints its lines once the server answers; a machine busy with other tests is slow at that.
LINES_SECONDS_MAX = 30

# Nine requests, each answered within the five seconds that a command may wait in line.
SHELL_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def demo() -> Generator[Server]:
    """A first `boxoffice demo` that has printed its lines."""
    with data_folder() as folder, started(folder, command=("demo",)) as server:
        wait_until(lambda: "Ctrl-C stops everything" in server.log(), LINES_SECONDS_MAX, server.log)
        yield server


def readme_lines() -> list[str]:
    """The lines of the README's sale, each from a block of its own."""
    text = (ROOT / "README.md").read_text()
    sale = text.partition("\n## A sale\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.+)\n```$", sale, re.MULTILINE)


def elsewhere(line: str, port: int) -> str:
    """The line for a demo on another port."""
    return line.replace("http://localhost:8000/", f"http://localhost:{port}/")


def test_the_readme_has_the_lines_that_a_first_demo_prints(demo: Server):
    printed = re.findall(r"^\d\. .+\n(.+)$", demo.log(), re.MULTILINE)

    assert len(printed) == 7
    assert [elsewhere(line, demo.port) for line in readme_lines()] == printed


def test_the_readmes_lines_end_with_a_ticket_that_is_admitted_once(demo: Server):
    lines = [elsewhere(line, demo.port) for line in readme_lines()]

    # As in a terminal, where a person sees both streams as one.
    shell = subprocess.run(
        ["bash"],
        input="\n".join(lines) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SHELL_SECONDS_MAX,
        check=False,
    )

    assert shell.returncode == 0
    shown = [msgspec.json.decode(line) for line in shell.stdout.splitlines()]
    assert len(shown) == 8, shell.stdout
    login, booking, payment, checkout, tickets, gate, first, second = shown
    assert (login["user"]["role"], gate["user"]["role"]) == ("USER", "ORGANIZER")
    assert (booking["state"], [place["seat_id"] for place in booking["places"]]) == ("PENDING", [0, 1])
    assert payment["amount"] == booking["total"]
    assert checkout == {"state": "PAID", "shop_told": True}
    assert [ticket["state"] for ticket in tickets["items"]] == ["VALID", "VALID"]
    assert (first["result"], second["result"]) == ("ADMITTED", "ALREADY_ADMITTED")
    assert first["ticket"]["id"] == tickets["items"][-1]["id"]
    assert second["admitted_at"] == first["admitted_at"]


def test_operators_find_what_the_readme_names(demo: Server):
    with httpx.Client(base_url=demo.url, headers={"X-Request-Id": "from-the-proxy"}) as client:
        answers = {
            path: client.get(path)
            for path in ("/health/live", "/health/ready", "/metrics", "/docs", "/schema")
        }

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert {answer.headers["X-Request-Id"] for answer in answers.values()} == {"from-the-proxy"}
    for name in ("request_seconds", "batch_commands", "batch_seconds"):
        assert f"# TYPE boxoffice_{name}" in answers["/metrics"].text


@pytest.fixture
def organizer(demo: Server) -> Generator[httpx.Client]:
    """Who the demo's events belong to."""
    with httpx.Client(base_url=f"{demo.url}/api/v1", timeout=30) as client:
        who = {"email": ORGANIZER.email, "password": ORGANIZER.password}
        token = client.post("/auth/login", json=who).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def _put(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.put("/events/1/image", files={"image": ("poster.jpg", content, "image/jpeg")})


def test_an_image_comes_through_the_server_and_its_files_go_with_it(demo: Server, organizer: httpx.Client):
    put = _put(organizer, saved(halves((3000, 2000)), "JPEG", quality=95))
    assert put.status_code == 200, put.text
    url = put.json()["image"]["sizes"][1]["webp_url"]

    shown = httpx.get(f"{demo.url}{url}")

    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert shown.headers["content-length"] == str(len(shown.content))
    files = demo.folder / "files"
    assert len(everything_in(files)) == 8
    assert organizer.delete("/events/1/image").status_code == 204
    wait_until(lambda: not everything_in(files), 20, demo.log)
    assert httpx.get(f"{demo.url}{url}").status_code == 404


def test_fifty_megabytes_are_refused_and_the_next_upload_is_not(organizer: httpx.Client):
    """The refusal comes while the client still sends."""
    assert _put(organizer, bytes(50_000_000)).status_code == 413
    assert _put(organizer, saved(halves(), "PNG")).status_code == 200


def test_ctrl_c_ends_a_demo_and_leaves_nothing(demo: Server):
    processes = demo.everything()
    demo.interrupt()

    assert demo.wait_for_end(processes) == 0
    assert "Traceback" not in demo.log()
    assert not [each for each in psutil.process_iter() if str(demo.folder) in " ".join(command_of(each))]
    assert not (demo.folder / "postgres" / "postmaster.pid").exists()
    assert (demo.folder / "lock").read_text() == ""
