"""Reads a notebook as the conversation it tells: tasks, code, outputs, words; nothing else it says of itself counts.

It may be anybody's: it is read bounded, through no link, and code of it runs in the sandbox only.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent
from codeagent_nb.notebook_format import UNREADABLE, no_notebook, notebook_in
from codeagent_nb.projections.conversation import ConversationOfCells
from kernel_executor.folders.safe_files import folder_of

MOST_BYTES = 256 << 20
MOST_CELLS = 20_000

NOT_OURS = "Cells of the notebook {name!r}"
"""The task of what stands there before any task."""


def read_conversation(path: Path, agent: str) -> tuple[AgentEvent, ...]:
    """Return what a notebook tells, as events.

    Args:
        path: The notebook.
        agent: The name of who answered.

    Raises:
        SessionError: It cannot be read, or is no notebook of format 4 in Python.
    """
    cells = _cells(path)
    told = ConversationOfCells(agent, NOT_OURS.format(name=path.name))
    try:
        return tuple(event for cell in cells[:MOST_CELLS] for event in told.take(cell)) + tuple(told.end_run())
    except UNREADABLE as error:
        raise no_notebook(path, error) from error


def _cells(path: Path) -> list[Mapping[str, Any]]:
    try:
        with folder_of(path) as folder, os.fdopen(folder.open(path.name), "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SessionError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    if len(content) > MOST_BYTES:
        raise SessionError(f"{str(path)!r} is too large: {MOST_BYTES:,} bytes of a notebook are read at most")
    node = notebook_in(path, content)
    try:
        return [cell for cell in node["cells"] if isinstance(cell, dict)]
    except UNREADABLE as error:
        raise no_notebook(path, error) from error
