"""Describes a variable, or the table of a file, in a few hundred words for a prompt. Runs *in the kernel*.

The data lies there, beside the code to come. Stands alone: its text is sent to the kernel, where only the standard
library is certain; pandas is used where it is.
Guessed column names were the commonest error of small models on table questions (measured), so names are given
exactly, with dtypes, missing counts and a few rows; what is named like a key is given by its name only.
"""

from __future__ import annotations

import re
import sys
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from codeagent_nb.session.leading_zeros import WITH_ZEROS, are_codes
from kernel_executor.secret_names import names_secret

HIDDEN = "<not shown>"


def describe_variable(name: str, value: Any, budget: int) -> str:
    """Return a description of a variable of at most about `budget` characters; it holds nothing named like a key.

    Nothing of an object's own is run, neither a property nor its `repr`: what is not a table, a plain value or a
    container of them is told by its type and the names of its attributes.
    """
    return f"The variable `{name}` is {_what(value, budget)}"[: budget + 200]


def _what(value: Any, budget: int) -> str:
    if _is(value, "pandas", "DataFrame"):
        return _frame(value, budget)
    if _is(value, "pandas", "Series"):
        # Its labels are names, as those of a dict.
        hidden = is_secret((value.name, *(() if value.index.dtype.kind in "biufcmM" else value.index)))
        few = ", ".join(HIDDEN if hidden else short(item) for item in value.head(3))
        return (
            f"a pandas.Series of {len(value):,} values:\n{told_column(value, value.name, hidden)}\nFirst values: {few}"
        )
    if _is(value, "polars", "DataFrame"):
        columns = [f"- {column!r}: {dtype}" for column, dtype in value.schema.items()]
        head = f"a polars.DataFrame with {value.height:,} rows and {value.width} columns:"
        few = value.head(3)
        named = [name for name in few.columns if is_secret(name) or not all(map(_is_told_as_it_is, few[name]))]
        masks = [sys.modules["polars"].lit(HIDDEN).alias(name) for name in named]
        return fit(head, columns, few.with_columns(masks).write_csv().splitlines(), budget)
    if _is(value, "pyarrow", "Table"):
        columns = [f"- {field.name!r}: {field.type}" for field in value.schema]
        head = f"a pyarrow.Table with {value.num_rows:,} rows and {value.num_columns} columns:"
        return fit(head, columns, [], budget)
    if _is(value, "numpy", "ndarray"):
        return f"a numpy.ndarray of shape {value.shape} and dtype {value.dtype}."
    if type(value) in CONTAINERS or _is_plain(value):
        size = f" of {len(value):,} items" if type(value) in CONTAINERS else ""
        return f"a {type_name(value).replace('builtins.', '')}{size}: {_cut(shown_value(value), budget)}"
    return _object(value)


def _is(value: Any, library: str, kind: str) -> bool:
    """Return whether a value is a library's own; a class may be named as one likes, and a subclass may do anything."""
    return library in sys.modules and type(value) is getattr(sys.modules[library], kind, None)


LOOKED_THROUGH = 1_000  # characters; of a row fewer are shown
NAMED = re.compile(r"""(?<![\w.-])([\w.-]+)["']?\s*[:=]\s*\S""")
PASSWORD = re.compile(r"://[^\s/?#@:]*:[^\s/?#@]+@")


def tells_key(text: str) -> bool:
    """Return whether a text may hold a key: behind a name that promises one, or the password in an address.

    A setting may stand in a text of its own: `"env": ["API_KEY=..."]`, and JSON in JSON.
    """
    text = text[:LOOKED_THROUGH]
    return bool(PASSWORD.search(text)) or any(is_secret(found.group(1)) for found in NAMED.finditer(text))


def is_secret(name: Any = None) -> bool:
    """Return whether a name of a value promises a key; `X-Api-Key` and `auth.token` do, too."""
    if type(name) is tuple:
        return any(map(is_secret, name))
    text = name.decode("latin-1") if type(name) is bytes else name
    return type(text) is str and names_secret(re.sub(r"\W", "_", text))


def _object(value: Any) -> str:
    names: set[str] = set()
    for kind in type.__dict__["__mro__"].__get__(type(value)):
        known = type.__dict__["__dict__"].__get__(kind)
        # Only Python's own descriptors: a class may have properties of these names.
        names.update(name for name, slot in known.items() if type(slot) is MemberDescriptorType)
        slot = known.get("__dict__")
        own = slot.__get__(value) if type(slot) is GetSetDescriptorType else None
        names.update(name for name in (dict.keys(own) if type(own) is dict else ()) if type(name) is str)
    shown = sorted(name for name in names if not name.startswith("__"))[:30]
    attributes = f" with the attributes {', '.join(shown)}" if shown else ""
    return f"an object of the type {type_name(value)}{attributes}."


def type_name(value: Any) -> str:
    """Return a type's name with its module, and run nothing of the type's own."""
    module, name = (type.__getattribute__(type(value), part) for part in ("__module__", "__qualname__"))
    return f"{module}.{name}" if type(module) is str else str(name)


def _frame(table: Any, budget: int) -> str:
    head = f"a pandas.DataFrame with {len(table):,} rows and {table.shape[1]} columns{_index(table.index)}:"
    if all(map(_is_plain, table.columns)):
        columns = [told_column(table.iloc[:, place], name) for place, name in enumerate(table.columns)]
    else:  # to look at a column would hash its name
        columns = [f"- {shown_value(name)}: {dtype}" for name, dtype in zip(table.columns, table.dtypes)]
    return fit(head, columns, first_rows(table), budget)


def _index(index: Any) -> str:
    kind = type(index).__name__
    if kind == "MultiIndex":
        levels = (f"{shown_value(name)} ({dtype})" for name, dtype in zip(index.names, index.dtypes))
        return f" and the index levels {', '.join(levels)}"
    return "" if kind == "RangeIndex" else f" and the index {shown_value(index.name)} ({index.dtype})"


def first_rows(table: Any) -> list[str]:
    """Write the first rows as CSV; of objects their types, for they would be asked for their texts."""
    few = table.head(3)
    if not all(_is_plain(name) for name in [*few.columns, *few.columns.names, *few.index.names, *few.index]):
        return []
    for place, name in enumerate(few.columns):
        values, hidden = few.iloc[:, place], is_secret(name)
        if hidden or not all(map(_is_told_as_it_is, values)):
            few = few.copy(deep=False)
            few.isetitem(place, [HIDDEN if hidden else _cell(value) for value in values])
    with_index = type(table.index).__name__ != "RangeIndex" and not is_secret(tuple(few.index.names))
    return list(few.to_csv(index=with_index).splitlines())


def _is_told_as_it_is(value: Any) -> bool:
    return not tells_key(value) if type(value) is str else _is_plain(value)


def _cell(value: Any) -> Any:
    return value if type(value) is str and not tells_key(value) else shown_value(value)


PLAIN = (type(None), bool, int, float, complex, str, bytes, date, timedelta, Decimal)
CONTAINERS = (list, tuple, dict, set, frozenset)
OF_PANDAS = ("Timestamp", "Timedelta", "Period", "Interval")
DEPTH_SHOWN = 5
ITEMS_SHOWN = 50
TEXT_SHOWN = 300


def _is_plain(value: Any) -> bool:
    """Return whether to hash, compare or print a value runs nothing but Python's and the libraries' own code."""
    kind = type(value)
    if kind is tuple:
        return all(map(_is_plain, value))
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy and numpy.generic in type.__dict__["__mro__"].__get__(kind):
        return _is(value, "numpy", kind.__name__) and kind is not numpy.void
    if pandas and (value is pandas.NaT or value is pandas.NA):
        return True
    return kind in PLAIN or any(_is(value, "pandas", name) for name in OF_PANDAS)


def shown_value(value: Any, depth: int = 0) -> str:
    """Return what `repr` would, in short, and of objects only the type: a large value's text takes gigabytes."""
    kind = type(value)
    if kind is int and value.bit_length() > 1_000:
        return f"<int of {value.bit_length():,} bits>"
    if kind is str and tells_key(value):
        return HIDDEN
    if kind in (str, bytes):
        return repr(value) if len(value) <= TEXT_SHOWN else f"{value[:TEXT_SHOWN]!r}..."
    if kind in CONTAINERS:
        return _container(value, depth)
    return repr(value) if _is_plain(value) else f"<{type_name(value)}>"


def _container(value: Any, depth: int) -> str:
    if not value:
        return repr(value)
    few = list(islice(value.items() if type(value) is dict else value, ITEMS_SHOWN if depth < DEPTH_SHOWN else 0))
    if type(value) is dict:
        parts = [
            f"{shown_value(key, depth + 1)}: {HIDDEN if is_secret(key) else shown_value(item, depth + 1)}"
            for key, item in few
        ]
    else:
        parts = [shown_value(item, depth + 1) for item in few]
    text = ", ".join([*parts, *(["..."] if len(few) < len(value) else [])])
    if type(value) is tuple:
        return f"({text},)" if len(value) == 1 else f"({text})"
    inner = f"[{text}]" if type(value) is list else f"{{{text}}}"
    return f"frozenset({inner})" if type(value) is frozenset else inner


def _cut(text: str, budget: int) -> str:
    if len(text) <= budget:
        return text
    # What is left of an item at the end may be half of a key, which nobody would find.
    return f"{text[: budget // 2]} ... {text[-budget // 4 :].partition(', ')[2]}"


def told_column(values: Any, name: Any, hidden: bool = False) -> str:
    """Return a line about a column: its name, type, gaps, values."""
    missing = int(values.isna().sum())
    line = f"- {shown_value(name)}: {values.dtype}, {missing:,} missing"
    if hidden or is_secret(name):
        return f"{line}, values {HIDDEN}"
    known = values.dropna()
    if values.dtype == object and (odd := _types_of_objects(known)):
        return f"{line}, holds {odd}"
    if values.dtype.kind not in "biufcmM" and are_codes(known):
        line = f"{line}, {WITH_ZEROS}"
    if few := _few_values(known):
        return f"{line}, values {', '.join(short(value) for value in few)}"
    if values.dtype.kind in "iuf" and len(known):
        return f"{line}, from {short(known.min())} to {short(known.max())}"
    return line


def _types_of_objects(known: Any) -> str:
    """Return the types in a column of objects, unless all are plain: to compare objects runs code of theirs."""
    kinds = {type(value): value for value in known}
    if all(kind is not tuple and _is_plain(value) for kind, value in kinds.items()):
        return ""
    return ", ".join(sorted(type_name(value).replace("builtins.", "") for value in kinds.values())[:5])


def _few_values(known: Any) -> list[Any]:
    if len(known) > 1_000 and len(known.head(1_000).unique()) > 6:  # to look at all would make the user wait
        return []
    return list(known.unique()) if known.nunique() <= 6 else []


def short(value: Any, length: int = 40) -> str:
    """Return a value in a few characters; a cut is marked, for there a key may have begun."""
    text = shown_value(value.item() if _is_plain(value) and hasattr(type(value), "item") else value)
    return text if len(text) <= length else text[: length - 3] + "..."


def fit(head: str, columns: list[str], rows: list[str], budget: int, further: int = 0) -> str:
    """Put together what fits: every column's name matters more than the sample rows.

    Args:
        head: The first line.
        columns: A line about each.
        rows: The first ones.
        budget: Characters.
        further: How many columns there are that no line is about.
    """
    sample = ["First rows:", *(row[:300] for row in rows)] if rows else []
    if not further and len(text := "\n".join([head, *columns, *sample])) <= budget:
        return text
    kept: list[str] = []
    used = len(head)
    for line in columns:
        if used + len(line) > budget * 0.8:
            break
        kept.append(line)
        used += len(line) + 1
    left = len(columns) - len(kept) + further
    rest = f"- and {left} more columns" if left else ""
    return "\n".join(part for part in [head, *kept, rest, *(sample if used < budget * 0.6 else [])] if part)
