"""Parts lines of tables into cells: at tabs, bars or commas, or where columns of fixed width end. Pure."""

import re
from collections.abc import Sequence

LONGEST = 2_000  # characters of a line whose layout is read

Cell = tuple[int, int, str]
"""Where it begins and ends in its line, and its text."""

_BARS = re.compile(r"[|│┃┆║]")
RULE = re.compile(r"^[\s|+│┃┆╞╪╡├┼┤└┴┘┌┬┐═─━╇┡┩╍=:\-]+$")
_WORDY = re.compile(r"[^\W\d_]")
_NUMBER_CELL = re.compile(
    r"^[<>~$€£¥₹]?\s?[-+−]?[\d.,'\s\u00a0\u202f]*\d[\d.,eE+\-]*\s?(?:%|[^\W\d_]{1,4})?$"  # noqa: RUF001
    r"|^(?:nan|NaN|<NA>|None|inf|null)$"
)
_PIVOT = re.compile(r"[^\W\d]\w{0,40}(?:\s+\d{1,4})+\s*$")
_DATE_CELL = re.compile(r"\d{4}-\d\d(?!\d)|\d{1,2}[./]\d{1,2}[./]\d{2,4}$")


def count_separators(line: str, separator: str) -> int:
    """Return how often a separator stands in a line; a comma in a sentence is none."""
    if separator == "|":
        return len(_BARS.findall(line[:LONGEST]))
    if separator == "," and re.search(r",\s|[{}()\[\]:]", line[:LONGEST]):
        return 0
    return line.count(separator, 0, LONGEST)


def shared_ends(header: str, rows: Sequence[str]) -> frozenset[int]:
    """Return where words of a header end under which words of its rows end: columns are aligned there."""
    ends = {found.end() for found in re.finditer(r"\S+", header[:LONGEST])}
    return frozenset(ends & {found.end() for row in rows for found in re.finditer(r"\S+", row[:LONGEST])})


def split_cells(text: str, separator: str = "", ends: frozenset[int] = frozenset()) -> list[Cell]:
    """Return the cells of a line of a table.

    Args:
        text: The line.
        separator: What stands between cells; two spaces if nothing does.
        ends: Where columns end: one space parts there.
    """
    if not separator:
        return _fixed_cells(text, ends)
    cells: list[Cell] = []
    start = 0
    for part in (_BARS if separator == "|" else re.compile(re.escape(separator))).split(text):
        cells.append((start, start + len(part), part.strip().strip('"')))
        start += len(part) + 1
    return cells[1:-1] if separator == "|" and len(cells) > 2 and not cells[0][2] else cells


def _fixed_cells(text: str, ends: frozenset[int]) -> list[Cell]:
    cells: list[Cell] = []
    for found in re.finditer(r"\S+", text):
        start, end = found.span()
        if cells and start - cells[-1][1] == 1 and cells[-1][1] not in ends and not is_number(found[0]):
            start = cells.pop()[0]
        cells.append((start, end, text[start:end]))
    return cells


def is_number(text: str) -> bool:
    """Return whether a cell holds a number, or says that there is none; a date is no number."""
    text = text.strip()[:60]
    return bool(_NUMBER_CELL.match(text)) and not _DATE_CELL.match(text)


def is_header(line: str, headers: list[Cell], row: list[Cell]) -> bool:
    """Return whether a line is the header of a table, whose first row is given."""
    numbers = [cell for cell in row if is_number(cell[2])]
    if not numbers or not headers or any(len(text) > 60 for _, _, text in headers):
        return False
    texts = [text for *_, text in headers]
    has_words = any(map(_WORDY.search, texts)) and not any(is_number(text) and text[-1:] != "%" for text in texts)
    are_numbers = line.startswith("  ") and all(is_number(text) and "." not in text for text in texts)
    if not (has_words or are_numbers or _PIVOT.match(line)):
        return False
    ends = {end for _, end, _ in headers}
    aligned = sum(end in ends for _, end, _ in numbers)
    by_count = has_words and len(headers) > 1 and len(numbers) > 1 and len(row) - len(headers) in {0, 1}
    return by_count or (aligned * 2 >= len(numbers) and aligned > 0)
