"""Tells what was there when code failed: the line of the code, the values that it names, what is like a missing name.

It reads the traceback that IPython has kept, after the block has ended and before anything is taken back. Nothing of
the code's is called: see `safe_values`. Nothing is kept: what it returns is text.
"""

from __future__ import annotations

import ast
import contextlib
import json
import linecache
import sys
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import missing_names
from .known_types import class_attribute, type_name
from .resolving import MOST_NODES, Scope
from .safe_values import Describer

SECONDS = 1.0
"""How long it may take; it takes 0.01."""

DEEPEST = 5_000
"""Frames that are looked at."""

MOST_LIBRARY_FRAMES = 30

MOST_VALUES = 8

MOST_SOURCE = 200_000
"""Characters of a cell that is parsed: 0.2 s."""

LONGEST = 200

ROOM = 20_000
"""Characters of the answer."""

TRACEBACK = BaseException.__dict__["__traceback__"]
CLASSES = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def tell(secret_name: str) -> str:
    """Return, as JSON, what there is to tell of the error that IPython showed last.

    Args:
        secret_name: Pattern of the names whose values are not shown.
    """
    from IPython import get_ipython

    shell: Any = get_ipython()
    cells = getattr(shell.compile, "_filename_map", {})
    told = look(getattr(sys, "last_value", None), shell.user_ns, cells, secret_name)
    while len(text := json.dumps(told)) > ROOM and told.get("values"):
        told["values"].pop()
    return text if len(text) <= ROOM else "{}"


def look(error: Any, names: dict[str, Any], cells: dict[str, int], secret_name: str = "") -> dict[str, Any]:
    """Return what there is to tell of an error; a part that cannot be had is missing.

    Args:
        error: The exception, with its traceback.
        names: The namespace of cells.
        cells: Their numbers, by what Python calls their files.
        secret_name: Pattern of the names whose values are not shown.
    """
    kind = type(error)
    if not issubclass(kind, BaseException):
        return {}
    told: dict[str, Any] = {"error": type_name(kind)}
    with contextlib.suppress(Exception):  # code may have changed what is used here
        place = _own_place(error, names)
        if place is None:
            return {**told, **_syntax(error)}
        _look_at(place, told, error, cells, Describer(secret_name, SECONDS))
    return told


class Place(NamedTuple):
    """Where the code failed.

    Args:
        frame: The innermost frame of the code itself.
        line: Its line.
        inner: The frames of libraries that it led to.
    """

    frame: types.FrameType
    line: int
    inner: list[types.FrameType]


def _look_at(
    place: Place, told: dict[str, Any], error: BaseException, cells: dict[str, int], describer: Describer
) -> None:
    code, line = place.frame.f_code, place.line
    file = code.co_filename if type(code.co_filename) is str else ""  # code can be made with any
    source = _source(file)
    scope = Scope(place.frame)
    number = cells.get(file)
    lines = source.splitlines()
    told["line"] = line
    told["cell"] = number if type(number) is int else 0
    told["function"] = code.co_name[:LONGEST] if type(code.co_name) is str else ""
    told["source"] = lines[line - 1].strip()[:LONGEST] if 0 < line <= len(lines) else ""
    nodes = _nodes(source, line)
    values = scope.values(nodes, code)
    with contextlib.suppress(Exception):
        told["missing"] = missing_names.find(error, nodes, scope, values, place.inner)
    told["values"] = []
    for name, value in _most_telling(values):
        if describer.is_late:
            break
        told["values"].append(describer.describe(name, value))


def _own_place(error: BaseException, names: dict[str, Any]) -> Place | None:
    """Return where the code itself failed; None if it did not begin."""
    place = None
    traceback = TRACEBACK.__get__(error)
    for _ in range(DEEPEST):
        if type(traceback) is not types.TracebackType:
            break
        frame = traceback.tb_frame
        if frame.f_globals is names:
            place = Place(frame, traceback.tb_lineno or 0, [])
        elif place and len(place.inner) < MOST_LIBRARY_FRAMES:
            place.inner.append(frame)
        traceback = traceback.tb_next
    return place


def _source(file: str) -> str:
    entry = linecache.cache.get(file)  # not `getlines`: it looks at the disk for files that are not there
    lines: Any = entry[2] if type(entry) is tuple and len(entry) > 2 else []
    if type(lines) is not list or any(type(each) is not str for each in lines):
        return ""
    return "".join(lines)


def _nodes(source: str, line: int) -> list[ast.AST]:
    """Return the expressions of the statement that a line is in, those of the line itself first."""
    if len(source) > MOST_SOURCE:
        return []
    try:
        statement = _innermost(ast.parse(source), line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    nodes = list(_expressions(statement)) if statement else []
    return sorted(nodes, key=lambda node: _lines_away(node, line))[:MOST_NODES]


def _innermost(tree: ast.AST, line: int) -> ast.AST | None:
    found = None
    for node in ast.walk(tree):  # outer ones come first
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            found = node
    return found


def _expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions of a statement, outer ones first, without those of statements in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler)):
            if isinstance(child, ast.expr):
                yield child
            yield from _expressions(child)


def _lines_away(node: ast.AST, line: int) -> int:
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", None) or 0
    return 0 if first <= line <= last else min(abs(first - line), abs(last - line))


def _most_telling(values: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the values that are told: data before modules, and functions only where there is nothing else."""

    def rank(pair: tuple[str, Any]) -> int:
        kind = type(pair[1])
        is_called = issubclass(kind, CLASSES) or class_attribute(kind, "__call__") is not None
        return 2 if is_called else 1 if issubclass(kind, types.ModuleType) else 0

    ranked = sorted(values, key=rank)
    data = [pair for pair in ranked if rank(pair) < 2]
    return (data or ranked)[:MOST_VALUES]


def _syntax(error: BaseException) -> dict[str, Any]:
    """Return where a text is no Python."""
    if not issubclass(type(error), SyntaxError):
        return {}
    line, text = (SyntaxError.__dict__[name].__get__(error) for name in ("lineno", "text"))
    return {
        "line": line if type(line) is int else 0,
        "source": text.strip()[:LONGEST] if type(text) is str else "",
    }
