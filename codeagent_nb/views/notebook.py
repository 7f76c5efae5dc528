"""The session as a notebook, and the file it is saved in (design D11). Which cells it has is `cells_story.py`.

Knows nbformat; nothing of kernels, models or the journal.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from codeagent_nb.cells import Cell
from codeagent_nb.cells_story import CellsStory
from codeagent_nb.errors import SessionError
from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    CodeExecutionEvent,
    CodeRefusedEvent,
    GivenCodeFinishedEvent,
    KernelStateEvent,
    ModelReplyEvent,
    RetryDecisionEvent,
    RunFinishedEvent,
    TextMessage,
)
from codeagent_nb.rendering.output import OutputCleaner, harmless_output
from kernel_executor.safe_files import OpenFolder, folder_of


def notebook_of(events: Iterable[AgentEvent]) -> Any:
    """Return the notebook that a session's events add up to, valid by nbformat 4.5."""
    story = CellsStory()
    for event in events:
        story.take(event)
    return _notebook(story, OutputCleaner(harmless_output))


def _notebook(story: CellsStory, outputs: OutputCleaner) -> Any:
    cells = [_node(cell, f"cell-{number}", outputs) for number, cell in enumerate(story.lasting, start=1)]
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
            "codeagent": {"format": FORMAT, "runs": story.runs},
        }
    )
    return notebook


def _node(cell: Cell, cell_id: str, outputs: OutputCleaner) -> Any:
    metadata = {"codeagent": dict(cell.about), **cell.metadata}
    source = "\n\n".join(part for part in (cell.heading, cell.source, cell.closing) if part)
    if cell.cell_type == "markdown":
        return v4.new_markdown_cell(source, id=cell_id, metadata=metadata)
    return v4.new_code_cell(
        source,
        id=cell_id,
        metadata=metadata,
        execution_count=cell.execution_count,
        outputs=[nbformat.from_dict(outputs.clean(output)) for output in cell.folder.outputs],
    )


class NotebookView:
    """Saves the notebook after every step.

    Args:
        path: The `.ipynb` file.
        earlier: Events of the session before now.
        folder: The folder it is in, if that is open.
    """

    def __init__(self, path: Path, earlier: Sequence[AgentEvent] = (), folder: OpenFolder | None = None) -> None:
        self._path = path
        self._folder = folder
        self._story = CellsStory()
        self._outputs = OutputCleaner(harmless_output)
        self._known: dict[int, AgentEvent] = {}  # with the events themselves, or an id might be another's
        self.catch_up(earlier)
        self.save()

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; save if it ends a step."""
        self._take(event)
        if isinstance(event, SAVED_AFTER):
            self.save()

    def catch_up(self, events: Sequence[AgentEvent]) -> None:
        """Take in the events that were missed since a save failed; `events` are all of the session."""
        for event in events:
            if id(event) not in self._known:
                self._take(event)

    def _take(self, event: AgentEvent) -> None:
        self._known[id(event)] = event
        self._story.take(event)

    def save(self) -> None:
        """Write the notebook whole or not at all.

        Raises:
            SessionError: The folder is read-only, or the disk is full; the notebook is as it was.
        """
        notebook = _notebook(self._story, self._outputs)
        nbformat.validate(notebook)
        content = (nbformat.writes(notebook) + "\n").encode()
        try:
            with folder_of(self._path, self._folder) as folder:
                folder.replace(self._path.name, content)
        except OSError as error:
            raise SessionError(
                f"cannot save {str(self._path)!r}: {error.strerror}; free or choose another place"
            ) from error


FORMAT = 2
"""1, of version 0.1, held failed code as code and outputs as the code had shown them."""

SAVED_AFTER = (
    TextMessage,
    BlockFinishedEvent,
    CodeExecutionEvent,
    CodeRefusedEvent,
    GivenCodeFinishedEvent,
    KernelStateEvent,
    RetryDecisionEvent,
    ModelReplyEvent,
    RunFinishedEvent,
)
