"""Describes a file or a variable without its rows and texts. Runs *in the kernel*, or beside a variable's owner.

What is told is put together from names, types, sizes and, at `statistics`, counts and ranges of numbers: of all else
nothing gets in, for no line is written from a value. Names of columns are those of the first line of a table, where it
has such a line; of other nested data no key is told, for keys may be data.
"""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

from codeagent_nb.describing.describe_binary import (
    SHEET_ROWS,
    SHEETS,
    UNPACKED,
    call_of,
    few_batches,
    title_rows,
)
from codeagent_nb.describing.describe_columns import WIDE
from codeagent_nb.describing.describe_file import (
    ENDINGS,
    MAYBE_TABLES,
    SAMPLE_ROWS,
    TABLES,
    are_records,
    attempts_with,
    ending_of,
    few_records,
    is_surely_a_table,
    read_beginning,
    whole_rows,
)
from codeagent_nb.describing.fitting import Column, fit_columns
from codeagent_nb.describing.leading_zeros import with_zeros
from codeagent_nb.describing.name_notes import notes_on_names
from codeagent_nb.describing.shown_values import is_of, is_plain, is_secret, shown_value
from codeagent_nb.describing.sniff_encoding import encoding_of
from codeagent_nb.describing.sniff_table import sniff
from codeagent_nb.describing.text_forms import form_of

FORMS_LOOKED_AT = 200  # texts of a column

LEAST_IN_A_RANGE = 5  # with fewer, a range is the values themselves
LONGEST_TYPE = 40


def describe_less(name: str, budget: int, level: str) -> str:
    """Return a description of a file of at most about `budget` characters.

    Args:
        name: Its name, as code should write it.
        budget: Characters.
        level: `statistics` or `schema`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = _file_less(name, budget, level)
    except Exception:  # what a reader complains of may be a value
        text = "It could not be read for a description."
    return f"File {name!r} ({os.path.getsize(name):,} bytes) is in the working folder.\n{text}"[: budget + 200]


def describe_variable_less(name: str, value: Any, budget: int, level: str) -> str:
    """Return a description of a variable; as `describe_less`. Nothing of an object's own is run."""
    return f"The variable `{name}` is {_variable_less(value, budget, level)}"[: budget + 200]


# Variables


def _variable_less(value: Any, budget: int, level: str) -> str:
    if is_of(value, "pandas", "DataFrame"):
        head = f"a pandas.DataFrame with {len(value):,} rows and {value.shape[1]} columns{_index_less(value.index)}:"
        return _columns_less(head, value, budget, level)
    if is_of(value, "pandas", "Series"):
        told = _told_less(value, _name_less(value.name), level)
        return f"a pandas.Series of {len(value):,} values:\n{told.line}"
    if is_of(value, "polars", "DataFrame"):
        columns = [Column(repr(name), _dtype_less(dtype)) for name, dtype in value.schema.items()]
        return fit_columns(f"a polars.DataFrame with {value.height:,} rows:", columns, [], budget)
    if is_of(value, "pyarrow", "Table"):
        columns = [Column(repr(field.name), str(field.type)) for field in value.schema]
        return fit_columns(f"a pyarrow.Table with {value.num_rows:,} rows:", columns, [], budget)
    if is_of(value, "numpy", "ndarray"):
        return f"a numpy.ndarray of shape {value.shape} and dtype {_dtype_less(value.dtype)}."
    if type(value) in (list, tuple, dict, set, frozenset, str, bytes):
        return f"a {type(value).__name__} of length {len(value):,}."
    if type(value) in (int, float, bool):
        return f"a {type(value).__name__}{f': {value!r}' if level == 'statistics' else ''}."
    return "None." if value is None else "an object."


def _index_less(index: Any) -> str:
    kind = type(index).__name__
    if kind == "RangeIndex":
        return ""
    names = ", ".join(map(_name_less, index.names))
    return f" and the index {names}"


def _name_less(name: Any) -> str:
    return shown_value(name) if is_plain(name) else "<a name>"


def _dtype_less(dtype: Any) -> str:
    """Return a type; of one with categories, or with fields, not what they are."""
    text = str(dtype).partition("(")[0]
    is_plain_one = len(text) <= LONGEST_TYPE and not getattr(dtype, "names", None) and not text.startswith("Sparse")
    return text if is_plain_one else type(dtype).__name__


# Columns


def _columns_less(head: str, table: Any, budget: int, level: str, further: int = 0) -> str:
    names = list(table.columns[:WIDE])
    notes = notes_on_names(names) if all(map(is_plain, names)) else [""] * len(names)
    columns = [
        _told_less(table.iloc[:, at], _name_less(name), level)._replace(note=note)
        for at, (name, note) in enumerate(zip(names, notes))
    ]
    return fit_columns(head, columns, [], budget, further + max(0, table.shape[1] - len(names)))


def _told_less(values: Any, name: str, level: str) -> Column:
    dtype = _dtype_less(values.dtype)
    if level != "statistics" or is_secret(values.name):
        return Column(name, dtype)
    known = values.dropna()
    return Column(name, dtype, ", ".join([f"{len(values) - len(known):,} missing", *_statistics_of(known)]))


def _statistics_of(known: Any) -> Iterator[str]:
    kind = getattr(known.dtype, "kind", "")
    if kind in "iuf":
        if len(known) >= LEAST_IN_A_RANGE:
            yield f"from {_number_less(known.min())} to {_number_less(known.max())}, mean {_number_less(known.mean())}"
        return
    if kind in "bcmMV":
        return
    part = known.iloc[:SAMPLE_ROWS]
    if all(type(value) is str for value in part):
        yield f"{part.nunique():,} different texts"
        yield from _form_of_texts(part)


def _number_less(number: Any) -> str:
    return f"{float(number):.4g}"


def _form_of_texts(part: Any) -> Iterator[str]:
    some = list(part.iloc[:: max(1, len(part) // FORMS_LOOKED_AT)])
    kinds = [form_of(text).what for text in some]
    for kind in ("number", "date", "time", "list"):
        if some and kinds.count(kind) >= 0.8 * len(some):
            yield f"{kind}s as text"


# Files


def _file_less(name: str, budget: int, level: str) -> str:
    if not os.path.getsize(name):
        return "It is empty."
    with open(name, "rb") as file:
        start = file.read(16)
    for magic, describing in OF_BINARY.items():
        if start.startswith(magic):
            return str(describing(name, budget, level))
    data, whole, packing = read_beginning(name)
    encoding = encoding_of(data, whole)
    if not encoding:
        return "It is a binary file."
    packed = {"compression": packing} if packing and ENDINGS.get(os.path.splitext(name.lower())[1]) != packing else {}
    given = {**({} if encoding[:5] == "utf-8" else {"encoding": encoding}), **packed}
    text, ending = data.decode(encoding, "replace"), ending_of(name)
    if ending in (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"):
        return _json_less(name, text, whole, given, budget, level)
    if ending in TABLES or ending in MAYBE_TABLES:
        options, parsed = sniff(text, ending, not whole)
        if ending in TABLES or is_surely_a_table(parsed):
            return _text_table_less(name, data, whole, {**options, **given}, budget, level)
    return "It is text."


def _text_table_less(  # noqa: PLR0917 - what is known of one file
    name: str, data: bytes, whole: bool, options: dict[str, Any], budget: int, level: str
) -> str:
    import pandas

    data = data if whole else whole_rows(data, options)
    reader = "read_table" if ending_of(name) == ".tsv" else "read_csv"

    def read(options: dict[str, Any]) -> Any:
        given = {key: value for key, value in options.items() if key != "compression"}
        return getattr(pandas, reader)(io.BytesIO(data), nrows=SAMPLE_ROWS, **given)

    for attempt in attempts_with(options):
        with suppress(Exception):  # else the next one may do
            table, tried = with_zeros(read, attempt, read(attempt))
            names = "It has no line with names of columns.\n" if "header" in tried else ""
            gives = f"{_rows_less(table, whole)} and {table.shape[1]} columns"
            return _columns_less(f"{names}`{call_of(reader, name, tried)}` gives {gives}:", table, budget, level)
    return "It is a table that no reader reads."


def _rows_less(table: Any, whole: bool) -> str:
    more = "" if whole and len(table) < SAMPLE_ROWS else " at least (only these were looked at)"
    return f"{len(table):,} rows{more}"


def _json_less(name: str, text: str, whole: bool, options: dict[str, Any], budget: int, level: str) -> str:  # noqa: PLR0917
    import pandas

    lines = [line for line in text.splitlines() if line.strip()]
    records = lines if whole else lines[:-1]
    if are_records(records) and (len(records) > 1 or not ending_of(name).endswith("json")):
        count, _ = few_records(map(json.loads, records))
        table = pandas.read_json(io.StringIO("\n".join(records[:count])), lines=True)
        call = call_of("read_json", name, {"lines": True, **options})
        return _columns_less(f"`{call}` gives {_rows_less(table, whole)}:", table, budget, level)
    value: Any = json.loads(text.lstrip("\ufeff")) if whole else None
    if type(value) is list and value and all(type(item) is dict for item in value):
        count, _ = few_records(value)
        table = pandas.read_json(io.StringIO(json.dumps(value[:count])))
        return _columns_less(
            f"`{call_of('read_json', name, options)}` gives {_rows_less(table, whole)}:", table, budget, level
        )
    return f"It is JSON, a {type(value).__name__} of {len(value):,}." if type(value) in (list, dict) else "It is JSON."


def _parquet_less(name: str, budget: int, level: str) -> str:
    from pyarrow import Table, parquet

    with parquet.ParquetFile(name) as file:
        head = f"`{call_of('read_parquet', name, {})}` gives {file.metadata.num_rows:,} rows:"
        large = file.num_row_groups and file.metadata.row_group(0).total_byte_size > UNPACKED
        if large or level != "statistics":
            return _arrow_less(head, file.schema_arrow, budget)
        few = Table.from_batches(few_batches(file, SAMPLE_ROWS), file.schema_arrow)
        return _columns_less(head, few.to_pandas(), budget, level)


def _feather_less(name: str, budget: int, level: str) -> str:  # noqa: ARG001 - as the others
    from pyarrow import ipc, memory_map

    with memory_map(name) as mapped, ipc.open_file(mapped) as file:
        return _arrow_less(f"`{call_of('read_feather', name, {})}` gives:", file.schema, budget)


def _arrow_less(head: str, schema: Any, budget: int) -> str:
    names = [
        field.name for field in schema if field.name not in (schema.pandas_metadata or {}).get("index_columns", [])
    ]
    columns = [Column(repr(name), str(schema.field(name).type)) for name in names]
    return fit_columns(head, columns, [], budget)


def _zip_less(name: str, budget: int, level: str) -> str:
    with zipfile.ZipFile(name) as archive:
        inside = archive.infolist()
        is_book = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & {item.filename for item in inside}
        if not is_book:
            return f"It is a zip archive of {len(inside):,} files."
        if sum(item.file_size for item in inside) > UNPACKED:
            return "It is a workbook, too large to look into."
    return _workbook_less(name, budget, level)


def _workbook_less(name: str, budget: int, level: str) -> str:
    import pandas

    with pandas.ExcelFile(name) as book:
        sheets = list(book.sheet_names)
        said = [f"It has {len(sheets)} sheets: {', '.join(map(repr, sheets))}."] if len(sheets) > 1 else []
        for at, sheet in enumerate(sheets[:SHEETS]):
            beginning = book.parse(sheet, header=None, nrows=30)
            if beginning.empty:
                continue
            options = {"sheet_name": sheet} if at else {}
            options.update({"skiprows": skip} if (skip := title_rows(beginning)) else {})
            table = book.parse(**options, nrows=SHEET_ROWS)
            head = f"`{call_of('read_excel', name, options)}` gives {len(table):,} rows:"
            said.append(_columns_less(head, table, budget // len(sheets[:SHEETS]), level))
        return "\n".join(said)


def _sqlite_less(name: str, budget: int, level: str) -> str:  # noqa: ARG001 - as the others
    import sqlite3

    place = quote(os.path.abspath(name))
    lines = []
    with closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as database:
        found = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' LIMIT 500").fetchall()
        for table, sql in found:
            if not table.startswith("sqlite_") and "VIRTUAL" not in sql[:20].upper():
                quoted = table.replace('"', '""')
                known = database.execute(f'PRAGMA table_info("{quoted}")').fetchall()
                lines.append(f"- {table!r}: {', '.join(f'{row[1]!r} {row[2]}'.strip() for row in known[:WIDE])}")
    return "\n".join(["It is an SQLite database; its tables:", *lines])[:budget]


OF_BINARY = {
    b"PAR1": _parquet_less,
    b"ARROW1": _feather_less,
    b"SQLite format 3\0": _sqlite_less,
    b"PK\x03\x04": _zip_less,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _workbook_less,
}
"""Who describes a file that begins so."""
