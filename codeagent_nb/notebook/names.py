"""Which variables of the notebook a cell uses, so that they can be copied for the agent. Knows IPython's syntax."""

import ast
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from kernel_executor.environment import names_secret


def names_used(code: str, namespace: Mapping[str, Any]) -> str:
    """Return the names of the data that a cell uses, as `-i` takes them: `df,limit`.

    Args:
        code: A cell; with an error in its syntax nothing is found.
        namespace: What there is. Modules, functions and classes are no data, and what the notebook's own classes made
            cannot be copied; nor are secrets.
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
    return type(value).__module__ != "__main__"
