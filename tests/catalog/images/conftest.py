"""An application with a folder of its own for images."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.kit.settings import Settings
from web import running


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files are."""
    return tmp_path_factory.mktemp("images") / "files"


@pytest_asyncio.fixture(scope="session")
async def app(dsn: str, folder: Path) -> AsyncGenerator[Litestar]:
    """The application, without background jobs."""
    async with running(Settings(jobs_inside=False, files_url=folder.as_uri()), dsn) as application:
        yield application
