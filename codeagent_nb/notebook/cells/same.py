"""Whether a task, run again, makes the cells that it has made before: then those stay where they are. Pure.

Run All sends the code of all cells to the notebook's kernel before the first of them has run. So cells that are
replaced never show what that code gives; cells that stay do, and are the user's own from then on.
"""

from collections.abc import Sequence

from codeagent_nb.notebook.cells.diff import PageCell
from codeagent_nb.notebook.cells.page import Standing


def same_at_start(standing: Sequence[Standing], cells: Sequence[PageCell]) -> int:
    """Return how many cells stand there as they are made again, from the first.

    Args:
        standing: The cells of an earlier run, from above.
        cells: What the run has made.
    """
    pairs = enumerate(zip(standing, cells, strict=False))
    different = (at for at, (there, cell) in pairs if (there.id, there.source) != (cell.id, cell.source))
    return next(different, min(len(standing), len(cells)))


def may_become(standing: Sequence[Standing], unsettled: Sequence[PageCell]) -> bool:
    """Return whether what is being written, or runs, may become what stands there in its place.

    Args:
        standing: The cells of an earlier run that follow those which were made again.
        unsettled: What follows them in this one.
    """
    if standing and standing[0].cell_type == "markdown" and unsettled and unsettled[0].cell_type == "code":
        return True  # an attempt that failed was code, too, before it was quoted
    pairs = zip(standing, unsettled, strict=False)
    return len(unsettled) <= len(standing) and all(
        there.id == cell.id and there.source.startswith(cell.source) for there, cell in pairs
    )
