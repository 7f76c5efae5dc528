"""Finds what is written among numbers where there is none, `?` say, so that a call can name it. Knows no file.

Runs *in the kernel*, see `describe_file.py`. With one such sign a whole column is read as text, and a model that sees
numbers in a preview computes with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from codeagent_nb.describing.shown_values import short
from codeagent_nb.describing.text_forms import form_of, stands_for_nothing

TRIED = 200  # values that say whether a column is one of numbers
MOST_SIGNS = 5


def with_no_values(
    read: Callable[[dict[str, Any]], Any], options: dict[str, Any], table: Any
) -> tuple[Any, dict[str, Any], dict[int, str]]:
    """Return a table in which signs among numbers are gaps, the options by which it is read so, notes on columns.

    Args:
        read: Reads the table with such options.
        options: What it was read with.
        table: What that gave.
    """
    style = _style_of(options)
    found = {}
    for at, dtype in enumerate(table.dtypes):
        if dtype.kind not in "iufcbmM" and (signs := _signs_in(table.iloc[:, at].dropna(), style)):
            found[at] = signs
    if not found:
        return table, options, {}
    every = sorted({sign for signs in found.values() for sign in signs})
    elsewhere = any(
        at not in found and dtype.kind not in "iufcbmM" and table.iloc[:, at].isin(every).any()
        for at, dtype in enumerate(table.dtypes)
    )
    by_column = elsewhere and table.columns.is_unique
    named = {table.columns[at]: sorted(signs) for at, signs in found.items()} if by_column else every
    tried = {**options, "na_values": named}
    changed = read(tried)
    if changed.shape != table.shape or any(changed.dtypes.iloc[at].kind not in "iuf" for at in found):
        return table, options, {}
    return changed, tried, {at: _told_signs(signs) for at, signs in found.items()}


def _style_of(options: dict[str, Any]) -> set[str]:
    """Return the styles of numbers that are read with these options."""
    thousands = {
        ",": "thousands commas",
        ".": "thousands points",
        " ": "thousands spaces",
        "_": "thousands underscores",
    }
    decimal = {"decimal commas"} if options.get("decimal") == "," else set()
    return {"", *decimal, thousands.get(options.get("thousands", ""), "thousands apostrophes")}


def _signs_in(known: Any, styles: set[str]) -> dict[str, int]:
    """Return the signs in a column that is one of numbers but for them, and how often each stands there."""
    if not len(known) or type(known.iloc[0]) is not str:
        return {}
    tried = known.iloc[:: max(1, len(known) // TRIED)]
    if not all(_is_either(text, styles) for text in tried):
        return {}
    counts = known.value_counts().to_dict()
    signs = {text: count for text, count in counts.items() if not _is_plain_number(text, styles)}
    numbers = len(counts) - len(signs)
    fits = numbers and len(signs) <= MOST_SIGNS and all(stands_for_nothing(text, among_numbers=True) for text in signs)
    return signs if fits else {}


def _is_either(text: str, styles: set[str]) -> bool:
    return _is_plain_number(text, styles) or stands_for_nothing(text, among_numbers=True)


def _is_plain_number(text: str, styles: set[str]) -> bool:
    form = form_of(text)
    return form.what == "number" and not form.mark and form.style in styles and text.strip()[:1] != "("


def _told_signs(signs: dict[str, int]) -> str:
    return f"{', '.join(map(short, sorted(signs)))} is read as missing"


def words_read_as_nothing(rows: list[list[str]]) -> dict[int, str]:
    """Return notes on columns of codes of two letters, of which pandas reads `NA` as a gap: Namibia, North America."""
    notes = {}
    for at in range(len(rows[0]) if rows else 0):
        cells = {row[at].strip() for row in rows[1:] if at < len(row)} - {""}
        others = cells - {"NA"}
        if len(others) < len(cells) and len(others) > 2 and all(re.fullmatch("[A-Z]{2}", cell) for cell in others):
            notes[at] = "'NA' is read as missing (not with keep_default_na=False)"
    return notes
