"""Describes a table as text where there is no pandas. Runs *in the kernel*, see `describe_file.py`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

from codeagent_nb.describing.fitting import Column, fit_columns
from codeagent_nb.describing.leading_zeros import WITH_ZEROS, are_codes
from codeagent_nb.describing.name_notes import notes_on_names
from codeagent_nb.describing.shown_values import HIDDEN, is_secret, short, tells_key
from codeagent_nb.describing.sniff_table import NOTHING, Parsed, is_number, lines_above
from codeagent_nb.describing.text_notes import notes_on_texts
from codeagent_nb.describing.units import unit_in


def told_without_pandas(  # noqa: PLR0917 - what is known of one file
    name: str, data: bytes, options: dict[str, Any], parsed: Parsed, budget: int, most: int
) -> str:
    """Describe a table, of which at most so many rows are looked at."""
    separator, encoding = parsed.separator, options.get("encoding", "utf-8-sig")
    text = data.decode(encoding, "replace")
    lines = io.StringIO(text, newline="")
    for _ in range(lines_above(options)):
        lines.readline()
    spaced = separator == r"\s+"
    rows = (
        (line.split() for line in lines) if spaced else csv.reader(lines, delimiter=separator, quoting=parsed.quoting)
    )
    header = next(iter(filter(None, rows)), [])
    if parsed.under:
        next(rows, None)
    if options.get("header", 0) is None:
        header, first = [str(at) for at in range(len(header))], [header]
    else:
        first = []
    columns: list[list[str]] = [[] for _ in header]
    sample, count = [",".join(header)] if not first else [], 0
    for row in (*first, *rows):
        if not row:  # pandas skips empty lines, too
            continue
        count += 1
        if count <= 3:
            cells = (
                HIDDEN if is_secret(*header[at : at + 1]) or tells_key(cell) else cell for at, cell in enumerate(row)
            )
            sample.append((separator if not spaced else " ").join(cells))
        for index, values in enumerate(columns):
            values.append(row[index] if index < len(row) else "")
        if count == most:
            break
    usual = not {"encoding", "sep", "skiprows", "header"} & set(options)
    use = "the csv module" if usual or spaced else f"`{_csv_call(name, options)}`"
    head = f"It is a table of {count:,} rows and {len(header)} columns (pandas is not installed; use {use}):"
    notes = notes_on_names(header)
    return fit_columns(head, [_plain_column(*column) for column in zip(header, columns, notes)], sample, budget)


def _csv_call(name: str, options: dict[str, Any]) -> str:
    encoding = options.get("encoding", "utf-8-sig")
    opened = f"open({name!r}, newline='', encoding={encoding!r})"
    skipped = f" after {lines_above(options)} lines" if lines_above(options) else ""
    return f"csv.reader({opened}, delimiter={options.get('sep', ',')!r})`{skipped}`".rstrip("`")


def _plain_column(name: str, values: list[str], note: str) -> Column:
    known = [value for value in values if value.strip().lower() not in NOTHING]
    told = [f"{len(values) - len(known):,} missing"] if known or len(values) < 2 else ["empty"]
    if is_secret(name):
        return Column(repr(name), "text", ", ".join(told), note)
    if are_codes(known):
        return Column(repr(name), "text", ", ".join([*told, WITH_ZEROS]), note)
    kind = "number" if known and all(map(is_number, known)) else "text"
    counts = Counter(known)
    notes = notes_on_texts(counts)
    if kind == "number":
        notes = [found.replace("numbers as text, ", "") for found in notes if "with" in found]
        notes.extend([f"unit {unit}"] if (unit := unit_in(name)) else [])
    elif len(counts) == 1 and len(known) == len(values) > 1:
        notes.append(f"constant: {short(known[0])}")
    return Column(repr(name), kind, ", ".join([*told, *notes]), note)
