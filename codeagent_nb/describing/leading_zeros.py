"""Finds columns of digits with zeros in front, `007` or a postal code `01234`: codes, not numbers. Knows no file.

Runs *in the kernel*, see `describe_file.py`. A reader that takes them for numbers loses the zeros, and a model that has
read `7` in a preview looks for 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

LOOKED_AT = 200_000  # values of a column
PADDED = re.compile(r"(?<![\w.:/-])0\d+(?![\w.:/-])")
PADDED_BYTES = re.compile(PADDED.pattern.encode())
"""What a file has where there may be such a column: to look is cheap, to read it once more is not."""

WITH_ZEROS = "digits with leading zeros"


def are_codes(values: Iterable[Any]) -> bool:
    """Return whether all of these texts are digits, and one has a zero in front."""
    found = False
    for value in islice(values, LOOKED_AT):
        text = value.strip() if type(value) is str else ""
        if not text.isdigit():
            return False
        found = found or (text[0] == "0" and len(text) > 1)
    return found


def with_zeros(
    read: Callable[[dict[str, Any]], Any], options: dict[str, Any], table: Any, as_it_is: Any = str
) -> tuple[Any, dict[str, Any]]:
    """Return a table in which codes are text, and the options by which it is read so.

    Args:
        read: Reads the table with such options.
        options: What it was read with.
        table: What that gave.
        as_it_is: The `dtype` by which nothing becomes a number.
    """
    numbers = [at for at, dtype in enumerate(table.dtypes) if dtype.kind in "iuf"]
    texts = read({**options, "dtype": as_it_is}) if numbers else table
    codes = [table.columns[at] for at in numbers if are_codes(texts.iloc[:, at].dropna())]
    if not codes:
        return table, options
    kept = {**options, "dtype": {**options.get("dtype", {}), **dict.fromkeys(codes, "str")}}
    return read(kept), kept
