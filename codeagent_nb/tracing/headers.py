"""Tells what the first lines of a table are: headers of one level or two, names of indices. Pure."""

import re
from collections.abc import Sequence

from codeagent_nb.tracing.cells import LONGEST, Cell, is_number, split_cells

SERIES_ENDS = ("dtype: float64", "dtype: int64", "dtype: int32", "dtype: float32", "dtype: object", "dtype: str")
INDEX_NAME = re.compile(r"[^\W\d]\w{0,40}")


def top_headers(lines: Sequence[str], row: int, headers: list[Cell]) -> list[Cell]:
    """Return headers with those of a level above, each of which holds for the columns from its own on."""
    above = split_cells(lines[0][:LONGEST]) if row == 1 and lines[0].startswith("  ") else []
    if not above or len(above) > len(headers) or any(is_number(text) for *_, text in above):
        return []
    tops = [[text for _, end, text in above if end <= header[1]] for header in headers]
    return [
        (begin, end, f"{top[-1]} {text}" if top else text)
        for (begin, end, text), top in zip(headers, tops, strict=True)
    ]


def are_index_names(lines: Sequence[str], headers: list[Cell], row: list[Cell]) -> bool:
    """Return whether what seems to be a header are the names of the indices of a series."""
    is_one = lines[-1].endswith(SERIES_ENDS) and not lines[0].startswith(" ")
    return is_one and len(row) == len(headers) + 1


def names_index(lines: Sequence[str], row: int) -> bool:
    """Return whether the line below one only names the index of a table."""
    header = lines[row][:LONGEST].split()
    below = lines[row + 1][:LONGEST].split() if row + 1 < len(lines) else []
    return 0 < len(below) < len(header) and all(map(INDEX_NAME.fullmatch, below))


def is_pivot(lines: Sequence[str], row: int) -> bool:
    """Return whether a line names columns by numbers above one that names the index: `pclass  1  2`."""
    name, *numbers = lines[row][:LONGEST].split() or [""]
    is_numbered = bool(numbers) and all(map(str.isdigit, numbers)) and INDEX_NAME.match(name) is not None
    return is_numbered and names_index(lines, row)
