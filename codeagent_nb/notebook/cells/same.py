"""Whether a task, run again, makes the cells that it has made before: then those stay where they are. Pure.

Run All sends the code of all cells to the notebook's kernel before the first of them has run. So cells that are
replaced never show what that code gives; cells that stay do, and are the user's own from then on.
"""

from collections.abc import Sequence

from codeagent_nb.notebook.cells.diff import PageCell
from codeagent_nb.notebook.cells.page import Standing


def goes_on_as(
    standing: Sequence[Standing], settled: Sequence[PageCell], unsettled: Sequence[PageCell], *, over: bool
) -> bool:
    """Return whether what is made may become what stands there.

    Args:
        standing: The cells of an earlier run, from above.
        settled: What the run has made and does not change any more.
        unsettled: What follows these: it is being written, or runs.
        over: True if nothing more will come.
    """
    if over:
        return _are_same(standing, [*settled, *unsettled])
    if not _are_same(standing[: len(settled)], settled):
        return False
    rest = standing[len(settled) :]
    if rest and rest[0].cell_type == "markdown" and unsettled and unsettled[0].cell_type == "code":
        return True  # an attempt that failed was code, too, before it was quoted
    pairs = zip(rest, unsettled, strict=False)
    return len(unsettled) <= len(rest) and all(
        there.id == cell.id and there.source.startswith(cell.source) for there, cell in pairs
    )


def _are_same(standing: Sequence[Standing], cells: Sequence[PageCell]) -> bool:
    return [(there.id, there.source) for there in standing] == [(cell.id, cell.source) for cell in cells]
