"""Finds the values that a line of failed code names, by its syntax: no call, no property, no `__getitem__` is run."""

from __future__ import annotations

import ast
import builtins
import sys
import types
from typing import Any

from .known_types import (
    MAPPINGS,
    MODULE_DICT,
    MOST_LOOKED_AT,
    class_attribute,
    holds_known_arrays,
    instance_dict,
    is_series,
    is_table,
    labels_of,
    lookup,
    one_of,
)

MOST_NODES = 200
LONGEST = 80
"""Characters of an expression that is told."""


def _kind_of_locals() -> type:
    return type(sys._getframe().f_locals)  # noqa: SLF001


PROXY = _kind_of_locals()
"""How Python 3.13 shows the variables of a function; before, it is a dict."""


class Unknown(Exception):  # noqa: N818
    """A value cannot be had without running code."""


class Scope:
    """The names that a frame's code knows.

    Args:
        frame: It must have ended.
    """

    def __init__(self, frame: types.FrameType) -> None:
        names: Any = frame.f_locals
        self.local: dict[str, Any] = {}
        # Of a class body it may be a mapping of the code's own.
        kind: Any = type(names)
        if kind is dict or kind is PROXY:
            self.local = {name: names[name] for name in list(names) if type(name) is str}
        self.all_names = {name: value for name, value in dict.items(frame.f_globals) if type(name) is str}
        self.all_names.update(self.local)

    @property
    def builtin(self) -> list[str]:
        """The names that Python knows itself."""
        return [name for name in vars(builtins) if not name.startswith("_")]

    def values(self, nodes: list[ast.AST], code: types.CodeType) -> list[tuple[str, Any]]:
        """Return the values of expressions, by their texts, as far as they can be had; of code without a text by name.

        Args:
            nodes: The expressions.
            code: What they are of.
        """
        if not nodes:
            names = (*code.co_varnames, *code.co_names)
            return [(name, self.all_names[name]) for name in names if name in self.all_names]
        found: dict[str, Any] = {}
        for node in nodes:
            if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
                text = text_of(node)
                if text and text not in found:
                    try:
                        found[text] = self.resolve(node)
                    except Exception:  # noqa: BLE001, S112 - `Unknown`, or whatever its library says
                        continue
        return list(found.items())

    def resolve(self, node: Any) -> Any:
        """Return the value of an expression.

        Raises:
            Unknown: It cannot be had without running code.
        """
        if isinstance(node, ast.Name):
            if node.id in self.all_names:
                return self.all_names[node.id]
        elif isinstance(node, ast.Attribute):
            return _attribute(self.resolve(node.value), node.attr)
        elif isinstance(node, ast.Subscript):
            return _item(self.resolve(node.value), self.key(node))
        raise Unknown

    def key(self, node: ast.Subscript) -> Any:
        """Return the text or number in the brackets of an expression.

        Raises:
            Unknown: There is another thing.
        """
        inner: Any = node.slice
        if type(inner).__name__ == "Index":  # before Python 3.9
            inner = inner.value
        if (
            isinstance(inner, ast.UnaryOp)
            and isinstance(inner.op, ast.USub)
            and isinstance(inner.operand, ast.Constant)
        ):
            value = inner.operand.value
            return -value if type(value) is int else None
        found = inner.value if isinstance(inner, ast.Constant) else self.resolve(inner)
        if type(found) is str or type(found) is int:
            return found
        raise Unknown


def text_of(node: Any) -> str:
    """Return an expression as it is told; empty if it cannot be."""
    if isinstance(node, ast.Name):
        return node.id
    if not hasattr(ast, "unparse"):  # before Python 3.9
        return ""
    text = ast.unparse(node)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _attribute(base: Any, name: str) -> Any:
    kind = type(base)
    if issubclass(kind, types.ModuleType):
        found = lookup(MODULE_DICT.__get__(base), name)
    elif issubclass(kind, type):
        found = class_attribute(base, name)
    else:
        found = class_attribute(kind, name)
        if found is None and is_table(kind):
            return _item(base, name)
        if found is None or type(found) is types.MemberDescriptorType:
            own = lookup(instance_dict(base), name) if found is None else found.__get__(base)
            found = own
        elif type(found) is not types.FunctionType:
            raise Unknown
    if found is None:
        raise Unknown
    return found


def _item(base: Any, key: Any) -> Any:
    kind = type(base)
    if one_of(kind, MAPPINGS):
        found = lookup(base, key)
        if found is not None:
            return found
    elif type(key) is int and one_of(kind, (list, tuple)):
        if -len(base) <= key < len(base):
            return base[key]
    elif type(key) is str and is_table(kind) and holds_known_arrays(base):
        labels = list(base.columns[:MOST_LOOKED_AT])
        place = next((at for at, each in enumerate(labels) if type(each) is str and each == key), -1)
        if place >= 0:
            return base.iloc[:, place]
    elif type(key) is str and is_series(kind) and key in labels_of(base) and holds_known_arrays(base):
        for label, value in zip(base.index[:MOST_LOOKED_AT], base.iloc[:MOST_LOOKED_AT]):  # noqa: B905
            if type(label) is str and label == key:
                return value
    raise Unknown
