"""Brings variables of the notebook along with a task: those that were asked for, and tables that the task names."""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from codeagent_nb.errors import VariableRefused
from codeagent_nb.notebook.arguments import FENCED
from codeagent_nb.notebook.tasks import Task
from codeagent_nb.session.session import Session
from codeagent_nb.session.variable_files import is_table
from codeagent_nb.session.variables import attach_variable, bring_variable

MOST = 50_000_000
"""Bytes of a table that is attached; a larger one comes when it is asked for (design D24)."""

NAME = re.compile(r"(?<![\w./\\@{-])[^\W\d_]\w+(?![\w/\\-]|\.\w)")
"""A whole word, of two letters or more: `a` and `x` are words of every task. `df.csv` and `src/df` are files."""

SIZES: tuple[Callable[[Any], int], ...] = (
    lambda table: int(table.memory_usage(index=True).sum()),  # pandas; texts by their references
    lambda table: int(table.estimated_size()),  # Polars
    lambda table: int(table.nbytes),  # Arrow
)


def named_in(task: str, namespace: Mapping[str, Any], besides: Container[str] = ()) -> dict[str, Any]:
    """Return the tables of at most 50 MB whose names stand in a task as whole words, in order.

    Args:
        task: What to do; what is in a fence is somebody's code.
        namespace: The notebook's variables.
        besides: Names that come anyway.
    """
    names = dict.fromkeys(NAME.findall(FENCED.sub("", task)))
    found = {name: namespace[name] for name in names if name in namespace and name not in besides}
    return {name: value for name, value in found.items() if is_table(value) and _size(value) <= MOST}


def _size(table: Any) -> int:
    for size in SIZES:
        try:
            return size(table)
        except AttributeError:
            continue
    return MOST + 1


async def bring_variables(session: Session, task: Task) -> str:
    """Copy a task's variables; return what the model is to know of tables that it names, and that could not be copied.

    Raises:
        VariableRefused: One that was asked for cannot be copied.
    """
    for name, value in task.variables.items():
        await bring_variable(session, name, value)
    refusals = []
    for name, value in task.attached.items():
        try:
            await attach_variable(session, name, value)
        except VariableRefused as error:  # nobody asked for it: the task goes on without
            refusals.append(str(error))
    return "\n".join(refusals)
