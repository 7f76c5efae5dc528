"""What of an earlier session is taken over: its task, code, outputs and words. Nothing it says of itself is obeyed.

A journal or notebook may have come with a folder from anywhere. It names no model, no grant, no endpoint, no owner that
counts, and gives the model no instructions but what was said in the conversation (design D22).
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath

from codeagent_nb import events
from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent
from codeagent_nb.log.place import SessionPlace
from codeagent_nb.text import counted
from kernel_executor.folders.left_behind import NEW
from kernel_executor.folders.safe_files import PRIVATE, open_folder

LEFT_OUT = (
    events.HandoffMessage,
    events.MessageAddedEvent,
    events.ModelClientStreamingChunkEvent,
    events.ViewDetachedEvent,
)
"""Events with messages of any role, a system message among them, and those that tell nothing of the conversation."""

ENDED = "the process that worked on this task has ended"

MOST_FILES = 10_000


def of_the_past(past: Sequence[AgentEvent], place: SessionPlace) -> tuple[AgentEvent, ...]:
    """Return what is taken over of events, as it is of a session in its place now.

    Args:
        past: The events, oldest first.
        place: Where the session is.
    """
    taken = [event for event in past if not isinstance(event, LEFT_OUT)]
    data = place.data.relative_to(place.work_dir).as_posix()
    return tuple(with_data_in(taken, data))


def with_data_in(log: Sequence[AgentEvent], folder: str) -> Iterator[AgentEvent]:
    """Yield events in which variables are loaded from a folder.

    Args:
        log: The events.
        folder: Its path from the working folder.
    """
    for event in log:
        if isinstance(event, events.VariableEvent) and event.path:
            path = f"{folder}/{PurePosixPath(event.path).name}"
            code = event.code.replace(repr(event.path), repr(path))
            yield event.model_copy(update={"path": path, "code": code})
        else:
            yield event


def end_of_run(log: Sequence[AgentEvent]) -> Iterator[AgentEvent]:
    """Yield the end of a run whose process was killed; the model and all surfaces are to know that it is over."""
    kinds = (events.RunStartedEvent, events.RunFinishedEvent)
    last = next((event for event in reversed(log) if isinstance(event, kinds)), None)
    if isinstance(last, events.RunStartedEvent):
        yield events.RunFinishedEvent(source=last.source, status="error", reason=ENDED, tries=0, duration=0.0)


def up_to_task(log: Sequence[AgentEvent], number: int) -> tuple[AgentEvent, ...]:
    """Return the events of the first so many tasks.

    Raises:
        SessionError: There are not so many.
    """
    starts = [place for place, event in enumerate(log) if is_task(event)]
    if not 1 <= number <= len(starts):
        said = f"it has {counted(len(starts), 'task')}"
        raise SessionError(f"there is no task {number} in this session: {said} (%agent history)")
    return tuple(log[: starts[number] if number < len(starts) else len(log)])


def is_task(event: AgentEvent) -> bool:
    """Return whether an event is something that the user asked for."""
    return isinstance(event, events.TextMessage) and event.source == "user"


def copy_data(source: Path | None, place: SessionPlace) -> None:
    """Copy the variables of an earlier session to those of another one; what is no plain file there is left out.

    Raises:
        SessionError: They cannot be written.
    """
    if source:
        copy_folder(source, place.data)


def copy_folder(source: Path, target: Path) -> None:
    """Copy the plain files of a folder into another one, which is made; those that are there stay.

    Raises:
        SessionError: They cannot be written.
    """
    try:
        target.mkdir(exist_ok=True, mode=0o700)
        with closing(open_folder(source)) as folder:
            for name in folder.names(MOST_FILES):
                with suppress(PermissionError, FileExistsError):
                    _copy(folder.open(name), target / name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SessionError(f"cannot copy the variables to {str(target)!r}: {error.strerror or error}") from error


def _copy(descriptor: int, target: Path) -> None:
    with os.fdopen(descriptor, "rb") as file, os.fdopen(os.open(target, NEW, PRIVATE), "wb") as copy:
        shutil.copyfileobj(file, copy)
