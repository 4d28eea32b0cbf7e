"""Files in a folder or in a bucket: small ones, read and written whole, under names of our own making."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import assert_no_transaction

# A store that has not answered one request by then counts as away.
REQUEST_SECONDS_MAX = 10

# All tries of one request together: after that whoever waits is told to come back.
RETRY_SECONDS_MAX = 20

# More tries than a dropped connection needs, fewer than would keep an upload waiting in vain.
TRIES_AGAIN_MAX = 3

_log = structlog.get_logger()


class Files:
    """The folder of a `file:///` URL, or the bucket and prefix of an `s3://` one.

    A bucket's address and keys are in the usual AWS_ variables, which the store reads itself. Every
    method raises `Unavailable` when the store does not answer, and refuses to run inside a transaction.
    Names are trusted: none that a client made up may come here.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: LocalStore | S3Store | None = None

    async def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Store them all; when one cannot be, some of the others may be there."""
        async with _answering():
            store = self._opened()
            # All of them are settled before anybody is told, so that no write comes later.
            stored = await asyncio.gather(
                *(obstore.put_async(store, name, content) for name, content in contents.items()),
                return_exceptions=True,
            )
            for outcome in stored:
                if isinstance(outcome, BaseException):
                    raise outcome

    async def find(self, name: str) -> bytes | None:
        """What is in the file, None when there is none."""
        async with _answering():
            try:
                found = await obstore.get_async(self._opened(), name)
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                return None

    async def delete_all(self, names: Sequence[str]) -> None:
        """Have none of them; those that are not there are gone already."""
        async with _answering():
            store = self._opened()
            for name in names:
                try:
                    await obstore.delete_async(store, name)
                except FileNotFoundError:
                    continue

    def _opened(self) -> LocalStore | S3Store:
        """The store, made when it is first used: until then there need be no folder."""
        if self._store is None:
            self._store = _open(self._url)
        return self._store


def _open(url: str) -> LocalStore | S3Store:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        client_options={
            "timeout": f"{REQUEST_SECONDS_MAX}s",
            # The endpoint's own scheme decides; AWS's is https.
            "allow_http": True,
        },
        retry_config={
            "max_retries": TRIES_AGAIN_MAX,
            "retry_timeout": timedelta(seconds=RETRY_SECONDS_MAX),
        },
    )


@asynccontextmanager
async def _answering() -> AsyncGenerator[None]:
    assert_no_transaction("A call to the file store")
    try:
        yield
    except (BaseError, OSError) as error:
        # The rest of it, after the first line, is the store's insides.
        _log.warning("file store", reason=str(error).partition("\n")[0])
        raise Unavailable("The file store cannot answer right now. Try again shortly.") from error
