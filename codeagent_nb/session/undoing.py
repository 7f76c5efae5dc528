"""Takes the tasks of a session back, one after another, and again: variables by checkpoints, the rest by an event.

What an executor cannot bring back, it says why; tasks run all the same. Files are never touched (design D18).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from codeagent_nb.errors import SessionError
from codeagent_nb.events import FilesEvent, TaskTurnedEvent, TextMessage, VariableEvent
from codeagent_nb.log.event_log import EventLog
from codeagent_nb.log.standing import begins, standing
from codeagent_nb.loop.driver import roll_back
from codeagent_nb.session.earlier import is_task
from kernel_executor import Checkpoint, CodeExecutor, KernelExecutorError, NoCheckpoint
from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.ports import CheckpointingExecutor

REST = 0.2
"""Seconds until a checkpoint that was refused is tried once more: OpenBLAS's threads turn in a loop for 0.1 s."""

NONE_TAKEN = "this executor takes no checkpoints of variables"

NOTHING_DONE = "there is nothing to take back: no task has been done in this session, or all were taken back"
NOT_KEPT = (
    "a task of before the session was gone on with cannot be taken back: its variables were not kept. `%agent fork N` "
    "goes on with the first N tasks, `%agent history` numbers them"
)
NOT_THE_LAST = "this is not the last task any more: nothing was taken back"
NOTHING_UNDONE = "there is nothing to take again: no task was taken back, or another one has begun since"

KEPT = Checkpoint | str
"""A state that can come back, or why it cannot."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task that was done, however it ended.

    Args:
        text: What it was.
        began: When its message was created.
        before: The variables before it.
        after: The variables after it, once it is taken back.
    """

    text: str
    began: datetime
    before: KEPT
    after: KEPT = ""


class Undoing:
    """Remembers the tasks of a session that can be taken back, and those that can be taken again.

    Args:
        executor: Holds the variables.
        log: Is told.
    """

    def __init__(self, executor: CodeExecutor, log: EventLog) -> None:
        self._executor = executor
        self._log = log
        self._done: list[Done] = []
        self._undone: list[Done] = []

    async def keep(self) -> KEPT:
        """Keep the variables as they are now, without what failed code left; takes milliseconds."""
        if not isinstance(self._executor, CheckpointingExecutor):
            return NONE_TAKEN
        try:
            await roll_back(self._executor, self._log)
            return await _checkpoint(self._executor)
        except KernelExecutorError as error:  # whoever wants these variables back is told
            return str(error)

    def add(self, before: KEPT, position: int) -> None:
        """Take in that a task is done, or has ended otherwise.

        Args:
            before: What `keep` returned before it.
            position: How many events there were before it.
        """
        messages = [event for event in self._log.events[position:] if isinstance(event, TextMessage)]
        if messages:  # else it was refused before it began
            self._done.append(Done(messages[0].content, messages[0].created_at, before))
            self._undone.clear()

    @property
    def last(self) -> Done | None:
        """The task that `undo` takes back, if its variables are kept."""
        last = self._done[-1] if self._done else None
        return last if last and self._stands(last) and not isinstance(last.before, str) else None

    async def undo(self, only: datetime | None = None) -> TaskTurnedEvent:
        """Take the last task back.

        Args:
            only: When the task began that is meant; None means whichever is the last.

        Raises:
            SessionError: There is none, it is another one, or its variables cannot be brought back, and why; nothing
                has changed.
        """
        if not self._done or not self._stands(self._done[-1]):
            raise SessionError(NOT_KEPT if any(map(is_task, standing(self._log.events))) else NOTHING_DONE)
        last = self._done[-1]
        if only not in (None, last.began):
            raise SessionError(NOT_THE_LAST)
        if isinstance(last.before, str):
            raise SessionError(f"the last task cannot be taken back: {last.before}")
        after = await self.keep()
        return await uninterrupted(self._turn(last, last.before, after))

    async def redo(self) -> TaskTurnedEvent:
        """Take the task again that was taken back last.

        Raises:
            SessionError: There is none, or its variables cannot be brought back, and why; nothing has changed.
        """
        if not self._undone or self._has_gone_on:
            raise SessionError(NOTHING_UNDONE)
        last = self._undone[-1]
        if isinstance(last.after, str):
            raise SessionError(f"the last task cannot be taken again: {last.after}")
        return await uninterrupted(self._turn(last, last.after, None))

    async def _turn(self, task: Done, checkpoint: Checkpoint, after: KEPT | None) -> TaskTurnedEvent:
        """Bring variables back and tell it, both or neither.

        Args:
            task: The task.
            checkpoint: The variables that come back.
            after: Those of now, if the task is taken back.
        """
        files = tuple(self._files_of(task))
        await self._restore(checkpoint)
        event = TaskTurnedEvent(
            source="user",
            state="redone" if after is None else "undone",
            task=task.text,
            began=task.began,
            files=files,
        )
        if after is None:
            self._done.append(self._undone.pop())
        else:
            self._done.pop()
            self._undone.append(Done(task.text, task.began, task.before, after))
        self._log.publish(event)
        return event

    async def _restore(self, checkpoint: Checkpoint) -> None:
        if not isinstance(self._executor, CheckpointingExecutor):
            raise SessionError(NONE_TAKEN)
        try:
            await self._executor.restore(checkpoint)
        except KernelExecutorError as error:
            raise SessionError(f"the variables cannot be brought back: {error}") from error

    def _stands(self, task: Done) -> bool:
        """Return whether a task is part of the conversation: that may have been cleared."""
        return any(begins(event, task.began) for event in standing(self._log.events))

    @property
    def _has_gone_on(self) -> bool:
        """Whether variables came after the last task was taken back: they would be lost."""
        events = standing(self._log.events)
        turned = [place for place, event in enumerate(events) if isinstance(event, TaskTurnedEvent)]
        return not turned or any(isinstance(event, VariableEvent | TextMessage) for event in events[turned[-1] :])

    def _files_of(self, task: Done) -> list[str]:
        """Return the files that a task delivered, and did not remove."""
        events = self._log.events
        place = next((place for place, event in enumerate(events) if begins(event, task.began)), len(events))
        files: dict[str, None] = {}
        for event in events[place:]:
            if isinstance(event, TextMessage) and event.source == "user" and event.created_at != task.began:
                break
            if isinstance(event, FilesEvent):
                files |= dict.fromkeys(file.name for file in event.delivered)
                for name in event.removed:
                    files.pop(name, None)
        return list(files)


async def _checkpoint(executor: CheckpointingExecutor) -> Checkpoint:
    """Take a checkpoint; if it is refused, once more: on a busy machine threads of libraries may not be at rest yet."""
    try:
        return await executor.checkpoint()
    except NoCheckpoint:
        await asyncio.sleep(REST)
        return await executor.checkpoint()
