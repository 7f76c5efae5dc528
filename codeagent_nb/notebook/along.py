"""Finds what of the open notebook comes along with a task. Knows IPython's shell; the rules are in its neighbours."""

from collections.abc import Container
from contextlib import suppress
from typing import Any

from codeagent_nb.notebook.attaching import named_in
from codeagent_nb.notebook.last_cells import LastCells, told_of_cells
from codeagent_nb.notebook.tasks import Along
from codeagent_nb.notebook.used_names import is_of_ours

MOST_READ = 20
"""Cells of the history that are looked at."""


def along_with(task: str, shell: Any, besides: Container[str], *, attach: bool) -> Along:
    """Return what comes along with a task.

    Args:
        task: What to do.
        shell: IPython's.
        besides: Variables that come anyway.
        attach: Whether anything comes that nobody has asked for.
    """
    if not attach:
        return Along()
    return Along(tables=named_in(task, shell.user_ns, besides), cells=told_of_cells(task, last_cells(shell)))


def last_cells(shell: Any) -> LastCells:
    """Return the user's last cells, and the error of the last one; after a cell of ours there is none."""
    history = [str(source) for source in shell.history_manager.input_hist_raw[-MOST_READ - 1 : -1]]
    result = getattr(shell, "last_execution_result", None)
    error = (result.error_in_exec or result.error_before_exec) if result else None
    is_of_the_user = bool(history) and not is_of_ours(history[-1])
    return LastCells(
        [source for source in history if not is_of_ours(source)],
        _traceback(shell, error) if error is not None and is_of_the_user else "",
    )


def _traceback(shell: Any, error: BaseException) -> str:
    with suppress(Exception):  # an error's own code may fail; the task is more than that
        return "\n".join(shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__))
    return type(error).__name__
