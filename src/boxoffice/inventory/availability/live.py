"""What this process shows of every event's availability, however many are looking.

An event's journal is read at most once in READ_SECONDS, the document is rendered once a version, and
what changed is told to all who watch: no request costs a query of its own.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import structlog

from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.availability.deltas import HEARTBEAT, step_of
from boxoffice.inventory.availability.document import Picture, picture_of, render_document
from boxoffice.inventory.availability.queries import list_changes_between
from boxoffice.inventory.availability.viewers import COME_BACK_SECONDS, Audience, Crowd, Viewer, end_all
from boxoffice.inventory.changes import SeatMapChanged, decode_changes
from boxoffice.inventory.group_commit import INVENTORIES_MAX, GroupCommit
from boxoffice.kit.errors import NotFound, Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.prerendered import Prerendered

# Nobody sees the difference to "now", and five reads a second are nothing to PostgreSQL.
READ_SECONDS = 0.2

# While a read is under way, what is there is good enough, unless it is older than this.
OLD_SECONDS = 1.0

# Events whose pictures are kept: as many as there are inventories to take them from.
EVENTS_KEPT_MAX = INVENTORIES_MAX

# Events with viewers: half of the inventories, so that watching never pushes out those being sold.
EVENTS_WATCHED_MAX = INVENTORIES_MAX // 2

# The more events are watched, the more seldom each is read: a hundred of them once a second.
READ_SECONDS_PER_EVENT = 0.01

# Journal rows read in one go for those who come back: some megabytes even when each is a full batch.
ROWS_BACK_MAX = 100

# Proxies close what is silent for 30 seconds or more.
HEARTBEAT_SECONDS = 15.0

_log = structlog.get_logger()


class _Shown:
    """One event as this process shows it."""

    __slots__ = ("audience", "document", "follower", "picture", "reaching_back", "read_at")

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.read_at = 0.0
        self.document: Prerendered | None = None
        self.audience: Audience | None = None
        self.follower: asyncio.Task[None] | None = None
        self.reaching_back: asyncio.Task[None] | None = None


class LiveAvailability:
    """The documents and the streams of all events, in one process."""

    def __init__(self, db: Database, sales: GroupCommit) -> None:
        self._db = db
        self._sales = sales
        self._shown: OrderedDict[int, _Shown] = OrderedDict()
        self._reads: dict[int, asyncio.Task[_Shown]] = {}
        self._crowd = Crowd()
        self._watched = 0
        self._closed = False

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Show availability while the block lasts; at its end, end all streams."""
        try:
            yield
        finally:
            self.close()
            followers = [shown.follower for shown in self._shown.values() if shown.follower]
            for task in (*followers, *self._reads.values()):
                task.cancel()
            await asyncio.gather(*followers, *self._reads.values(), return_exceptions=True)

    def close(self) -> None:
        """End all streams now, and begin no more."""
        self._closed = True
        for shown in self._shown.values():
            if shown.audience is not None:
                end_all(list(shown.audience.viewers), "shutdown")

    async def document(self, event_id: int) -> Prerendered:
        """The event's document, not older than OLD_SECONDS. Raises `NotFound`, `Unavailable`."""
        shown = await self._level(event_id)
        if shown.document is None:
            shown.document = render_document(shown.picture)
        return shown.document

    async def watch(self, event_id: int, version: int | None) -> Viewer:
        """A stream of the event's changes after this version, or from now on.

        Raises `NotFound`, and `Unavailable` when there is no room for another.
        """
        shown = await self._level(event_id)
        if shown.audience is None:
            begin = partial(self._follow, event_id, shown)
            shown.audience = Audience(shown.picture, self._crowd, begin)
        if version is not None and version < shown.audience.recent.floor:
            if shown.reaching_back is None:
                shown.reaching_back = asyncio.create_task(self._reach_back(event_id, shown.audience))
            try:
                await asyncio.shield(shown.reaching_back)
            except Unavailable as error:
                shown.reaching_back = None
                raise Unavailable(error.detail, error.retry_after) from None
        return Viewer(shown.audience, version)

    async def _level(self, event_id: int) -> _Shown:
        shown = self._shown.get(event_id)
        read = self._reads.get(event_id)
        if shown is not None:
            age = asyncio.get_running_loop().time() - shown.read_at
            if age < READ_SECONDS or (read is not None and age < OLD_SECONDS):
                return shown
        if read is None:
            read = self._reads[event_id] = asyncio.create_task(self._read(event_id))
            read.add_done_callback(lambda done: self._read_is_done(event_id, done))
        try:
            return await asyncio.shield(read)
        except NotFound:
            # Each who waited gets an error of its own: one raised in many places grows a traceback.
            raise NotFound from None
        except Unavailable as error:
            raise Unavailable(error.detail, error.retry_after) from None

    def _read_is_done(self, event_id: int, read: asyncio.Task[_Shown]) -> None:
        del self._reads[event_id]
        # Asked for, so that a failure nobody waited for is not reported as one that was overlooked.
        _ = read.cancelled() or read.exception()

    async def _read(self, event_id: int) -> _Shown:
        began = asyncio.get_running_loop().time()
        try:
            inventory = await self._sales.observe(event_id)
        except NotFound:
            self._forget(event_id)
            raise
        if inventory.terms.state is EventState.DRAFT:
            raise NotFound
        shown = self._shown.get(event_id)
        if shown is None:
            shown = self._shown[event_id] = _Shown(picture_of(inventory))
            self._make_room()
        elif (inventory.version, inventory.terms.revision, inventory.period) != (
            shown.picture.version,
            shown.picture.terms.revision,
            shown.picture.period,
        ):
            shown.picture = picture_of(inventory, shown.picture)
            shown.document = None
        shown.read_at = began
        self._shown.move_to_end(event_id)
        return shown

    def _forget(self, event_id: int) -> None:
        shown = self._shown.pop(event_id, None)
        if shown is not None and shown.audience is not None:
            end_all(list(shown.audience.viewers), "event gone")

    def _make_room(self) -> None:
        for event_id in list(self._shown)[:-EVENTS_KEPT_MAX]:
            if self._shown[event_id].follower is None:
                del self._shown[event_id]

    def _follow(self, event_id: int, shown: _Shown) -> None:
        if self._closed:
            raise Unavailable("This server is stopping. Try again shortly.")
        if shown.follower is not None or shown.audience is None:
            return
        if self._watched >= EVENTS_WATCHED_MAX:
            raise Unavailable(
                "Too many events are watched. Ask for the document now and then.", COME_BACK_SECONDS
            )
        shown.audience.move_on(shown.picture)
        self._watched += 1
        shown.follower = asyncio.create_task(self._keep_told(event_id, shown, shown.audience))

    async def _keep_told(self, event_id: int, shown: _Shown, audience: Audience) -> None:
        """Tell the viewers of every change until the last has gone."""
        try:
            await self._tell_on(event_id, audience)
        except NotFound:
            end_all(list(audience.viewers), "event gone")
        except Exception:  # noqa: BLE001  whatever it is, nobody may wait for news that never come
            _log.exception("viewers not told", event_id=event_id)
            # They come back with the id of what they heard last.
            end_all(list(audience.viewers), "bug")
        finally:
            self._watched -= 1
            shown.follower = None

    async def _tell_on(self, event_id: int, audience: Audience) -> None:
        loop = asyncio.get_running_loop()
        spoke_at = loop.time()
        # Whoever began this comes in at once, and what it is told is not older than a read.
        await asyncio.sleep(READ_SECONDS)
        while audience.viewers:
            news = audience.move_on(await self._picture(event_id, audience))
            if not news and loop.time() - spoke_at >= HEARTBEAT_SECONDS:
                news = HEARTBEAT
            if news:
                spoke_at = loop.time()
            await audience.tell(news)
            await asyncio.sleep(max(READ_SECONDS, READ_SECONDS_PER_EVENT * self._watched))

    async def _picture(self, event_id: int, audience: Audience) -> Picture:
        """The event as it is now, or as it was told last while PostgreSQL is away."""
        try:
            return (await self._level(event_id)).picture
        except Unavailable:
            return audience.told

    async def _reach_back(self, event_id: int, audience: Audience) -> None:
        """Learn from the journal, once, what happened before anybody watched here, as far as can be."""
        recent = audience.recent
        while floor := recent.floor:
            after = max(0, floor - ROWS_BACK_MAX)
            rows = await list_changes_between(self._db, event_id, after, floor)
            if recent.floor != floor or len(rows) != floor - after:
                return
            for version, text in zip(range(floor, after, -1), rows, strict=True):
                try:
                    changes = decode_changes(text)
                except msgspec.DecodeError:
                    # Written by a later release; who has missed it gets a reset.
                    return
                if changes and isinstance(changes[-1], SeatMapChanged):
                    # Who has missed that needs the map, too.
                    return
                if not recent.add_before(step_of(version, changes)):
                    return
