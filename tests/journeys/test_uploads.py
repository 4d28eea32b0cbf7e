"""An image over real HTTP: put, shown, removed by the worker; and what is too large."""

from collections.abc import Generator

import httpx
import pytest

from boxoffice.command.demo import ORGANIZER
from catalog.images.pictures import everything_in, halves, saved
from server import Server, data_folder, started, wait_until


@pytest.fixture(scope="module")
def demo() -> Generator[Server]:
    """A demo with its organizer's events."""
    with data_folder() as folder, started(folder, command=("demo",)) as server:
        yield server


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
