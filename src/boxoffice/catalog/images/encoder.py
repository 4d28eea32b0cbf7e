"""Runs `encoding.py` for the server: one at a time, for a bounded time, with a bounded line before it."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Generator
from contextlib import contextmanager

import msgspec
import structlog

from boxoffice.catalog.images.result import Encoded, NoImage, Result, Unfit
from boxoffice.kit import metrics
from boxoffice.kit.errors import Refusal, Unavailable, invalid

# Uploads that a process has in memory, the one that is being decoded among them.
UPLOADS_MAX = 4

# By then an upload of those who were let in is done.
RETRY_AFTER_SECONDS = 5

# The largest picture takes 2 seconds of a core; by then nobody is left who waits for the answer.
ENCODE_SECONDS_MAX = 60

_PROGRAM = "boxoffice.catalog.images.encoding"

_log = structlog.get_logger()


class NotAnImage(Refusal, status=415):
    """The file is no PNG, JPEG, WebP or AVIF. Its content decides, not its name; send one of these."""


class Encoder:
    """Makes the sizes of images, each in a process of its own that ends with it.

    A decoder holds the interpreter for up to a third of a second and takes up to 0.7 GB: in a thread of
    ours the sale would wait for the one and keep the other. What kills the process kills nothing else,
    and it can be ended, which a thread cannot. It is given no secret of ours: its environment is empty.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._uploads = 0

    @contextmanager
    def place(self) -> Generator[None]:
        """A place for one upload, taken before its body is read. Raises `Unavailable` when all are taken."""
        if self._uploads >= UPLOADS_MAX:
            metrics.TURNED_AWAY.labels("too many uploads").inc()
            raise Unavailable(
                "Too many images are being uploaded at this moment. Try again shortly.", RETRY_AFTER_SECONDS
            )
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def encode(self, content: bytes) -> Encoded:
        """The sizes of the picture. Raises `NotAnImage` or `InvalidInput`."""
        async with self._turn:
            result = await _encode_apart(content)
        if isinstance(result, Encoded):
            return result
        raise NotAnImage if isinstance(result, NoImage) else invalid("/image", result.detail)


async def _encode_apart(content: bytes) -> Result:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", _PROGRAM),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        # One pool of memory instead of one for each thread: the limit is on what is reserved.
        env={"MALLOC_ARENA_MAX": "1"},
    )
    try:
        async with asyncio.timeout(ENCODE_SECONDS_MAX):
            output, said = await process.communicate(content)
    except TimeoutError:
        # Not the picture's fault, whose share of the processor has a limit of its own.
        raise Unavailable(
            "There is no time for images at this moment. Try again later.", ENCODE_SECONDS_MAX
        ) from None
    finally:
        await _end(process)
    if process.returncode != 0:
        _log.warning("an image killed its decoder", status=process.returncode, said=said.decode()[-500:])
        return Unfit("The image cannot be read: it is damaged, or made to do harm.")
    return msgspec.msgpack.decode(output, type=Result)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
        await process.wait()
