"""Two group commits over two pools: to an event they are two server processes."""

from collections.abc import AsyncGenerator

import pytest

from boxoffice.inventory import group_commit
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts

# No test takes as long, on whatever machine.
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="session")
async def parts(dsn: str) -> AsyncGenerator[Parts]:
    """The parts of one process."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


@pytest.fixture(scope="session")
async def other_parts(dsn: str) -> AsyncGenerator[Parts]:
    """The parts of another process."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


@pytest.fixture
def sales(parts: Parts) -> GroupCommit:
    """The group commit of one process."""
    return parts.sales


@pytest.fixture
def rival_sales(other_parts: Parts, monkeypatch: pytest.MonkeyPatch) -> GroupCommit:
    """The group commit of another process. Nobody who races is turned away because the machine is busy."""
    monkeypatch.setattr(group_commit, "EXPECTED_SECONDS_MAX", PATIENCE_SECONDS)
    monkeypatch.setattr(group_commit, "DEADLINE_SECONDS", PATIENCE_SECONDS)
    return other_parts.sales
