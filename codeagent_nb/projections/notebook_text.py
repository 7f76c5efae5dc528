"""The session as the text of a notebook, in nbformat's shape and spelling (design D11). Pure.

Which cells it has is `notebook_cells.py`. Imports no nbformat: that imports jsonschema, which builds a grammar where
JupyterLab is installed (2.5 s, and 10 s on a slow machine; measured).
"""

import json
from collections.abc import Mapping
from typing import Any

from codeagent_nb.events import AgentEvent, BlockFinishedEvent
from codeagent_nb.projections.language_info import OF_IPYTHON
from codeagent_nb.projections.notebook_cell import Cell
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.projections.notebook_widgets import NotebookWidgets
from codeagent_nb.rendering.cell_outputs import harmless_output
from kernel_executor import Output

FORMAT = 2
"""1, of version 0.1, held failed code as code and outputs as the code had shown them."""

BEGINNING = '{\n "cells": ['

END = """,
 "metadata": {{
  "codeagent": {{
   "format": {format},
   "runs": {runs}
  }},
  "kernelspec": {{
   "display_name": "Python 3 (ipykernel)",
   "language": "python",
   "name": "python3"
  }},
  "language_info": {language_info}{widgets}
 }},
 "nbformat": 4,
 "nbformat_minor": 5
}}
"""

SPLIT_MIMES = frozenset({"application/javascript", "image/svg+xml"})
"""What nbformat stores as a list of lines, besides all kinds of text."""


class NotebookText:
    """Adds events up to the text of a notebook; a cell is written again only if it has changed.

    A session of 200 tasks is saved after each step: to write all cells each time took 2.2 s a task (measured).
    """

    def __init__(self) -> None:
        self.language_info: Mapping[str, Any] = OF_IPYTHON
        self._story = CellsStory()
        self._widgets = NotebookWidgets()
        self._shown: list[frozenset[str]] = []  # the widgets in each cell
        self._cells: list[tuple[Any, bytes]] = []  # what each was made of, and its text
        self._beginning, self._begun = BEGINNING.encode(), 0  # with the text of so many cells, which stay as they are
        self._ended_runs: list[str] = []

    def take(self, event: AgentEvent) -> None:
        """Take one event in."""
        self._story.take(event)
        if isinstance(event, BlockFinishedEvent):
            self._widgets.take(event.result.widgets)

    @property
    def content(self) -> tuple[bytes, bytes]:
        """The content of the file in two pieces, of which the first seldom changes; valid by nbformat 4.5."""
        try:
            return self._content()
        except BaseException:  # what was written so far may be of cells that have changed: write all next time
            self._cells, self._shown, self._beginning, self._begun = [], [], BEGINNING.encode(), 0
            raise

    def holds(self, cells: object) -> bool:
        """Return whether its cells are these, as a file has them."""
        if not isinstance(cells, list) or len(cells) != len(self._story.lasting):
            return False
        return bool(json.loads(b"".join(self.content))["cells"] == cells)

    def _content(self) -> tuple[bytes, bytes]:
        cells = self._story.lasting
        unchanged = min(self._story.take_changed(), len(self._cells), len(cells))
        del self._cells[len(cells) :], self._shown[len(cells) :]
        for place in range(unchanged, len(cells)):
            self._write_cell(place, cells[place])
        if unchanged < self._begun:
            self._beginning, self._begun = BEGINNING.encode(), 0
        self._beginning += b"".join(text for _, text in self._cells[self._begun : unchanged])
        self._begun = unchanged
        rest = b"".join(text for _, text in self._cells[unchanged:])
        return self._beginning, b"".join([rest, b"\n ]" if cells else b"]", self._end().encode()])

    def _end(self) -> str:
        runs = self._story.runs
        self._ended_runs += [_dumps(run, 4) for run in runs[len(self._ended_runs) : -1]]
        last_run = [_dumps(run, 4) for run in runs[-1:]]
        texts = ",\n    ".join([*self._ended_runs, *last_run])
        widgets = self._widgets.metadata(frozenset().union(*self._shown))
        return END.format(
            format=FORMAT,
            runs=f"[\n    {texts}\n   ]" if runs else "[]",
            language_info=_dumps(dict(self.language_info), 2),
            widgets=f',\n  "widgets": {_dumps(widgets, 2)}' if widgets else "",
        )

    def _write_cell(self, place: int, cell: Cell) -> None:
        shown = self._widgets.shown_in(cell.folder.outputs)
        self._shown[place : place + 1] = [shown]
        made_of = (
            *(cell.cell_type, cell.source, cell.heading, cell.closing, cell.about, cell.metadata),
            *(cell.execution_count, cell.folder, cell.folder.revision, shown),
        )
        if place == len(self._cells) or self._cells[place][0] != made_of:
            text = _dumps(_node(cell, f"cell-{place + 1}", shown), 2)
            separated = f",\n  {text}" if place else f"\n  {text}"
            self._cells[place : place + 1] = [(made_of, separated.encode())]


def _node(cell: Cell, cell_id: str, models: frozenset[str]) -> dict[str, Any]:
    source = "\n\n".join(part for part in (cell.heading, cell.source, cell.closing) if part)
    node = {
        "cell_type": cell.cell_type,
        "id": cell_id,
        "metadata": {"codeagent": dict(cell.about), **cell.metadata},
        "source": _lines(source),
    }
    if cell.cell_type == "markdown":
        return node
    outputs = [in_lines(harmless_output(output, models)) for output in cell.folder.outputs]
    return {**node, "execution_count": cell.execution_count, "outputs": outputs}


def in_lines(output: Output) -> Output:
    """Return an output as a file holds it: text as a list of lines."""
    if output["output_type"] == "stream":
        return {**output, "text": _lines(output["text"])}
    if "data" not in output:
        return output
    is_split = {mime: mime.startswith("text/") or mime in SPLIT_MIMES for mime in output["data"]}
    data = {mime: _lines(value) if is_split[mime] else value for mime, value in output["data"].items()}
    return {**output, "data": data}


def _lines(text: Any) -> Any:
    return text.splitlines(keepends=True) if isinstance(text, str) else text


def _dumps(value: Any, depth: int) -> str:
    """Return JSON as nbformat writes it, so many levels deep in a file."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": "))
    return text.replace("\n", "\n" + " " * depth)
