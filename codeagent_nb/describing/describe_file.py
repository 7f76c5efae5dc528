"""Describes a file in a few hundred words for a prompt. Runs *in the kernel*, see `describe_data.py`.

A file may be anybody's, and need not be what its name says: what it is, its first bytes say. Of a large one a part is
read (`BYTES` of text, unpacked; `SAMPLE_ROWS` rows), so that neither a long line nor an archive bomb costs the kernel
its memory. The call that is printed is the one that has just read that part.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any

from codeagent_nb.describing.describe_binary import MAGIC, call_of
from codeagent_nb.describing.describe_columns import WIDE, told_columns
from codeagent_nb.describing.describe_data import first_rows
from codeagent_nb.describing.describe_without_pandas import told_without_pandas
from codeagent_nb.describing.fitting import fit_columns
from codeagent_nb.describing.leading_zeros import PADDED, PADDED_BYTES, with_zeros
from codeagent_nb.describing.no_values import with_no_values, words_read_as_nothing
from codeagent_nb.describing.shown_values import HIDDEN, is_secret, short, shown_value, tells_key, type_name
from codeagent_nb.describing.sniff_encoding import encoding_of
from codeagent_nb.describing.sniff_table import Parsed, is_number, lines_above, sniff

SAMPLE_ROWS = 200_000  # rows read to describe a table; more would make the user wait
BYTES = 24_000_000
CELLS = 1_000_000  # of a table that is made of records: each may name other columns
LINE = 1_000_000  # bytes of the first line
FIRST = 1_000  # characters of a file that no reader reads
TABLES = frozenset({".csv", ".tsv", ".tab", ".psv"})
MAYBE_TABLES = frozenset({".txt", ".dat", ".asc", ".data", ".xls", ".log", ""})
BINARY = frozenset({".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".parquet", ".feather", ".arrow", ".db", ".sqlite"})
PACKED = {b"\x1f\x8b": ("gzip", "gzip"), b"BZh": ("bz2", "bz2"), b"\xfd7zXZ\0": ("xz", "lzma")}
"""By the first bytes: what pandas calls it, and the module that unpacks it."""
ENDINGS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zip": "zip"}


def describe(name: str, budget: int) -> str:
    """Return a description of a file, named as code should write it, of at most about `budget` characters."""
    size = os.path.getsize(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = _described(name, size, budget)
    except Exception as error:  # any reader's fault is told, and the file's name and size still help
        text = f"It could not be read for a preview: {type(error).__name__}: {str(error)[:500]}"
        text = "\n".join(filter(None, [text, _first_lines(name)]))
    return f"File {name!r} ({size:,} bytes) is in the working folder.\n{text}"[: budget + 200]


def _described(name: str, size: int, budget: int) -> str:
    if not size:
        return "It is empty."
    with open(name, "rb") as file:
        start = file.read(16)
    for magic, describing in MAGIC.items():
        if start.startswith(magic):
            return describing(name, budget)
    return _text(name, budget)


def ending_of(name: str) -> str:
    """Return how a file's name ends, without the ending that says how it is packed."""
    stem, ending = os.path.splitext(name.lower())
    return os.path.splitext(stem)[1] if ending in ENDINGS else ending


def read_beginning(name: str) -> tuple[bytes, bool, str]:
    """Return the beginning of a file, unpacked, whether that is all, and how it is packed."""
    with open(name, "rb") as file:
        start = file.read(8)
    for magic, (packing, module) in PACKED.items():
        if start.startswith(magic):
            with importlib.import_module(module).open(name, "rb") as file:
                data = file.read(BYTES + 1)
            return data[:BYTES], len(data) <= BYTES, packing
    with open(name, "rb") as file:
        data = file.read(BYTES + 1)
    return data[:BYTES], len(data) <= BYTES, ""


# Text


def _text(name: str, budget: int) -> str:
    data, whole, packing = read_beginning(name)
    encoding = encoding_of(data, whole)
    if not encoding:
        return f"It is a binary file{f', packed by {packing}' if packing else ''}."
    text = data.decode(encoding, "replace")
    ending = ending_of(name)
    if not text.strip():
        return "It has nothing but white space."
    packed = (
        {} if not packing or ENDINGS.get(os.path.splitext(name.lower())[1]) == packing else {"compression": packing}
    )
    if ending in (".json", ".jsonl", ".ndjson", ".geojson", ".ipynb"):
        return _json(
            name, text, whole, {**({"encoding": encoding} if encoding[:5] != "utf-8" else {}), **packed}, budget
        )
    if ending in TABLES or ending in MAYBE_TABLES:
        options, parsed = sniff(text, ending, not whole)
        if ending in TABLES or is_surely_a_table(parsed):
            if encoding[:5] != "utf-8":
                options["encoding"] = encoding
            return _table(name, data, whole, {**options, **packed}, parsed, budget)
    packed_by = f"It is packed by {packing}. " if packing else ""
    kind = ""
    if ending in BINARY:
        what = "HTML or XML" if text.lstrip()[:1] == "<" else "text"
        kind = f"It is {what}, not what its ending says. "
    encoded = "" if encoding[:5] == "utf-8" else f" (encoding={encoding!r})"
    return f"{packed_by}{kind}It begins{encoded}:\n{_lines(text, budget)}"


def _lines(text: str, budget: int) -> str:
    """Return the first lines of a text, up to one in which a name promises a key: what follows may be the key."""
    shown: list[str] = []
    for line in text[: 2 * budget].splitlines()[:10]:
        if tells_key(line) or any(is_secret(word.strip("\"' ")) for word in re.split(r"[,;\t|:={}]", line)):
            return "\n".join([*shown, f"{HIDDEN} from here on: a name promises a key."])
        shown.append(line[:200])
    return "\n".join(shown)


def is_surely_a_table(parsed: Parsed) -> bool:
    """Return whether a file that is not named as a table is one: whole columns of numbers, no comma of a sentence."""
    numbers = [cell for row in parsed.table[1:] for cell in row if is_number(cell)]
    return (
        parsed.width > 1
        and len(parsed.table) > 2
        and {len(row) for row in parsed.table} == {parsed.width}
        and bool(numbers)
    )


def _first_lines(name: str) -> str:
    """Return how a file begins that no reader reads."""
    try:
        data, whole, _ = read_beginning(name)
        encoding = encoding_of(data, whole)
    except Exception:  # a packed file that breaks off
        return ""
    if not encoding:
        return "It is a binary file."
    lines = _lines(data[:20_000].decode(encoding, "replace"), FIRST)
    return f"It begins:\n{lines}" if lines else ""


# Tables as text


def _table(  # noqa: PLR0917 - what is known of one file
    name: str, data: bytes, whole: bool, options: dict[str, Any], parsed: Parsed, budget: int
) -> str:
    try:
        import pandas
    except ImportError:
        return told_without_pandas(name, data, options, parsed, budget, SAMPLE_ROWS)
    if len(data) > LINE and not re.search(rb"[\r\n]", data[:LINE]):
        return (
            f"Its first line is longer than {LINE:,} bytes. It begins:\n{_lines(data[:200].decode('latin-1'), budget)}"
        )
    if not whole:
        data = whole_rows(data, options)
    columns = _width(data, options, parsed)
    part = {"usecols": range(WIDE)} if columns > WIDE else {}
    reader = "read_table" if ending_of(name) == ".tsv" else "read_csv"
    wide = options.get("encoding", "")[:6] in ("utf-16", "utf-32")
    error: Exception | None = None

    def read(options: dict[str, Any]) -> Any:
        given = {key: value for key, value in options.items() if key != "compression"}
        return getattr(pandas, reader)(io.BytesIO(data), nrows=SAMPLE_ROWS, **part, **given)

    for attempt in attempts_with(options):
        try:
            table, tried = read(attempt), attempt
            table, tried, notes = with_no_values(read, tried, table)
            notes = {**words_read_as_nothing(parsed.table), **notes} if columns == table.shape[1] else notes
            if wide or PADDED_BYTES.search(data):
                table, tried = with_zeros(read, tried, table)
        except Exception as fault:  # the next one may do
            error = error or fault
            continue
        more = " at least (only these were looked at)" if not whole or len(table) == SAMPLE_ROWS else ""
        further = columns - WIDE if part else 0
        call, number = call_of(reader, name, tried), table.shape[1] + further
        above = f"{_left_out(parsed, tried)}{_on_header(parsed, tried)}"
        head = f"{above}`{call}` gives {len(table):,} rows{more} and {number} columns:"
        told = told_columns(table, parsed.table[0] if "header" not in tried and parsed.table else (), notes)
        return fit_columns(head, told, first_rows(table), budget, further)
    raise error or ValueError("no reader reads it")


def _width(data: bytes, options: dict[str, Any], parsed: Parsed) -> int:
    """Return the number of columns; of a wide table the sample may end within the first row."""
    if parsed.width < WIDE // 10 or len(parsed.separator) > 1:
        return parsed.width
    lines = io.StringIO(data[: 2 * LINE].decode(options.get("encoding", "utf-8-sig"), "replace"), newline="")
    reader = csv.reader(lines, delimiter=parsed.separator, quoting=parsed.quoting)
    return max(parsed.width, *(len(row) for _, row in zip(range(lines_above(options) + 3), reader)))


def attempts_with(options: dict[str, Any]) -> list[dict[str, Any]]:
    """Return options to try: a guess that does not hold is left out, then rows that do not fit are."""
    plain = {key: value for key, value in options.items() if key not in ("thousands", "decimal", "dtype")}
    return [options, {**options, "on_bad_lines": "skip"}, plain, {**plain, "on_bad_lines": "skip"}]


def whole_rows(data: bytes, options: dict[str, Any]) -> bytes:
    """Return the part of a part that ends with a row; a field in quotes may hold line ends."""
    wide = {"utf-16": 2, "utf-32": 4}.get(str(options.get("encoding", ""))[:6], 1)
    if wide > 1:
        return data[: len(data) // wide * wide]
    if "quoting" not in options and data.count(b'"') % 2:
        data = data[: data.rfind(b'"')]
    return data[: data.rfind(b"\n") + 1] or data


def _on_header(parsed: Parsed, options: dict[str, Any]) -> str:
    """Return where the names of the columns are, unless it is the first line."""
    if "header" in options:
        return "It has no line with names of columns.\n"
    above = lines_above(options)
    told = [f"The names of the columns are in line {above + 1}."] if above else []
    if parsed.under:
        told.append(f"The line below the names has units: {', '.join(map(short, parsed.under[:20]))}.")
    if parsed.words:
        told.append(
            f"The first row has words where all others have numbers: {', '.join(map(short, parsed.words[:9]))}."
        )
    return "".join(f"{line}\n" for line in told)


def _left_out(parsed: Parsed, options: dict[str, Any]) -> str:
    """Return what is to be known of rows that a call skips."""
    if "on_bad_lines" not in options and "index_col" not in options:
        return ""
    width = len(parsed.table[0]) if parsed.table else 0
    rows = list(zip(parsed.lines[parsed.first :], parsed.table))
    odd = [str(line + 1) for line, row in rows if len(row) > width and any(cell.strip() for cell in row[width:])]
    if not odd and "on_bad_lines" not in options:
        return ""
    where = f" (line {', '.join(odd[:5])}{' and more' if len(odd) > 5 else ''})" if odd else ""
    what = "these rows" if "on_bad_lines" in options else "these fields"
    return f"Some rows have more fields than the first one{where}; the call leaves {what} out.\n"


# JSON


def _json(name: str, text: str, whole: bool, options: dict[str, Any], budget: int) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    records = lines if whole else lines[:-1]
    if are_records(records) and (
        len(records) > 1 or not ending_of(name).endswith("json") or ending_of(name) == ".ndjson"
    ):
        return _records(name, records, [], {"lines": True, **options}, whole, budget)
    if not whole:
        return f"It is JSON of more than {BYTES:,} bytes. It begins:\n{_lines(text, budget)}"
    value = json.loads(text.lstrip("\ufeff"))
    if type(value) is list and value and all(type(item) is dict for item in value):
        return _records(name, [text], value, options, whole, budget)
    kind, shown = type_name(value).replace("builtins.", ""), shown_value(value)
    tables = [key for key, part in value.items() if _is_list_of_dicts(part)] if type(value) is dict else []
    flat = [f"`pandas.json_normalize(json.load(open({name!r}))[{key!r}])` makes a table of it." for key in tables[:3]]
    return "\n".join([f"It is JSON, a {kind} of {len(value) if hasattr(value, '__len__') else 1:,}:", *flat, shown])[
        :budget
    ]


def _is_list_of_dicts(part: Any) -> bool:
    return type(part) is list and bool(part) and type(part[0]) is dict


def are_records(lines: list[str]) -> bool:
    """Return whether each line is a JSON object, as the first ones are."""
    try:
        return (
            len(lines) > 0
            and all(type(json.loads(line)) is dict for line in lines[:3])
            and lines[0].rstrip()[-1:] == "}"
        )
    except ValueError:
        return False


def _records(  # noqa: PLR0917 - what is known of one file
    name: str, lines: list[str], items: list[dict[str, Any]], options: dict[str, Any], whole: bool, budget: int
) -> str:
    """Describe records, one a line, or all of them as items of one list."""
    try:
        import pandas
    except ImportError:
        return f"It is a table; pandas is not installed. It begins:\n{_lines(lines[0], budget)}"
    given = {key: value for key, value in options.items() if key not in ("compression", "encoding")}
    there = len(items) or len(lines)
    count, keys = few_records(items or map(json.loads, lines))
    text = "\n".join(lines[:count])
    if (items and count < there) or len(keys) > WIDE:
        kept = dict.fromkeys(islice(keys, WIDE))
        few = items[:count] or list(map(json.loads, lines[:count]))
        given.pop("lines", None)
        text = json.dumps([{key: item[key] for key in item if key in kept} for item in few])

    def read(more: dict[str, Any]) -> Any:
        return pandas.read_json(io.StringIO(text.lstrip("\ufeff")), **more)

    table = read(given)
    if PADDED.search(text):
        table, given = with_zeros(read, given, table, as_it_is=False)
        options = {**options, **({"dtype": given["dtype"]} if "dtype" in given else {})}
    more = "" if whole and count == there else " at least (only these were looked at)"
    number = table.shape[1] + max(0, len(keys) - WIDE)
    head = f"`{call_of('read_json', name, options)}` gives {len(table):,} rows{more} and {number} columns:"
    return fit_columns(head, told_columns(table), first_rows(table), budget, max(0, number - WIDE))


def few_records(items: Iterable[dict[str, Any]]) -> tuple[int, dict[str, None]]:
    """Return how many records make a table of bounded size, and their keys: each may have keys of its own."""
    keys: dict[str, None] = {}
    count = 0
    for item in items:
        more = dict.fromkeys(key for key in item if key not in keys)
        if count and (count == SAMPLE_ROWS or (count + 1) * (len(keys) + len(more)) > CELLS):
            break
        keys.update(more)
        count += 1
    return count, keys
