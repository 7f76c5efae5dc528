"""Describes values of the code's without running any of the code: tells of known types, and names all others."""

from __future__ import annotations

import collections
import datetime
import decimal
import re
import sys
import time
import types
from itertools import islice
from typing import Any, Callable  # noqa: UP035 - the kernel's interpreter may be older than ours

from .inspecting import MODULES, NAMES, is_number, is_type_of
from .known_types import (
    MAPPINGS,
    MODULE_DICT,
    has_known_labels,
    holds_known_arrays,
    inner_of,
    is_grouped,
    is_index,
    is_series,
    is_table,
    labels_of,
    lookup,
    one_of,
    type_name,
)

LONGEST = 60
"""Characters of a value that are told."""

LONGEST_NAME = 200

MOST_COLUMNS = 40
MOST_KEYS = 20
MOST_EXAMPLES = 3

FIRST_ROWS = 20
"""Rows in which an example is looked for."""

HIDDEN = "<not shown>"

SEQUENCES = (list, tuple, set, frozenset, collections.deque)
TEXTS = (str, bytes)
NUMBERS = (bool, int, float, complex, type(None), decimal.Decimal)
MOMENTS = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta)
OF_PANDAS = ("Timestamp", "Timedelta", "Period", "Interval")

NAMED = re.compile(r"""(?<![\w.-])([\w.-]+)["']?\s*[:=]\s*\S""")
PASSWORD = re.compile(r"://[^\s/?#@:]*:[^\s/?#@]+@")


class Describer:
    """Describes values as JSON has them, until its time is over.

    Args:
        secret_name: Pattern of the names whose values are not shown; empty hides none.
        seconds: How long it may take.
    """

    def __init__(self, secret_name: str, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._secret = re.compile(secret_name, re.IGNORECASE).search if secret_name else _never

    @property
    def is_late(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._end

    def hides(self, name: Any) -> bool:
        """Return whether the name of a value promises a key."""
        if type(name) is tuple:
            return any(map(self.hides, name))
        return type(name) is str and bool(self._secret(re.sub(r"\W", "_", name[:LONGEST_NAME])))

    def _tells_key(self, text: str) -> bool:
        return bool(PASSWORD.search(text)) or any(self.hides(found.group(1)) for found in NAMED.finditer(text))

    def shown(self, value: Any) -> str:
        """Return what `repr` would, in short; of what is not plain, the type."""
        kind = type(value)
        if is_number(kind):
            value = value.item()
            kind = type(value)
        if kind is str and self._tells_key(value[:1_000]):
            return HIDDEN
        if one_of(kind, TEXTS):
            return repr(value) if len(value) <= LONGEST else f"{value[:LONGEST]!r}..."
        if kind is int and value.bit_length() > 200:
            return f"<int of {value.bit_length()} bits>"
        if kind is tuple and len(value) < 5 and is_plain(value):
            return f"({', '.join(map(self.shown, value))}{',' if len(value) == 1 else ''})"
        if one_of(kind, MOMENTS) or is_type_of(kind, "pandas", NAMES.__get__(kind)):
            return str(value)[:LONGEST] if is_plain(value) else f"<{type_name(kind)}>"
        return repr(value)[:LONGEST] if is_plain(value) else f"<{type_name(kind)}>"

    def describe(self, name: str, value: Any) -> dict[str, Any]:
        """Return a value's type and size, and of known types what is in it; nothing that its name hides."""
        kind = type(value)
        told: dict[str, Any] = {"name": name[:LONGEST_NAME], "type": type_name(kind)}
        if self.hides(name):
            return {**told, "examples": [HIDDEN]}
        try:
            for is_such, describe in KNOWN:
                if is_such(kind):
                    return {**told, **describe(self, value)}
        except Exception:  # noqa: BLE001 - another thread is changing it, or its library is of another version
            return told
        return told

    def _plain(self, value: Any) -> dict[str, Any]:
        size = {"length": len(value)} if one_of(type(value), TEXTS) else {}
        return {**size, "examples": [self.shown(value)]}

    def _sequence(self, value: Any) -> dict[str, Any]:
        return {"length": len(value), "examples": [self.shown(item) for item in islice(value, MOST_EXAMPLES)]}

    def _mapping(self, value: Any) -> dict[str, Any]:
        return {"length": len(value), "keys": [self.shown(key) for key in islice(value, MOST_KEYS)]}

    def _array(self, value: Any) -> dict[str, Any]:
        told = {"shape": list(value.shape), "dtype": str(value.dtype)[:LONGEST]}
        if value.dtype.kind in "biufcmMUS" and value.size:
            told["examples"] = [self.shown(item) for item in value.flat[:MOST_EXAMPLES].tolist()]
        return told

    def _series(self, value: Any) -> dict[str, Any]:
        told: dict[str, Any] = {"length": len(value), **self._column(value)}
        labels = labels_of(value)
        if self.hides(value.name) or any(map(self.hides, labels)):
            told["examples"] = [HIDDEN]
        return {**told, "keys": [self.shown(label) for label in labels[:MOST_KEYS]]} if labels else told

    def _column(self, values: Any, most: int = MOST_EXAMPLES) -> dict[str, Any]:
        """Return a column's dtype and its first values that are none missing."""
        if not holds_known_arrays(values) or not _is_known_dtype(values.dtype):
            return {}
        few = [value for value in values.iloc[:FIRST_ROWS] if not _is_missing(value)]
        return {"dtype": str(values.dtype)[:LONGEST], "examples": [self.shown(value) for value in few[:most]]}

    def _index(self, value: Any) -> dict[str, Any]:
        if not has_known_labels(value):
            return {"length": len(value)}
        few = [self.shown(label) for label in value[:MOST_EXAMPLES]]
        dtype = str(value.dtype)[:LONGEST] if _is_known_dtype(value.dtype) else ""
        return {"length": len(value), "dtype": dtype, "examples": few}

    def _frame(self, value: Any) -> dict[str, Any]:
        told: dict[str, Any] = {"shape": list(value.shape), "columns": []}
        if type(value.index) is not sys.modules["pandas"].RangeIndex:
            told["index"] = [self.shown(name) for name in value.index.names if name is not None]
        labels = list(value.columns[:MOST_COLUMNS]) if has_known_labels(value.columns) else []
        is_safe = holds_known_arrays(value) and all(map(is_plain, labels))  # to look at a column hashes its name
        for place, label in enumerate(labels):
            column = self._column(value.iloc[:, place], 1) if is_safe and not self.is_late else {}
            example = HIDDEN if self.hides(label) else "".join(column.get("examples", ())[:1])
            told["columns"].append([self.shown(label), column.get("dtype", ""), example])
        return told

    def _grouped(self, value: Any) -> dict[str, Any]:
        inner = self.describe("", inner_of(value))
        return {key: inner[key] for key in ("columns", "index", "dtype", "examples") if key in inner}

    def _polars(self, value: Any) -> dict[str, Any]:
        columns = [[repr(name), str(dtype)[:LONGEST], ""] for name, dtype in islice(value.schema.items(), MOST_COLUMNS)]
        return {"shape": [value.height, value.width], "columns": columns}

    def _arrow(self, value: Any) -> dict[str, Any]:
        fields = list(islice(value.schema, MOST_COLUMNS))
        return {
            "shape": [value.num_rows, value.num_columns],
            "columns": [[repr(field.name), str(field.type)[:LONGEST], ""] for field in fields],
        }

    def _module(self, value: Any) -> dict[str, Any]:
        version = lookup(MODULE_DICT.__get__(value), "__version__")
        return {"version": version[:LONGEST]} if type(version) is str else {}


def _never(_: str) -> None:
    """Hide nothing."""


def _is_plain_kind(kind: type) -> bool:
    return (
        one_of(kind, (*TEXTS, *NUMBERS, *MOMENTS))
        or is_number(kind)
        or any(is_type_of(kind, "pandas", name) for name in OF_PANDAS)
    )


KNOWN: tuple[tuple[Callable[[type], bool], Callable[[Describer, Any], dict[str, Any]]], ...] = (
    (_is_plain_kind, Describer._plain),  # noqa: SLF001
    (lambda kind: one_of(kind, SEQUENCES), Describer._sequence),  # noqa: SLF001
    (lambda kind: one_of(kind, MAPPINGS), Describer._mapping),  # noqa: SLF001
    (lambda kind: is_type_of(kind, "numpy", "ndarray"), Describer._array),  # noqa: SLF001
    (is_table, Describer._frame),  # noqa: SLF001
    (is_series, Describer._series),  # noqa: SLF001
    (is_index, Describer._index),  # noqa: SLF001
    (is_grouped, Describer._grouped),  # noqa: SLF001
    (lambda kind: is_type_of(kind, "polars", "DataFrame"), Describer._polars),  # noqa: SLF001
    (lambda kind: is_type_of(kind, "pyarrow", "Table"), Describer._arrow),  # noqa: SLF001
    (lambda kind: issubclass(kind, types.ModuleType), Describer._module),  # noqa: SLF001
)
"""Which types are told with what is in them, and how; the first that fits."""


def is_plain(value: Any) -> bool:
    """Return whether to hash, compare or print a value runs nothing but Python's and the libraries' own code."""
    kind = type(value)
    if kind is tuple:
        return len(value) < 100 and all(map(is_plain, value))
    if one_of(kind, (datetime.datetime, datetime.time)) or is_type_of(kind, "pandas", "Timestamp"):
        return _is_known_zone(value.tzinfo)
    pandas = sys.modules.get("pandas")
    if type(pandas) is types.ModuleType and (value is pandas.__dict__.get("NaT") or value is pandas.__dict__.get("NA")):
        return True
    if is_type_of(kind, "pandas", "Interval"):
        return is_plain(value.left)
    return _is_plain_kind(kind)


def _is_known_zone(zone: Any) -> bool:
    kind = type(zone)
    if zone is None or kind is datetime.timezone or is_type_of(kind, "zoneinfo", "ZoneInfo"):
        return True
    module = MODULES.__get__(kind)
    return type(module) is str and module.startswith("pytz") and is_type_of(kind, module, NAMES.__get__(kind))


def _is_known_dtype(dtype: Any) -> bool:
    """Return whether to print a dtype runs nothing of the code's: a time zone may be."""
    kind = type(dtype)
    if is_type_of(kind, "pandas", "DatetimeTZDtype"):
        return _is_known_zone(dtype.tz)
    module = MODULES.__get__(kind)
    return type(module) is str and module.partition(".")[0] in ("numpy", "pandas")


def _is_missing(value: Any) -> bool:
    if value is None or (type(value) is float and value != value):  # noqa: PLR0124 - so is NaN known
        return True
    pandas = sys.modules["pandas"]
    return value is pandas.NaT or value is pandas.NA
