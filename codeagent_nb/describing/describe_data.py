"""Describes a variable, or the table of a file, in a few hundred words for a prompt. Runs *in the kernel*.

The data lies there, beside the code to come. Stands alone: its text is sent to the kernel, where only the standard
library is certain; pandas is used where it is.
Guessed column names were the commonest error of small models on table questions (measured), so names are given
exactly, with dtypes, missing counts and a few rows; what is named like a key is given by its name only.
"""

from __future__ import annotations

import sys
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

from codeagent_nb.describing.describe_columns import WIDE, told_column, told_columns
from codeagent_nb.describing.describe_polars import told_polars
from codeagent_nb.describing.fitting import Column, fit_columns
from codeagent_nb.describing.name_notes import note_on_name
from codeagent_nb.describing.shown_values import (
    CONTAINERS,
    HIDDEN,
    is_of,
    is_plain,
    is_secret,
    is_told_as_it_is,
    short,
    shown_cell,
    shown_value,
    type_name,
)


def describe_variable(name: str, value: Any, budget: int) -> str:
    """Return a description of a variable of at most about `budget` characters; it holds nothing named like a key.

    Nothing of an object's own is run, neither a property nor its `repr`: what is not a table, a plain value or a
    container of them is told by its type and the names of its attributes.
    """
    return f"The variable `{name}` is {_what(value, budget)}"[: budget + 200]


def _what(value: Any, budget: int) -> str:
    if is_of(value, "pandas", "DataFrame"):
        return _frame(value, budget)
    if is_of(value, "pandas", "Series"):
        # Its labels are names, as those of a dict.
        hidden = is_secret((value.name, *(() if value.index.dtype.kind in "biufcmM" else value.index)))
        few = ", ".join(HIDDEN if hidden else short(item) for item in value.head(3))
        column = told_column(value, value.name, hidden, note_on_name(value.name))
        return f"a pandas.Series of {len(value):,} values:\n{column.line}\nFirst values: {few}"
    if is_of(value, "polars", "DataFrame"):
        columns = told_polars(value)
        head = f"a polars.DataFrame with {value.height:,} rows and {value.width} columns:"
        few = value.head(3)
        named = [name for name in few.columns if is_secret(name) or not all(map(is_told_as_it_is, few[name]))]
        masks = [sys.modules["polars"].lit(HIDDEN).alias(name) for name in named]
        return fit_columns(head, columns, few.with_columns(masks).write_csv().splitlines(), budget)
    if is_of(value, "pyarrow", "Table"):
        columns = [Column(repr(field.name), str(field.type), "") for field in value.schema]
        head = f"a pyarrow.Table with {value.num_rows:,} rows and {value.num_columns} columns:"
        return fit_columns(head, columns, [], budget)
    if is_of(value, "numpy", "ndarray"):
        return f"a numpy.ndarray of shape {value.shape} and dtype {value.dtype}."
    if type(value) in CONTAINERS or is_plain(value):
        size = f" of {len(value):,} items" if type(value) in CONTAINERS else ""
        return f"a {type_name(value).replace('builtins.', '')}{size}: {_cut(shown_value(value), budget)}"
    return _object(value)


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


def _frame(table: Any, budget: int) -> str:
    head = f"a pandas.DataFrame with {len(table):,} rows and {table.shape[1]} columns{_index(table.index)}:"
    if all(map(is_plain, table.columns)):
        columns, further = told_columns(table), max(0, table.shape[1] - WIDE)
    else:  # to look at a column would hash its name
        columns = [Column(shown_value(name), str(dtype), "") for name, dtype in zip(table.columns, table.dtypes)]
        further = 0
    return fit_columns(head, columns, first_rows(table), budget, further)


def _index(index: Any) -> str:
    kind = type(index).__name__
    if kind == "MultiIndex":
        levels = (f"{shown_value(name)} ({dtype})" for name, dtype in zip(index.names, index.dtypes))
        return f" and the index levels {', '.join(levels)}"
    return "" if kind == "RangeIndex" else f" and the index {shown_value(index.name)} ({index.dtype})"


def first_rows(table: Any) -> list[str]:
    """Write the first rows as CSV; of objects their types, for they would be asked for their texts."""
    few = table.head(3)
    if not all(is_plain(name) for name in [*few.columns, *few.columns.names, *few.index.names, *few.index]):
        return []
    for place, name in enumerate(few.columns):
        values, hidden = few.iloc[:, place], is_secret(name)
        if hidden or not all(map(is_told_as_it_is, values)):
            few = few.copy(deep=False)
            few.isetitem(place, [HIDDEN if hidden else shown_cell(value) for value in values])
    with_index = type(table.index).__name__ != "RangeIndex" and not is_secret(tuple(few.index.names))
    return list(few.to_csv(index=with_index).splitlines())


def _cut(text: str, budget: int) -> str:
    if len(text) <= budget:
        return text
    # What is left of an item at the end may be half of a key, which nobody would find.
    return f"{text[: budget // 2]} ... {text[-budget // 4 :].partition(', ')[2]}"
