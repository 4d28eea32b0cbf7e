"""Where traces are on: how long a command waited in its event's line, and for which batch."""

from types import CoroutineType
from typing import Any

from boxoffice.inventory.commands import Command, Outcome
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.idempotency import Once
from boxoffice.kit.traces.sharing import SharedWork
from boxoffice.kit.traces.spans import is_recording


class TracedGroupCommit(GroupCommit):
    """Takes the same way as the plain one, which knows nothing of spans."""

    def __init__(self, shared: SharedWork, *parts: Any) -> None:
        super().__init__(*parts)
        self._shared = shared

    def submit(
        self, event_id: int, command: Command, once: Once | None = None
    ) -> "CoroutineType[Any, Any, Outcome]":
        if not is_recording():
            return super().submit(event_id, command, once)
        return self._submit_watched(event_id, command, once)

    async def _submit_watched(self, event_id: int, command: Command, once: Once | None) -> Outcome:
        known = {"boxoffice.event_id": event_id, "boxoffice.command": type(command).__name__}
        with self._shared.waiting(command, "wait for the batch", known):
            return await super().submit(event_id, command, once)

    async def _commit(self, event_id: int, line: Any, taken: list[Any]) -> None:
        if not self._shared.has_watchers():
            await super()._commit(event_id, line, taken)
            return
        in_line = (waiting.command for waiting in taken or line.waiting)
        with self._shared.working("batch", {"boxoffice.event_id": event_id}, in_line) as work:
            try:
                await super()._commit(event_id, line, taken)
            finally:
                # Nobody has been woken yet: their spans are still there.
                work.done_for([waiting.command for waiting in taken])
