"""Finds what a failed line looked for and did not find, in what, and what is there that is like it."""

from __future__ import annotations

import ast
import re
import sys
import types
from typing import Any

from .known_types import (
    MODULE_DICT,
    attributes_of,
    inner_of,
    is_index,
    is_table,
    labels_of,
    lookup,
    type_name,
)
from .near_names import near, near_files, near_modules
from .resolving import Scope, text_of

MOST_MISSING = 3
MOST_KNOWN = 12
LONGEST = 200

ARGUMENTS = BaseException.__dict__["args"]

LOCALS = ("self", "obj", "data", "left", "right", "frame", "df")
"""What pandas and seaborn call the table that they look into."""

QUOTED = re.compile(r"""["'`]([^"'`]{1,200})["'`]""")
NO_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
OBJECT = re.compile(r"^'([\w.]+)' object has")
NO_NAME = re.compile(r"name '(\w+)' is not defined")
NO_IMPORT = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
NO_KEYWORD = re.compile(r"got an unexpected keyword argument '(\w+)'")
NO_COLUMN = re.compile(r"Could not interpret value `([^`]+)`")
NOT_FOUND = re.compile(r"^Columns? not found: ['\"]?([^'\"]+)")
NOT_NAMES = frozenset({"str", "object", "int64", "float64", "string", "category", "columns", "index"})
"""What stands in pandas' messages beside the names."""


def find(
    error: BaseException,
    nodes: list[ast.AST],
    scope: Scope,
    values: list[tuple[str, Any]],
    inner: list[types.FrameType],
) -> list[dict[str, Any]]:
    """Return what is missing: its name, what it is not in, near names, and what else would be possible.

    Args:
        error: What was raised.
        nodes: The expressions of the line.
        scope: The names that it knows.
        values: The values of the line, by their texts.
        inner: The frames of libraries that it led to.
    """
    kind = type(error)
    message = _message(error)
    if issubclass(kind, FileNotFoundError):
        return _file(error)
    if issubclass(kind, ImportError):
        return _module(error, message)
    if issubclass(kind, AttributeError):
        return _attribute(error, message, nodes, values)
    if issubclass(kind, NameError) and type_name(kind) != "UndefinedVariableError":  # that is a column, of a query
        return _variable(message, scope)
    if issubclass(kind, TypeError):
        return _keyword(message, nodes, scope)
    wanted = _labels(kind, message, nodes, error)
    return [told for name in wanted if (told := _label(name, nodes, scope, values, inner))][:MOST_MISSING]


def _message(error: BaseException) -> str:
    """Return what an error says, if that is a text."""
    arguments = ARGUMENTS.__get__(error)
    first = arguments[0] if type(arguments) is tuple and arguments else ""
    return first[:2_000] if type(first) is str else ""


def _told(name: str, where: str, names: list[str], known: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name[:LONGEST], "of": where[:LONGEST], "near": near(name, names)}
    return {**told, "known": [each[:LONGEST] for each in names[:MOST_KNOWN]]} if known else told


def _file(error: BaseException) -> list[dict[str, Any]]:
    path = OSError.__dict__["filename"].__get__(error)
    if type(path) is not str:
        return []
    folder, names = near_files(path)
    return [{"name": path[:LONGEST], "of": folder[:LONGEST] or "the working folder", "near": names}]


def _module(error: BaseException, message: str) -> list[dict[str, Any]]:
    found = NO_IMPORT.search(message)
    if found:
        module = sys.modules.get(found.group(2))
        names = attributes_of(module) if isinstance(module, types.ModuleType) else []
        return [_told(found.group(1), found.group(2), names)]
    name = ImportError.__dict__["name"].__get__(error)
    if type(name) is not str or not issubclass(type(error), ModuleNotFoundError):
        return []
    return [{"name": name[:LONGEST], "of": "the installed modules", "near": near_modules(name)}]


def _attribute(
    error: BaseException, message: str, nodes: list[ast.AST], values: list[tuple[str, Any]]
) -> list[dict[str, Any]]:
    found = NO_ATTRIBUTE.search(message)
    own = (AttributeError.__dict__.get(name) for name in ("name", "obj"))  # since Python 3.10
    name, base = (slot.__get__(error) if slot else None for slot in own)
    name = name if type(name) is str else found.group(1) if found else ""
    bases = [node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr == name]
    if base is None:
        base = next((value for text, value in values for node in bases if text_of(node) == text), None)
    if not name or (base is None and not found):
        return []
    text = text_of(bases[0]) if bases else ""
    if not text or "(" in text:
        kind = OBJECT.match(message) if base is None else None
        text = f"the {kind.group(1) if kind else _kind_of(base)} in this line"
    return [_told(name, text, [*labels_of(base), *attributes_of(base)] if base is not None else [])]


def _kind_of(value: Any) -> str:
    if issubclass(type(value), types.ModuleType):
        name = lookup(MODULE_DICT.__get__(value), "__name__")
        return f"module {name[:LONGEST]}" if type(name) is str else "module"
    return "class" if issubclass(type(value), type) else type_name(type(value))


def _variable(message: str, scope: Scope) -> list[dict[str, Any]]:
    found = NO_NAME.search(message)
    names = [each for each in scope.all_names if not each.startswith("_")]
    return [_told(found.group(1), "the variables", [*names, *scope.builtin])] if found else []


def _keyword(message: str, nodes: list[ast.AST], scope: Scope) -> list[dict[str, Any]]:
    found = NO_KEYWORD.search(message)
    if not found:
        return []
    name = found.group(1)
    for node in nodes:
        if isinstance(node, ast.Call) and any(each.arg == name for each in node.keywords):
            try:
                names = _parameters(scope.resolve(node.func))
            except Exception:  # noqa: BLE001 - it is made in the line
                names = []
            return [_told(name, f"the arguments of {text_of(node.func) or 'the function'}", names, known=True)]
    return []


def _parameters(function: Any) -> list[str]:
    for _ in range(10):
        if issubclass(type(function), type):
            function = lookup(type.__dict__["__dict__"].__get__(function), "__init__")
        if type(function) is not types.FunctionType:
            return []
        wrapped = lookup(function.__dict__, "__wrapped__")
        if wrapped is None:
            break
        function = wrapped
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [name for name in names if name != "self"]


def _labels(kind: type, message: str, nodes: list[ast.AST], error: BaseException) -> list[str]:
    """Return the labels that an error says are missing."""
    if issubclass(kind, NameError):
        found = NO_NAME.search(message)
        return [found.group(1)] if found else []
    if issubclass(kind, ValueError):
        found = NO_COLUMN.search(message)
        return [found.group(1)] if found else []
    if not issubclass(kind, KeyError):
        return []
    arguments = ARGUMENTS.__get__(error)
    key = arguments[0] if type(arguments) is tuple and len(arguments) == 1 else ""
    if type(key) is not str:
        return []
    constants = [node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is str]
    if found := NOT_FOUND.match(key):
        return [found.group(1)]
    if key in constants or not QUOTED.search(key):
        return [key]
    quoted = [each for each in QUOTED.findall(key) if each not in NOT_NAMES]
    return [each for each in dict.fromkeys(quoted) if each in constants] or quoted[:MOST_MISSING]


def _label(
    name: str, nodes: list[ast.AST], scope: Scope, values: list[tuple[str, Any]], inner: list[types.FrameType]
) -> dict[str, Any]:
    """Return in what a label was looked for: what has the brackets, what pandas looked into, what the line names."""
    indexed = _indexed(name, nodes, scope)
    candidates = [pair for pair in indexed if _lacks(pair[1], name)]
    candidates += [pair for pair in _in_libraries(inner, values) if _lacks(pair[1], name)]
    candidates += [pair for pair in values if _lacks(pair[1], name)]
    if not candidates:
        return {"name": name[:LONGEST], "of": "", "near": []}
    where, value = candidates[0]
    told = _told(name, where, labels_of(value), known=not is_table(type(value)))
    if name in [each for each in _levels(value) if type(each) is str]:
        return {**told, "of": f"the columns of {where}; it is in the index", "near": []}
    return told


def _levels(value: Any) -> list[Any]:
    return list(value.index.names) if is_table(type(value)) else []


def _lacks(value: Any, name: str) -> bool:
    labels = labels_of(value)
    return name not in labels and (bool(labels) or is_table(type(value)))


def _indexed(name: str, nodes: list[ast.AST], scope: Scope) -> list[tuple[str, Any]]:
    found = []
    for node in nodes:
        if isinstance(node, ast.Subscript) and name in _constants(node):
            try:
                found.append((text_of(node.value), scope.resolve(node.value)))
            except Exception:  # noqa: BLE001, S112 - it is made in the line
                continue
    return found


def _constants(node: ast.Subscript) -> list[Any]:
    """Return the texts in the brackets of an expression."""
    return [each.value for each in ast.walk(node.slice) if isinstance(each, ast.Constant) and type(each.value) is str]


def _in_libraries(inner: list[types.FrameType], values: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the tables that libraries looked into, by what the line calls them."""
    found: list[tuple[str, Any]] = []
    indexes: list[tuple[str, Any]] = []
    for frame in inner:
        names: Any = frame.f_locals
        for name in LOCALS:
            if name not in frame.f_code.co_varnames:
                continue
            value = names.get(name)
            looked_into = inner_of(value)
            told = next((text for text, each in values if each is value or each is looked_into is not None), "")
            if is_index(type(value)):
                same = [text for text, each in values if is_table(type(each)) and labels_of(each) == labels_of(value)]
                indexes.append((same[0] if same else "the labels", value))
            elif is_table(type(value)) or looked_into is not None:
                found.append((told or "the table made in this line", value))
    return found + indexes
