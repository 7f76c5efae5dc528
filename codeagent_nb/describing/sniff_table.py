"""Guesses how a table is written as text: separator, preamble, header, signs in numbers. Pure.

Runs *in the kernel*, see `describe_file.py`; knows no pandas. A guess is an option of `pandas.read_csv` that a
plain call lacks; who reads with it sees whether it holds. `csv.Sniffer` takes letters for separators (qsv#1719), and
what stands in quotes for fields (cpython#97611).
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from functools import lru_cache
from itertools import islice
from typing import Any

from codeagent_nb.describing.units import SINGLE, is_unit

SAMPLE = 100_000  # characters looked at for the separator
SAMPLED_ROWS = 300
SEPARATORS = ",;\t|~^"


class Parsed:
    """A sample as one separator splits it."""

    def __init__(self, text: str, separator: str, quoting: Any, cut: bool) -> None:
        self.separator, self.quoting = separator, quoting
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting)
        self.rows: list[list[str]] = []
        self.lines: list[int] = []  # before each row
        before = 0
        for row in islice(reader, SAMPLED_ROWS + 1):
            if row and (len(row) > 1 or row[0].strip()):
                self.rows.append(row)
                self.lines.append(before)
            before = reader.line_num
        # What nothing closes takes in all that follows.
        self._ends_in_quotes = (
            not cut and bool(self.rows) and "\n" in self.rows[-1][-1][-1:] and quoting == csv.QUOTE_MINIMAL
        )
        if len(self.rows) > 1 and (cut or len(self.rows) > SAMPLED_ROWS):
            self.rows.pop()
        counts = Counter(map(len, self.rows))
        self.width = max((count for count in counts if count > 1), key=lambda count: (counts[count], count), default=1)
        self.first = self._first()
        self.under: list[str] = []
        """A row of units below the names, which is none of the rows."""
        self.words: list[str] = []
        """What the first row has where all others have numbers."""
        self._look_below_names()

    def _first(self) -> int:
        """Return the place of the first row of the table, which is mostly a header; what is above is a preamble."""
        widths = list(map(len, self.rows))
        comments = 0
        while comments < len(self.rows) and self.rows[comments][0].lstrip().startswith("#"):
            comments += 1
        data = self.rows[comments] if comments < len(self.rows) else []
        if comments and widths[comments - 1] == self.width and any(is_number(cell) for cell in data):
            comments -= 1  # "#CHROM POS": the last of them has the names
        first = next((at for at in range(comments, len(widths)) if widths[at] == self.width), 0)
        # R writes no name for the column of row names.
        if (
            first > comments
            and widths[first - 1] == self.width - 1 > 1
            and all(cell.strip() and not _is_value(cell) for cell in self.rows[first - 1])
        ):
            first -= 1
        return first + self._titles(first)

    def _titles(self, first: int) -> int:
        """Return how many rows of the width of the table stand above the names: a title, and empty cells behind it."""
        filled = [sum(bool(cell.strip()) for cell in row) for row in self.rows[first : first + 9]]
        titles = 0
        while titles < len(filled) - 1 and filled[titles] * 3 <= max(filled[titles + 1 : titles + 4]):
            titles += 1
        names = [cell.strip() for cell in self.rows[first + titles] if cell.strip()] if titles else []
        numbers = list(filter(is_number, names))
        are_names = len(set(names)) == len(names) > len(numbers) and (not numbers or _are_years(numbers))
        return titles if are_names else 0

    def _look_below_names(self) -> None:
        """Take out a row of units below the names, with which each column would be one of text."""
        table = self.table
        if len(table) < 4 or self.lines[: self.first + 2] != list(range(self.first + 2)):
            return
        below, rows = table[1], table[2:]
        columns = {
            at: [row[at] for row in rows if at < len(row) and row[at].strip().lower() not in NOTHING]
            for at in range(len(below))
        }
        numbers = [at for at, column in columns.items() if column and all(map(is_number, column))]
        written = [below[at].strip(" ()[]") for at in numbers]
        if not written or any(_is_value(word) or word.lower() in NOTHING for word in written):
            return
        if sum(is_unit(word) or word in SINGLE for word in written) * 2 >= len(written):
            self.under = below
            del self.rows[self.first + 1], self.lines[self.first + 1]
        elif len(written) > 1:
            self.words = written

    @property
    def table(self) -> list[list[str]]:
        """The rows without the preamble."""
        return self.rows[self.first :]

    @property
    def score(self) -> float:
        """How much it looks like a table: rows of one width, cells that hold no other separator."""
        if self.width < 2 or not self.table:
            return 0.0
        fit = sum(len(row) == self.width for row in self.table) / len(self.rows)
        cells = [cell for row in self.table for cell in row]
        clean = sum(map(_is_clean, cells)) / len(cells)
        if self.quoting == csv.QUOTE_NONE:  # what quotation marks hold together should not be cut in two
            clean -= sum((cell[:1] == '"') != (cell[-1:] == '"') for cell in cells) / len(cells)
        unclosed = 0.5 if self._ends_in_quotes else 1.0
        return unclosed * fit * (0.3 + 0.7 * clean) if self._ragged <= self._most_ragged and not self._is_prose else 0.0

    @property
    def _ragged(self) -> float:
        return sum(len(row) != self.width for row in self.table) / len(self.table)

    @property
    def _most_ragged(self) -> float:
        """The share of rows of another width that a table may have; more below a header without spaces."""
        named = self.first == 0 and not any(cell[:1] == " " for cell in self.rows[0])
        return 0.5 if named else 0.2

    @property
    def _is_prose(self) -> bool:
        """Whether these are commas of sentences: a space is behind each, and the first line has none."""
        spaced = all(cell[:1] == " " for row in self.table for cell in row[1:])
        return self.separator == "," and self.first > 0 and len(self.rows[0]) == 1 and spaced


UNCLEAN = re.compile(r"[;\t|]|,(?! )")


def _is_clean(cell: str) -> bool:
    return is_number(cell) or not UNCLEAN.search(cell)


def sniff(text: str, ending: str, cut: bool) -> tuple[dict[str, Any], Parsed]:
    """Return the options that a plain `read_csv` would need, in the order in which they are read best, and the rows.

    Args:
        text: The beginning of a file, without a byte order mark.
        ending: Of the file's name; it says which separator is likelier where two are possible.
        cut: Whether more follows.
    """
    sample, cut = text[:SAMPLE], cut or len(text) > SAMPLE
    named = re.match(r'"?sep=(.)"?\r?\n', sample)  # Excel's own line
    parsed = _best(sample[named.end() :] if named else sample, named.group(1) if named else _likely(ending), cut)
    options: dict[str, Any] = {}
    usual = "," if ending != ".tsv" else "\t"
    if parsed.separator != usual:
        options["sep"] = parsed.separator
    if skipped := (parsed.lines[parsed.first] if parsed.table else 0) + bool(named):
        options["skiprows"] = skipped
    if parsed.under:
        options["skiprows"] = [*range(skipped), skipped + 1]
    if parsed.quoting == csv.QUOTE_NONE:
        options["quoting"] = int(csv.QUOTE_NONE)
    if parsed.width > 1 and all(cell[:1] == " " for row in parsed.table for cell in row[1:] if cell):
        options["skipinitialspace"] = True
    comments = sum(row[0].startswith("#") for row in parsed.table[1:])
    lines = len(re.findall(r"^#", sample, re.MULTILINE))
    if 0 < comments * 2 < len(parsed.table) and sample.count("#") == lines:  # of more, it is part of the values
        options["comment"] = "#"
    if not has_header(parsed.table):
        options["header"] = None
    elif _misses_names(parsed):
        options["index_col"] = False
    options.update(_signs(parsed, "header" not in options, "skipinitialspace" in options))
    return options, parsed


def lines_above(options: dict[str, Any]) -> int:
    """Return how many lines are skipped above the names of columns; one more may be skipped below."""
    skipped = options.get("skiprows", 0)
    return len(skipped) - 1 if type(skipped) is list else int(skipped)


def _misses_names(parsed: Parsed) -> bool:
    """Return whether pandas would take the first column for an index though it is none.

    It does so where the first row of values is longer than the names, as R writes tables; so it is where a separator
    ends each row, and where that row alone is too long.
    """
    names, body = parsed.table[:1], parsed.table[1:]
    if not body or len(body[0]) <= len(names[0]):
        return False
    return len(names[0]) == parsed.width or all(row[-1].strip() == "" for row in body if len(row) > len(names[0]))


def _likely(ending: str) -> str:
    first = {".tsv": "\t", ".tab": "\t", ".psv": "|"}.get(ending, ",")
    return first + SEPARATORS.replace(first, "")


def _best(sample: str, separators: str, cut: bool) -> Parsed:
    found = []
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE) if '"' in sample else (csv.QUOTE_MINIMAL,):
        for separator in filter(sample.__contains__, separators):
            try:
                found.append(Parsed(sample, separator, quoting, cut))
            except csv.Error:  # a field of more than 131,072 characters, say: a quotation mark that nothing closes
                continue
    best = max(found, key=lambda parsed: (round(parsed.score, 2), parsed.quoting == csv.QUOTE_MINIMAL), default=None)
    if best is not None and best.score > 0:
        return best
    if spaced := _in_columns(sample, cut):
        return spaced
    unused = next((mark for mark in (*separators, "\x1f") if mark not in sample), "\x1f")
    return Parsed(sample, unused, csv.QUOTE_MINIMAL, cut)


def _in_columns(sample: str, cut: bool) -> Parsed | None:
    """Return numbers in columns that only spaces part; sentences have spaces, too."""
    lines = [line for line in sample.splitlines()[: SAMPLED_ROWS + 1] if line.strip()]
    rows = [line.split() for line in (lines[:-1] if cut and len(lines) > 1 else lines)]
    widths = {len(row) for row in rows}
    cells = [cell for row in rows[1:] for cell in row]
    if len(widths) != 1 or widths < {2} or len(rows) < 3 or sum(map(is_number, cells)) * 2 < len(cells):
        return None
    parsed = Parsed("\n".join("\x1f".join(row) for row in rows), "\x1f", csv.QUOTE_NONE, cut=False)
    parsed.separator, parsed.quoting = r"\s+", csv.QUOTE_MINIMAL
    return parsed


# The header

NOTHING = frozenset(
    {*("", "na", "n/a", "nan", "null", "none", "-", "#n/a"), *("?", "--", "---", ".", "..", "...", "*", "n.a.", "n.a")}
)
NUMBER = re.compile(
    r"[+-]?(\d+([.,]\d+)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?\d{1,3}([., '\u2019_\u00a0\u202f]\d{3})+([.,]\d+)?"
)
DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2})?"
)


LONGEST_CELL = 100  # characters of a number or a date
DIGITS = str.maketrans("123456789", "000000000")


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, in anybody's way of writing."""
    return len(cell) < LONGEST_CELL and _kind(cell.strip().translate(DIGITS)) == "number"


def _is_value(cell: str) -> bool:
    return len(cell) < LONGEST_CELL and _kind(cell.strip().translate(DIGITS)) != ""


@lru_cache(maxsize=10_000)
def _kind(shape: str) -> str:
    """Return what a cell is; which digits it has makes no difference, and few are different without them."""
    return "number" if NUMBER.fullmatch(shape) else "date" if DATE.fullmatch(shape) else ""


def has_header(table: list[list[str]]) -> bool:
    """Return whether the first row has the names. Most files have one: what speaks against it must be seen."""
    if len(table) < 2:
        return True
    names, body = table[0], table[1:]
    columns = [
        [row[at] for row in body if at < len(row) and row[at].strip().lower() not in NOTHING]
        for at in range(len(names))
    ]
    values = [column and sum(map(_is_value, column)) * 2 > len(column) for column in columns]
    odd = [name for name, of_values in zip(names, values) if of_values and _is_value(name)]
    if odd:
        return _are_years(odd) and not _are_years(
            [cell for column, of_values in zip(columns, values) for cell in column[:1] if of_values]
        )
    named = any(of_values and name.strip() for name, of_values in zip(names, values))
    return named or not any(name.strip() and name in column for name, column in zip(names, columns))


def _are_years(cells: list[str]) -> bool:
    return len(set(cells)) == len(cells) > 1 and all(re.fullmatch(r"(1[89]|20)\d\d", cell.strip()) for cell in cells)


# Signs in numbers

SIGNS = (
    *((".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (".", " "), (",", "\u00a0"), (".", "\u00a0")),
    *((",", "\u202f"), (".", "\u202f"), (".", "'"), (".", "\u2019"), (",", "'"), (".", "_")),
)
"""Decimal and thousands; the first ones win where others read as much."""


def _signs(parsed: Parsed, with_header: bool, skipped_space: bool) -> dict[str, Any]:
    """Return the signs by which most columns are numbers."""
    body = parsed.table[1:] if with_header else parsed.table
    # Whether a number is read does not depend on its digits: few of a column are different without them.
    columns = [
        [
            cell
            for cell in {row[at].strip().translate(DIGITS) for row in body if at < len(row)}
            if cell.lower() not in NOTHING
        ]
        for at in range(parsed.width)
    ]
    # "1,234" in quotes, for the comma parts fields: 1234.
    order = sorted(SIGNS, key=lambda signs: (signs != (".", ""), parsed.separator == "," and signs == (",", "")))
    decimal, thousands = max(
        order, key=lambda signs: sum(bool(column) and _reads(column, *signs) for column in columns)
    )
    options: dict[str, Any] = {}
    if decimal != ".":
        options["decimal"] = decimal
    if thousands:
        options["thousands"] = thousands
        if odd := _kept_as_text(columns, decimal, thousands):
            header = [name.lstrip(" ") if skipped_space else name for name in parsed.table[0]]
            # A name that pandas does not find is passed over in silence: it must have the spaces that the file has.
            names = [header[at] if with_header else at for at in odd if not with_header or at < len(header)]
            options.update({"dtype": dict.fromkeys(names, "str")} if names else {})
    return options


def _reads(column: list[str], decimal: str, thousands: str) -> bool:
    d, t = re.escape(decimal), re.escape(thousands)
    pattern = rf"[+-]?(\d*{d})?\d+([eE][+-]?\d+)?" + (rf"|[+-]?\d{{1,3}}({t}\d{{3}})+({d}\d+)?" if thousands else "")
    return all(re.fullmatch(pattern, cell) for cell in column)


def _kept_as_text(columns: list[list[str]], decimal: str, thousands: str) -> list[int]:
    """Return which columns are no numbers; pandas reads "01.02.2024" as 1022024 if "." parts thousands."""
    numbered = rf"[+-]?[\d{re.escape(thousands + decimal)}]+"
    return [
        at
        for at, column in enumerate(columns)
        if column and not _reads(column, decimal, thousands) and any(re.fullmatch(numbered, cell) for cell in column)
    ]
