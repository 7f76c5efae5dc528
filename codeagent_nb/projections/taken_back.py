"""The cells of tasks that were taken back: their code is quoted, for what it made is gone (design D19). Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from codeagent_nb.events import TaskTurnedEvent
from codeagent_nb.projections.notebook_cell import SHELL, Cell
from codeagent_nb.projections.quoting import folded, inert, quoted, quoted_output
from codeagent_nb.rendering.markdown_cells import harmless_markdown, harmless_quotes
from codeagent_nb.text import turned_note
from kernel_executor.text import as_text


class TurnedTasks:
    """Knows where each task begins, and its cells as they were before it was taken back."""

    def __init__(self) -> None:
        self._begun: dict[datetime, Cell] = {}
        self._taken_back: dict[datetime, tuple[list[Cell], list[Cell]]] = {}  # as they are, and as they were

    def begin(self, began: datetime, cell: Cell) -> None:
        """Take in the cell that a task begins with."""
        self._begun[began] = cell

    def turn(self, event: TaskTurnedEvent, cells: Sequence[Cell]) -> tuple[int, list[Cell]]:
        """Return the place of the first cell that changes and what the cells from there on are; new ones have no key.

        All cells since the task began are of states that are gone with it.
        """
        if event.state == "redone" and event.began in self._taken_back:
            now, before = self._taken_back.pop(event.began)
            place = _place(cells, now[0])
            return place, [*before, *cells[place + len(now) :]]
        if event.state == "undone" and event.began in self._begun:
            place = _place(cells, self._begun[event.began])
            before = [*cells[place:]]
            note = harmless_markdown(f"*{inert(turned_note(event))}*")
            now = [*map(taken_back, before), Cell("markdown", note, {"kind": "note"}, step=cells[-1].step)]
            self._taken_back[event.began] = (now, before)
            return place, [*now]
        return len(cells), []


def taken_back(cell: Cell) -> Cell:
    """Return a cell as that of a task that was taken back."""
    about = {**cell.about, "taken_back": True}
    if cell.cell_type == "markdown":
        heading = f"{cell.heading}, taken back" if cell.about["kind"] == "task" else cell.heading
        return replace(cell, about=about, heading=heading)
    code = cell.source.removeprefix(SHELL)
    parts = [quoted(code, "python" if code == cell.source else "bash"), *quoted_output(as_text(cell.outputs))]
    return Cell("markdown", harmless_quotes(folded("Taken back", parts)), {**about, "kind": "quoted"}, step=cell.step)


def _place(cells: Sequence[Cell], wanted: Cell) -> int:
    return next(place for place, cell in enumerate(cells) if cell is wanted)
