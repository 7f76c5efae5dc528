"""The file in which a session is saved as a notebook. What stands in it is `notebook_text.py`."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codeagent_nb import events
from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent
from codeagent_nb.projections.language_info import OF_IPYTHON
from codeagent_nb.projections.notebook_cell import is_badge
from codeagent_nb.projections.notebook_text import NotebookText
from kernel_executor.folders.safe_files import OpenFolder, folder_of


class NotebookView:
    """Saves the notebook after every step that has changed it.

    Args:
        path: The `.ipynb` file.
        earlier: Events of the session before now.
        folder: The folder it is in, if that is open.
        language_info: What the kernel says of its language; None before one was asked.
    """

    def __init__(
        self,
        path: Path,
        earlier: Sequence[AgentEvent] = (),
        folder: OpenFolder | None = None,
        language_info: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._folder = folder
        self._notebook = NotebookText()
        self.take_language(language_info or OF_IPYTHON)
        self._saved = (b"", b"")
        self._written = 0.0  # when, by the monotonic clock
        self._known: dict[int, AgentEvent] = {}  # with the events themselves, or an id might be another's
        self.catch_up(earlier)
        self.save()

    @property
    def path(self) -> Path:
        """The `.ipynb` file."""
        return self._path

    def take_language(self, language_info: Mapping[str, Any]) -> None:
        """Write with the next save what the kernel says of its language."""
        self._notebook.language_info = language_info

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; save if it ends a step."""
        self._take(event)
        if _ends_step(event, time.monotonic() - self._written):
            content = self._notebook.content
            if content != self._saved:
                self._write(content)

    def catch_up(self, everything: Sequence[AgentEvent]) -> None:
        """Apply the events that were missed since a save failed; `everything` is all of the session."""
        for event in everything:
            if id(event) not in self._known:
                self._take(event)

    def save(self) -> None:
        """Write the notebook whole or not at all.

        Raises:
            SessionError: The folder is read-only, or the disk is full; the notebook is as it was.
        """
        self._write(self._notebook.content)

    def _take(self, event: AgentEvent) -> None:
        self._known[id(event)] = event
        self._notebook.take(event)

    def _write(self, content: tuple[bytes, bytes]) -> None:
        try:
            with folder_of(self._path, self._folder) as folder:
                folder.replace(self._path.name, *content)
        except OSError as error:
            is_gone = isinstance(error, FileNotFoundError)
            why = (
                "its folder was removed" if is_gone else f"{error.strerror}; free some space, or choose another folder"
            )
            raise SessionError(f"cannot save {str(self._path)!r}: {why}") from error
        self._saved, self._written = content, time.monotonic()


def _ends_step(event: AgentEvent, seconds: float) -> bool:
    """Return True if the file is to be written: that costs a millisecond or more, on the event loop.

    The end of a block is mostly followed by that of its attempt at once; where it is not, the files it made are
    being delivered, or another block of the attempt begins.

    Args:
        event: What has happened.
        seconds: Since the file was written.
    """
    if isinstance(event, events.BlockFinishedEvent):
        return seconds > BLOCK_SECONDS
    return isinstance(event, SAVED_AFTER)


def is_saved_from(path: Path, log: Sequence[AgentEvent], folder: OpenFolder | None = None) -> bool:
    """Return whether a notebook holds what a session had saved after one of its steps, and nothing of anybody else's.

    Args:
        path: The notebook.
        log: The session's events.
        folder: The folder it is in, if that is open.
    """
    try:
        with folder_of(path, folder) as place, os.fdopen(place.open(path.name), "rb") as file:
            saved = json.loads(file.read(MOST_BYTES))["cells"]
            cells = [cell for cell in saved if not is_badge(cell)]  # of a proof, which is about this state
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return False
    notebook, held = NotebookText(), cells == []
    for event in log:
        notebook.take(event)
        if not held and _ends_step(event, math.inf):
            held = notebook.holds(cells)
    return held or notebook.holds(cells)


MOST_BYTES = 256 << 20

BLOCK_SECONDS = 1.0
"""Since the last time that the file was written, for the end of a block to be saved by itself."""

SAVED_AFTER = (
    events.TextMessage,
    events.CodeExecutionEvent,
    events.CodeRefusedEvent,
    events.GivenCodeFinishedEvent,
    events.KernelStateEvent,
    events.TaskTurnedEvent,
    events.RetryDecisionEvent,
    events.RunFinishedEvent,
)
