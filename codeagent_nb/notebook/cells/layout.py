"""How a run's cells look in the open notebook: their ids, what their metadata say, outputs that obey nobody. Pure."""

from collections.abc import Collection, Iterator
from itertools import count
from typing import Any

from codeagent_nb.notebook.cells.diff import PageCell
from codeagent_nb.projections.notebook_cell import Cell, digest
from codeagent_nb.projections.notebook_cells import CellsStory
from codeagent_nb.rendering.cell_outputs import OutputCleaner, shown_output
from kernel_executor import Output
from kernel_executor.text import encodable

OF_FAILURES = frozenset({"quoted", "note"})
"""Kinds of cells that tell of an attempt which did not end well."""

ID_LIMIT = 40
"""Characters of an anchor's id that go into the ids of its cells; nbformat allows 64 in all."""


class PageCells:
    """Makes the cells of one run.

    Args:
        anchor: The cell whose run it is; None for the panel.
        run: What tells this run from others.
        taken: Ids that other cells of the notebook have.
        one_step: True if one undo takes the whole run back.
        hidden: Kinds of cells that are not shown: the task, where the cell above says it.
    """

    def __init__(
        self, anchor: str | None, run: str, taken: frozenset[str], *, one_step: bool, hidden: frozenset[str]
    ) -> None:
        self._anchor = anchor
        self._run = run
        self._taken = taken
        self._one_step = one_step
        self._hidden = hidden
        self._ids: dict[str, str] = {}
        self._outputs = OutputCleaner(shown_output)

    def of(self, story: CellsStory, *, without_failed: Collection[int] = (), over: bool = False) -> list[PageCell]:
        """Return the cells of a story, those that are still being written last.

        Args:
            story: The run so far.
            without_failed: Steps of which what failed, and the notes on it, is not shown.
            over: True if nothing more will come: what has not ended well by then never will.
        """
        all_cells = story.lasting if over else story.cells
        stand = [cell for cell in all_cells if cell.step not in without_failed or cell.about["kind"] not in OF_FAILURES]
        settled = [cell for one in stand for cell in self._page_cell(one, {"sha256": digest(encodable(one.source))})]
        return settled + [cell for one in story.drafts for cell in self._page_cell(one, {})]

    def settled(self, story: CellsStory) -> list[PageCell]:
        """Return the cells that will not change any more, but for their outputs."""
        under_way = story.under_way
        stand = [cell for cell in story.cells if not any(cell is one for one in under_way)]
        return [cell for one in stand for cell in self._page_cell(one, {})]

    def _page_cell(self, cell: Cell, more: dict[str, Any]) -> Iterator[PageCell]:
        if cell.about["kind"] in self._hidden:
            return
        about = {name: value for name, value in cell.about.items() if name != "seconds"}  # the same each time it is run
        step = str(cell.step) if self._anchor else f"{self._run}-{cell.step}"
        yield PageCell(
            id=self._id(cell.key),
            cell_type=cell.cell_type,
            source=encodable(cell.source),
            metadata={"codeagent": {"cell": self._anchor, "step": step, **about, **more}, **cell.metadata},
            outputs=tuple(_without_count(self._outputs.clean(output)) for output in cell.folder.outputs),
            undo=self._run if self._one_step else f"{self._run}-{cell.step}",
        )

    def _id(self, key: str) -> str:
        """Return the same id for a cell each time its task is run, so that the notebook stays the same."""
        if key not in self._ids:
            prefix = prefix_of(self._anchor or f"codeagent-{self._run}")
            names = (f"{prefix}-{key}{f'-{number}' if number > 1 else ''}" for number in count(1))
            self._ids[key] = next(name for name in names if name not in self._taken)
        return self._ids[key]


def _without_count(output: Output) -> Output:
    """Return an output without the count that the agent's kernel has given it."""
    return output | {"execution_count": None} if output["output_type"] == "execute_result" else output


def prefix_of(anchor: str) -> str:
    """Return what the ids of a cell's cells begin with."""
    return anchor if len(anchor) <= ID_LIMIT else digest(anchor)
