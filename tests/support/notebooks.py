"""Reads what our surfaces write with nbformat, which the project itself writes without."""

from collections.abc import Iterable, Mapping
from typing import Any

import nbformat

from codeagent_nb.events import AgentEvent
from codeagent_nb.projections.language_info import OF_IPYTHON
from codeagent_nb.projections.notebook_text import NotebookText


def notebook_of(events: Iterable[AgentEvent], language_info: Mapping[str, Any] = OF_IPYTHON) -> Any:
    """Return the notebook that a session's events add up to, as nbformat reads it, and writes it again.

    Args:
        events: All of the session.
        language_info: What its kernel said of its language, which is no event.
    """
    notebook = NotebookText()
    notebook.language_info = language_info
    for event in events:
        notebook.take(event)
    text = b"".join(notebook.content).decode()
    read = nbformat.reads(text, as_version=4)
    nbformat.validate(read)
    assert nbformat.writes(read) + "\n" == text
    return read
