"""Describes a file or a variable in a few hundred words for a prompt. Runs *in the kernel*, beside the code to come.

Stands alone: `files.py` sends this file's text to the kernel, which may lack our package. Only the standard library
is certain there; pandas is used where it is. Guessed column names were the commonest error of small models on table
questions (measured), so names are given exactly, with dtypes, missing counts and a few rows.
"""

from __future__ import annotations

import csv
import json
import os
from typing import Any

SAMPLE_ROWS = 200_000  # rows read to describe a table; more would make the user wait
READERS = {
    ".csv": "read_csv",
    ".tsv": "read_table",
    ".parquet": "read_parquet",
    ".feather": "read_feather",
    ".xlsx": "read_excel",
    ".json": "read_json",
    ".jsonl": "read_json",
}


def describe(name: str, budget: int) -> str:
    """Return a description of at most about `budget` characters.

    Args:
        name: Path of the file, as the code should write it.
        budget: Characters.
    """
    size = os.path.getsize(name)
    ending = os.path.splitext(name)[1].lower()
    try:
        text = _table(name, ending, budget) if ending in READERS else _text(name, size, budget)
    except Exception as error:  # any reader's fault is told, and the file's name and size still help
        text = f"It could not be read for a preview: {type(error).__name__}: {error}"
    return f"File {name!r} ({size:,} bytes) is in the working folder.\n{text}"[: budget + 200]


def describe_variable(name: str, value: Any, budget: int) -> str:
    """Return a description of at most about `budget` characters.

    Nothing of an object's own is run, neither a property nor its `repr`: what is not a table, a plain value or a
    container of them is told by its type and the names of its attributes.

    Args:
        name: The variable's name.
        value: Its value.
        budget: Characters.
    """
    return f"The variable `{name}` is {_what(value, budget)}"[: budget + 200]


def _what(value: Any, budget: int) -> str:
    module, kind = type(value).__module__.split(".")[0], type(value).__name__
    if (module, kind) == ("pandas", "DataFrame"):
        return _frame(value, budget)
    if (module, kind) == ("pandas", "Series"):
        return f"a pandas.Series of {len(value):,} values:\n{_column(value, value.name)}\n{_rows(value.head(3))}"
    if (module, kind) == ("polars", "DataFrame"):
        columns = [f"- {column!r}: {dtype}" for column, dtype in value.schema.items()]
        head = f"a polars.DataFrame with {value.height:,} rows and {value.width} columns:"
        return _fit(head, columns, value.head(3).write_csv().splitlines(), budget)
    if (module, kind) == ("numpy", "ndarray"):
        return f"a numpy.ndarray of shape {value.shape} and dtype {value.dtype}."
    if _is_plain(value):
        return f"a {kind}{_size(value)}: {_cut(repr(value), budget)}"
    names = sorted(object.__getattribute__(value, "__dict__")) if hasattr(type(value), "__dict__") else []
    attributes = f" with the attributes {', '.join(names[:30])}" if names else ""
    return f"an object of the type {type(value).__module__}.{type(value).__qualname__}{attributes}."


def _frame(table: Any, budget: int) -> str:
    named = type(table.index).__name__ != "RangeIndex"
    index = f" and the index {table.index.name!r} ({table.index.dtype})" if named else ""
    head = f"a pandas.DataFrame with {len(table):,} rows and {table.shape[1]} columns{index}:"
    columns = [_column(table.iloc[:, place], name) for place, name in enumerate(table.columns)]
    return _fit(head, columns, table.head(3).to_csv(index=named).splitlines(), budget)


def _rows(few: Any) -> str:
    return "First values: " + ", ".join(_short(value) for value in few)


PLAIN = (type(None), bool, int, float, complex, str, bytes)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Say whether printing a value runs nothing but Python's own code."""
    if type(value) in PLAIN:
        return True
    if depth > 6 or type(value) not in (list, tuple, dict, set, frozenset):
        return False
    items = [*value, *value.values()] if type(value) is dict else list(value)
    return len(items) <= 100_000 and all(_is_plain(item, depth + 1) for item in items)


def _size(value: Any) -> str:
    return f" of {len(value):,} items" if type(value) in (list, tuple, dict, set, frozenset) else ""


def _cut(text: str, budget: int) -> str:
    return text if len(text) <= budget else f"{text[: budget // 2]} ... {text[-budget // 4 :]}"


def _table(name: str, ending: str, budget: int) -> str:
    try:
        import pandas
    except ImportError:
        return _csv(name, ending, budget) if ending in (".csv", ".tsv") else "It is a table; pandas is not installed."
    reader = READERS[ending]
    options: dict[str, Any] = {"lines": True} if ending == ".jsonl" else {}
    limit = {"nrows": SAMPLE_ROWS} if ending in (".csv", ".tsv", ".xlsx", ".jsonl") else {}
    table = getattr(pandas, reader)(name, **options, **limit)
    call = ", ".join([repr(name), *(f"{key}={value!r}" for key, value in options.items())])
    more = " at least (only these were looked at)" if len(table) == SAMPLE_ROWS else ""
    head = f"`pandas.{reader}({call})` gives {len(table):,} rows{more} and {table.shape[1]} columns:"
    columns = [_column(table.iloc[:, place], column) for place, column in enumerate(table.columns)]
    rows = table.head(3).to_csv(index=False).splitlines()
    return _fit(head, columns, rows, budget)


def _column(values: Any, name: Any) -> str:
    missing = int(values.isna().sum())
    known = values.dropna()
    line = f"- {name!r}: {values.dtype}, {missing:,} missing"
    try:
        few = list(known.unique()) if known.nunique() <= 6 else []
    except TypeError:  # lists and dicts cannot be counted
        few = []
    if few:
        return f"{line}, values {', '.join(_short(value) for value in few)}"
    if values.dtype.kind in "iuf" and len(known):
        return f"{line}, from {_short(known.min())} to {_short(known.max())}"
    return line


def _short(value: Any) -> str:
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 40 else text[:37] + "..."


def _csv(name: str, ending: str, budget: int) -> str:
    with open(name, newline="", encoding="utf-8-sig", errors="replace") as file:
        rows = csv.reader(file, delimiter="\t" if ending == ".tsv" else ",")
        header = next(rows, [])
        columns: list[list[str]] = [[] for _ in header]
        sample = [",".join(header)]
        count = 0
        for row in filter(None, rows):  # pandas skips empty lines, too
            count += 1
            if count <= 3:
                sample.append(",".join(row))
            for index, values in enumerate(columns):
                values.append(row[index] if index < len(row) else "")
            if count == SAMPLE_ROWS:
                break
    head = f"It is a table of {count:,} rows and {len(header)} columns (pandas is not installed; use the csv module):"
    lines = [_plain_column(column, values) for column, values in zip(header, columns)]
    return _fit(head, lines, sample, budget)


def _plain_column(name: str, values: list[str]) -> str:
    missing = sum(value.strip() in ("", "NA", "NaN", "nan", "NULL") for value in values)
    kind = "number" if _all_numbers(values) else "text"
    return f"- {name!r}: {kind}, {missing:,} missing"


def _all_numbers(values: list[str]) -> bool:
    known = [value for value in values if value.strip() not in ("", "NA", "NaN", "nan", "NULL")]
    try:
        return bool([float(value) for value in known])
    except ValueError:
        return False


def _fit(head: str, columns: list[str], rows: list[str], budget: int) -> str:
    """Put together what fits: every column's name matters more than the sample rows."""
    sample = ["First rows:", *(row[:300] for row in rows)]
    text = "\n".join([head, *columns, *sample])
    if len(text) <= budget:
        return text
    kept: list[str] = []
    used = len(head)
    for line in columns:
        if used + len(line) > budget * 0.8:
            break
        kept.append(line)
        used += len(line) + 1
    rest = f"- and {len(columns) - len(kept)} more columns" if len(kept) < len(columns) else ""
    return "\n".join(part for part in [head, *kept, rest, *(sample if used < budget * 0.6 else [])] if part)


def _text(name: str, size: int, budget: int) -> str:
    with open(name, "rb") as file:
        start = file.read(min(size, budget))
    if b"\0" in start:
        return "It is a binary file."
    text = start.decode("utf-8", errors="replace")
    if name.endswith((".json", ".ipynb")) and size <= budget:
        text = json.dumps(json.loads(text))[:budget]
    lines = text.splitlines()[:10]
    return "It begins:\n" + "\n".join(line[:200] for line in lines)
