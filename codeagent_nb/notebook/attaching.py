"""Brings along what a task is about: variables that were asked for, tables that it names, cells it speaks of."""

import re
from collections.abc import Callable, Container, Mapping
from typing import Any

from codeagent_nb.elsewhere.refusals import TABLE_STAYS
from codeagent_nb.errors import VariableRefused
from codeagent_nb.events import ContextEvent
from codeagent_nb.models.privacy import LessTold
from codeagent_nb.notebook.arguments import FENCED
from codeagent_nb.notebook.tasks import Task
from codeagent_nb.session.session import Session
from codeagent_nb.session.variable_files import is_data
from codeagent_nb.session.variables import attach_variable, bring_variable

MOST = 50_000_000
"""Bytes of a table that is attached; a larger one comes when it is asked for (design D24)."""

MOST_COLUMNS = 1_000

NAME = re.compile(r"(_?[^\W\d_]\w+)(?:['\u2019]s|-\w+|\.(\w+)\b.*)?")
"""A word that is a name, of two letters or more: `a` and `x` are words of every task. Also `df's`, `df-Tabelle`, and
`df.head()`, if that is a method of it; `df.csv` is a file."""

EDGES = re.compile(r"^\W+|\W+$")

ELSEWHERE = re.compile(r"@|\{|\w[/\\#?&=*]+\w|[/\\]")
"""In addresses, paths, patterns of files, and `@{df}`, which comes anyway."""

EAST_ASIAN = r"\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef"

SPACES = re.compile(rf"\s+|(?<=[{EAST_ASIAN}])(?=[^{EAST_ASIAN}])|(?<=[^{EAST_ASIAN}])(?=[{EAST_ASIAN}])")
"""Between words: Chinese, Japanese and Korean need none around a name."""

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
    words = [word for word in SPACES.split(FENCED.sub("", task)) if not ELSEWHERE.search(word)]
    read = [NAME.fullmatch(EDGES.sub("", word)) for word in words]
    named = dict.fromkeys((found[1], found[2]) for found in read if found)
    return {
        name: namespace[name]
        for name, attribute in named
        if name in namespace and name not in besides and _comes_along(namespace[name], attribute)
    }


def _comes_along(value: Any, attribute: str | None) -> bool:
    is_of_it = attribute is None or hasattr(type(value), attribute)
    return is_of_it and is_data(value, MOST_COLUMNS) and _size(value) <= MOST


def _size(table: Any) -> int:
    for size in SIZES:
        try:
            return size(table)
        except AttributeError:
            continue
    return MOST + 1


def tables_that_stay(task: Task, server: str) -> str:
    """Return what is said of tables that a task names, where its code runs on a server: they were not asked for."""
    return "\n".join(TABLE_STAYS.format(name=name, place=server) for name in task.along.tables) if server else ""


async def bring_along(session: Session, task: Task) -> str:
    """Copy a task's variables, tell of its cells; return what the model is to know of tables that could not be copied.

    Raises:
        VariableRefused: One that was asked for cannot be copied.
    """
    for name, value in task.variables.items():
        await bring_variable(session, name, value)
    cells = task.along.cells
    if {"rows": cells.content, "statistics": cells.statistics, "schema": ""}[task.settings.level]:
        content, statistics = map(session.log.secrets.preview, (cells.content, cells.statistics))
        less = LessTold(statistics=statistics)
        session.log.publish(ContextEvent(source="notebook", content=content, told=cells.note, less=less))
    if stays := tables_that_stay(task, session.executor.isolation.place):
        return stays
    refusals = []
    for name, value in task.along.tables.items():
        try:
            await attach_variable(session, name, value)
        except VariableRefused as error:  # nobody asked for it: the task goes on without
            refusals.append(str(error))
    return "\n".join(refusals)
