"""Describes files that are no text: workbooks, Parquet, Arrow, SQLite, archives. Runs *in the kernel*.

See `describe_file.py`. Of each a part is read; what can only be read as a whole, and is large unpacked, is told by its
names.
"""

from __future__ import annotations

import os
import re
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from html import unescape
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from codeagent_nb.describing.describe_columns import WIDE, told_columns
from codeagent_nb.describing.describe_data import first_rows
from codeagent_nb.describing.fitting import Column, fit, fit_columns
from codeagent_nb.describing.leading_zeros import PADDED, with_zeros
from codeagent_nb.describing.shown_values import HIDDEN, is_secret, short, shown_value

BATCH_ROWS = 200_000
BATCH_CELLS = 4_000_000
BATCH_BYTES = 16_000_000
SHEET_ROWS = 5_000  # a workbook is read a hundred times slower than text
SHEET_CELLS = 500_000
SHEETS = 8
UNPACKED = 200_000_000
LONGEST = 1_000_000  # bytes of a value in a database
SECONDS = 3.0  # for one statement of SQL


def call_of(reader: str, name: str, options: dict[str, Any]) -> str:
    """Return the call of pandas that reads a file."""
    return f"pandas.{reader}({', '.join([repr(name), *(f'{key}={value!r}' for key, value in options.items())])})"


def _told(call: str, table: Any, rows: int, budget: int) -> str:
    more = "" if rows == len(table) else f" (of them {len(table):,} were looked at)"
    head = f"`{call}` gives {rows:,} rows{more} and {table.shape[1]} columns:"
    return fit_columns(head, told_columns(table), first_rows(table), budget, max(0, table.shape[1] - WIDE))


# Columns


def describe_parquet(name: str, budget: int) -> str:
    """Describe a Parquet file by its schema and its first rows."""
    try:
        import pandas  # noqa: F401
        from pyarrow import parquet
    except ImportError as error:
        return f"It is a Parquet table; to read it, pandas and pyarrow are needed ({error})."
    with parquet.ParquetFile(name) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
        limit = max(1, min(BATCH_ROWS, BATCH_CELLS // max(1, len(schema))))
        large = file.num_row_groups and file.metadata.row_group(0).total_byte_size > UNPACKED
        first = None if large else few_batches(file, limit)
        return _arrow_told(call_of("read_parquet", name, {}), rows, schema, first, budget)


def few_batches(file: Any, limit: int) -> list[Any]:
    """Return batches of a Parquet file up to a number of rows, and of bytes: one long text may stand in each row."""
    probe = next(file.iter_batches(batch_size=min(limit, 20)), None)
    if probe is None:
        return []
    row = probe.nbytes // max(1, probe.num_rows) + 1
    batches: list[Any] = []
    for batch in file.iter_batches(batch_size=max(1, min(limit, BATCH_BYTES // 8 // row))):
        batches.append(batch)
        if sum(len(each) for each in batches) >= limit or sum(each.nbytes for each in batches) >= BATCH_BYTES:
            break
    return batches


def describe_arrow(name: str, budget: int) -> str:
    """Describe an Arrow (Feather) file by its schema and its first rows."""
    try:
        import pandas  # noqa: F401
        from pyarrow import ipc, memory_map
    except ImportError as error:
        return f"It is an Arrow table; to read it, pandas and pyarrow are needed ({error})."
    with memory_map(name) as mapped, ipc.open_file(mapped) as file:
        batches = file.num_record_batches
        small = os.path.getsize(name) < UNPACKED
        sizes = [file.get_batch(at).num_rows for at in range(batches)] if small else []
        first = file.get_batch(0) if sizes else None
        few = None if first is None else [first.slice(0, BATCH_BYTES // (first.nbytes // max(1, len(first)) + 1) + 1)]
        return _arrow_told(call_of("read_feather", name, {}), sum(sizes), file.schema, few, budget)


def _arrow_told(call: str, rows: int, schema: Any, batches: Any, budget: int) -> str:
    if batches is None and rows:
        columns = [Column(repr(field.name), str(field.type), "") for field in schema]
        return fit_columns(f"`{call}` gives {rows:,} rows and {len(columns)} columns:", columns, [], budget)
    import pyarrow

    return _told(call, pyarrow.Table.from_batches(batches or [], schema).to_pandas(), rows, budget)


# Archives and workbooks


def describe_zip(name: str, budget: int) -> str:
    """Describe a workbook, or what is in an archive."""
    with zipfile.ZipFile(name) as archive:
        inside = archive.infolist()
        names = {item.filename for item in inside}
        if names & {"xl/workbook.xml", "xl/workbook.bin"} or "content.xml" in names:
            if sum(item.file_size for item in inside) > UNPACKED:
                return f"It is a workbook, too large to look into. {_sheets_said(_sheets_of(archive))}"
            try:
                return describe_workbook(name, budget)
            except ImportError as error:
                return f"{_sheets_said(_sheets_of(archive))} pandas cannot read it here: {error}"
    files = [f"- {item.filename!r}, {item.file_size:,} bytes" for item in inside if not item.is_dir()]
    one = len(files) == 1 and os.path.splitext(inside[-1].filename)[1].lower() in (".csv", ".tsv", ".txt")
    hint = f"\n`{call_of('read_csv', name, {'compression': 'zip'})}` reads the file in it." if one else ""
    return fit(f"It is a zip archive of {len(files):,} files:", files, [], budget) + hint


def _sheets_of(archive: zipfile.ZipFile) -> list[str]:
    """Return the sheets of a workbook, without a reader of workbooks."""
    for part, tag in (
        ("xl/workbook.xml", r"<(?:\w+:)?sheet\s[^>]*?\bname=\"([^\"]{0,1000})\""),
        ("content.xml", TABLE),
    ):
        if part in archive.namelist():
            with archive.open(part) as file:
                text = file.read(5_000_000).decode("utf-8", "replace")
            return [unescape(found) for found in re.findall(tag, text)]
    return []


TABLE = r"<table:table\s[^>]*?table:name=\"([^\"]{0,1000})\""


def _sheets_said(sheets: list[str]) -> str:
    return f"It has {len(sheets)} sheet{'s' * (len(sheets) != 1)}: {', '.join(map(repr, sheets))}." if sheets else ""


def describe_workbook(name: str, budget: int) -> str:
    """Describe the first sheet of a workbook that has something in it, and name all of them."""
    import pandas

    with pandas.ExcelFile(name) as book:
        sheets = list(book.sheet_names)
        said, shown = [], ""
        for at, sheet in enumerate(sheets):
            beginning = book.parse(sheet, header=None, nrows=30) if at < SHEETS else None
            if beginning is None or beginning.empty:
                said.append(f"{sheet!r}{' (empty)' if beginning is not None else ''}")
                continue
            options = {"sheet_name": sheet} if at else {}
            options.update({"skiprows": skip} if (skip := title_rows(beginning)) else {})
            if not shown:
                shown = _sheet(book, name, beginning, options, budget * 3 // 4)
                said.append(repr(sheet))
            else:
                names = [shown_value(value) for value in beginning.iloc[options.get("skiprows", 0)].dropna()][:12]
                said.append(f"{sheet!r} (columns {', '.join(names)})")
    all_of_them = f"It has {len(sheets)} sheets: {'; '.join(said)}." if len(sheets) > 1 else ""
    return "\n".join(filter(None, [all_of_them[: budget // 3], shown or "It is an empty workbook."]))


def _sheet(book: Any, name: str, beginning: Any, options: dict[str, Any], budget: int) -> str:
    most = _rows_to_read(book, options.get("sheet_name", book.sheet_names[0]), beginning)
    further = max(0, beginning.shape[1] - WIDE)
    part = {"usecols": range(WIDE)} if further else {}

    def read(options: dict[str, Any]) -> Any:
        return book.parse(**options, nrows=most, **part)

    table = read(options)
    if any(type(value) is str and PADDED.search(value) for value in beginning.to_numpy().ravel()):
        table, options = with_zeros(read, options, table)
    more = " at least (only these were looked at)" if most < SHEET_ROWS or len(table) == SHEET_ROWS else ""
    call = call_of("read_excel", name, options)
    skipped = options.get("skiprows", 0)
    above = f"The names of the columns are in row {skipped + 1}.\n" if skipped else ""
    head = f"{above}`{call}` gives {len(table):,} rows{more} and {table.shape[1] + further} columns:"
    written = [str(value) for value in beginning.iloc[options.get("skiprows", 0)]]
    return fit_columns(head, told_columns(table, written), first_rows(table), budget, further)


def _rows_to_read(book: Any, sheet: Any, beginning: Any) -> int:
    """Return how many rows of a sheet make a table of bounded size: one cell in column XFD makes 16,384 of each row.

    What openpyxl reads is looked at row by row; with another reader, only the first rows are known.
    """
    width: int = max(1, beginning.shape[1])
    try:
        for at, row in enumerate(book.book[sheet].iter_rows(max_row=SHEET_ROWS, values_only=True)):
            width = max(width, len(row))
            if (at + 1) * width > SHEET_CELLS:
                return max(1, at - 1)
    except Exception:  # each reader has objects of its own
        return max(1, min(SHEET_ROWS, SHEET_CELLS // width))
    return SHEET_ROWS


def title_rows(beginning: Any) -> int:
    """Return how many rows stand above the names of the columns: titles have few cells, or one."""
    filled = [int(row.notna().sum()) for _, row in beginning.iterrows()]
    return next((at for at, count in enumerate(filled) if count * 2 > max(filled)), 0)


# SQL


def describe_sqlite(name: str, budget: int) -> str:
    """Describe the tables of a database; nothing of it is run but `SELECT` on plain tables."""
    import sqlite3  # not every Python is built with it

    place = quote(str(PurePath(os.path.abspath(name))))
    with closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as database:
        ends = time.monotonic() + SECONDS
        database.set_progress_handler(lambda: time.monotonic() > ends, 10_000)
        if hasattr(database, "setlimit"):  # of Python 3.11; no clock ends a function that makes a text of a gigabyte
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        found = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' LIMIT 500").fetchall()
        tables = [
            table for table, sql in found if not table.startswith("sqlite_") and "VIRTUAL" not in sql[:20].upper()
        ]
        lines = [line for table in tables for line in _sql_table(database, table, ends)]
    if not tables:
        return "It is an SQLite database without tables."
    first = _sql_name(tables[0])
    query = f"SELECT * FROM {first}"  # noqa: S608 - to be read, not run
    head = (
        f"It is an SQLite database of {len(tables)} table{'s' * (len(tables) != 1)}; "
        f"`pandas.read_sql_query({query!r}, sqlite3.connect({name!r}))` reads the first one:"
    )
    return fit(head, lines, [], budget)


def _sql_table(database: Any, table: str, ends: float) -> list[str]:
    if time.monotonic() > ends:
        return [f"- {table!r}"]
    quoted = _sql_name(table)
    known = database.execute(f"PRAGMA table_xinfo({quoted})").fetchall()  # of SQLite 3.26
    known = known or database.execute(f"PRAGMA table_info({quoted})").fetchall()
    columns = [(str(row[1]), str(row[2])) for row in known]
    told = ", ".join(f"{column!r} {kind}".strip() for column, kind in columns[:WIDE])
    # A generated column is computed as it is read, by whatever expression the file has.
    kept = [str(row[1]) for row in known if len(row) < 7 or row[6] not in GENERATED][:WIDE]
    return [f"- {table!r}: {told}", *(f"  {row[:300]}" for row in _sql_rows(database, quoted, kept))]


def _sql_rows(database: Any, quoted: str, columns: list[str]) -> list[str]:
    """Return the first rows of a table; none if there is a value in them that is too large to look at."""
    import sqlite3

    if not columns:
        return []
    names = ", ".join(map(_sql_name, columns))
    query = f"SELECT {names} FROM {quoted} LIMIT 2"  # noqa: S608 - quoted; of a file in a sandbox
    try:
        rows = database.execute(query).fetchall()
    except sqlite3.Error as error:
        return [f"its rows are not shown: {error}"]
    return [
        ", ".join(HIDDEN if is_secret(column) else short(value, 60) for column, value in zip(columns, row))
        for row in rows
    ]


def _sql_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


GENERATED = (2, 3)
"""What SQLite calls columns that are computed."""


MAGIC: dict[bytes, Callable[[str, int], str]] = {
    b"PAR1": describe_parquet,
    b"ARROW1": describe_arrow,
    b"SQLite format 3\0": describe_sqlite,
    b"PK\x03\x04": describe_zip,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": describe_workbook,
}
"""Who describes a file that begins so, whatever its name."""
