"""Which variables of the notebook a cell uses, so that they can be copied for the agent. Knows IPython's syntax."""

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from codeagent_nb.projections.conversation import ABOUT_US, ASKS
from codeagent_nb.session.variable_files import NotebookPickler
from kernel_executor.secret_names import names_secret

LOOKED_AT = 200_000  # bytes of a pickle


def is_of_ours(cell: str) -> bool:
    """Return whether a cell is a task, or holds nothing but commands of ours."""
    return bool(ASKS.match(cell)) or not ABOUT_US.sub("", cell).strip()


def names_used(code: str, namespace: Mapping[str, Any]) -> str:
    """Return the names of the data that a cell uses, as `-i` takes them: `df,limit`.

    Args:
        code: A cell; with an error in its syntax nothing is found.
        namespace: What there is. Modules, functions and classes are no data; secrets and what cannot be pickled are
            not copied.
    """
    try:
        nodes = ast.walk(ast.parse(TransformerManager().transform_cell(code)))
        found = [node for node in nodes if isinstance(node, ast.Name)]
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the last two: code that is nested deep
        return ""
    names = [node.id for node in sorted(found, key=lambda node: (node.lineno, node.col_offset))]
    return ",".join(name for name in dict.fromkeys(names) if name in namespace and _is_data(name, namespace[name]))


def _is_data(name: str, value: object) -> bool:
    if name.startswith("_") or isinstance(value, ModuleType) or callable(value) or names_secret(name):
        return False
    return _can_be_pickled(value)


class _Enough(Exception):  # noqa: N818 - caught where it is raised from
    """So much could be pickled that the rest can be, too."""


class _Sink:
    """A file that is full soon."""

    def __init__(self) -> None:
        self._room = LOOKED_AT

    def write(self, data: Any) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise _Enough
        return len(data)


def _can_be_pickled(value: object) -> bool:
    try:
        NotebookPickler(_Sink()).dump(value)
    except _Enough:
        return True
    except Exception:  # noqa: BLE001 - whatever the object's own code raises; then it is not copied, and nothing is lost
        return False
    return True
