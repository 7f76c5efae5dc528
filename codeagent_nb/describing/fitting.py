"""Puts a description together within a number of characters. Pure; runs *in the kernel*, see `describe_data.py`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

LONGEST_ROW = 300  # characters
MANY = 4  # columns of which a note is told once, or that are told by the first of them


class Column(NamedTuple):
    """What is told of one column."""

    name: str
    dtype: str
    rest: str = ""
    note: str = ""
    """What other columns may have in common with it."""

    @property
    def line(self) -> str:
        """The line about it."""
        return f"- {self.name}: {', '.join(filter(None, [self.dtype, self.rest, self.note]))}"


def fit_columns(head: str, columns: Sequence[Column], rows: list[str], budget: int, further: int = 0) -> str:
    """Put together what fits of a table: of a wide one, columns of a row that are alike are told by the first.

    Args:
        head: The first lines.
        columns: What is told of each.
        rows: The first ones.
        budget: Characters.
        further: How many columns there are of which nothing is known.
    """
    common, columns = _common_notes(columns)
    head = "\n".join([head, *common])
    lines = [column.line for column in columns]
    if len(head) + sum(len(line) + 1 for line in lines) <= budget * 0.8:
        return fit(head, lines, rows, budget, further)
    groups = _groups(columns)
    lines = [line for group in groups for line in _told_group(group)]
    if len(head) + sum(len(line) + 1 for line in lines) > budget * 0.8:
        lines = [
            line for group in groups for line in _told_group(group if len(group) >= MANY else [*map(_brief, group)])
        ]
    return fit(head, lines, rows, budget, further)


def _common_notes(columns: Sequence[Column]) -> tuple[list[str], list[Column]]:
    """Return what is told once of many columns, and the columns without it."""
    counts = Counter(column.note for column in columns if column.note)
    common = {note for note, count in counts.items() if count >= MANY}
    lines = [f"In {counts[note]} columns, {note}." for note in sorted(common)]
    return lines, [column._replace(note="") if column.note in common else column for column in columns]


def _groups(columns: Sequence[Column]) -> list[list[Column]]:
    """Return columns that stand together and differ in nothing but numbers."""
    groups: list[list[Column]] = []
    kinds: list[tuple[str, str, str]] = []
    for column in columns:
        kind = (re.sub(r"\d+", "0", column.name), column.dtype, re.sub(r"[\d.,\-+]+", "0", _oddities(column)))
        if kinds and kinds[-1] == kind:
            groups[-1].append(column)
        else:
            groups.append([column])
            kinds.append(kind)
    return groups


def _told_group(group: list[Column]) -> list[str]:
    if len(group) < MANY:
        return [column.line for column in group]
    return [group[0].line, f"- and {len(group) - 1:,} more columns named and typed like it, the last {group[-1].name}"]


def _oddities(column: Column) -> str:
    """Return what is told beside gaps, ranges and values."""
    parts = re.split(r", (?=(?:\d+ )?values |from |constant: )", column.rest)[0].split(", ")
    return ", ".join(part for part in parts if not re.fullmatch(r"[\d,]+ missing", part))


def _brief(column: Column) -> Column:
    return column._replace(rest=_oddities(column))


def fit(head: str, columns: list[str], rows: list[str], budget: int, further: int = 0) -> str:
    """Put together what fits: every column's name matters more than the sample rows.

    Args:
        head: The first line.
        columns: A line about each.
        rows: The first ones.
        budget: Characters.
        further: How many columns there are that no line is about.
    """
    sample = ["First rows:", *(row[:LONGEST_ROW] for row in rows)] if rows else []
    if not further and len(text := "\n".join([head, *columns, *sample])) <= budget:
        return text
    kept: list[str] = []
    used = len(head)
    for line in columns:
        if used + len(line) > budget * 0.8:
            break
        kept.append(line)
        used += len(line) + 1
    left = len(columns) - len(kept) + further
    rest = f"- and {left} more columns" if left else ""
    return "\n".join(part for part in [head, *kept, rest, *(sample if used < budget * 0.6 else [])] if part)
