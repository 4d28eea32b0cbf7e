"""A few thousand requests that a generator makes up from the OpenAPI document, over HTTP."""

import re
from collections.abc import Generator

import httpx
import pytest

from fuzzing.attack import attack, log_in
from server import Server, data_folder, started

# Beside the thousands that the document's bounds give, one of each operation by chance: it would be the same
# each time, and takes 40 ms to make up. `make fuzz MINUTES=30` takes its time.
EXAMPLES = 1


@pytest.fixture(scope="module")
def demo() -> Generator[Server]:
    """A demo with its people, a hall and a festival."""
    with data_folder() as folder, started(folder, command=("demo",), workers=1) as server:
        yield server


def test_whatever_is_asked_the_answer_is_as_the_document_says(demo: Server):
    token = log_in(demo.url)

    status, printed = attack(demo.url, token, demo.folder, seed=1, examples=EXAMPLES)

    assert status == 0, printed
    generated = re.search(r"(\d+) generated", printed)
    assert generated is not None, printed
    assert int(generated[1]) > 4_000, printed
    me = httpx.get(f"{demo.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200, "the session was ended on the way, and most answers were 401"
