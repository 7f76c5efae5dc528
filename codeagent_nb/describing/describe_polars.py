"""Describes the columns of a polars DataFrame, with the same notes as those of pandas. Runs *in the kernel*."""

from __future__ import annotations

from typing import Any

from codeagent_nb.describing.describe_columns import WIDE
from codeagent_nb.describing.fitting import Column
from codeagent_nb.describing.leading_zeros import WITH_ZEROS, are_codes
from codeagent_nb.describing.name_notes import notes_on_names
from codeagent_nb.describing.shown_values import is_secret, short
from codeagent_nb.describing.text_notes import notes_on_texts, spellings
from codeagent_nb.describing.units import unit_in

POLARS_LOOKED_AT = 2_000  # rows whose texts are looked at
POLARS_FEW = 6


def told_polars(table: Any) -> list[Column]:
    """Return what is told of each column."""
    notes = notes_on_names(table.columns[:WIDE])
    return [
        Column(repr(name), str(table.schema[name]), ", ".join(filter(None, [*_on_values(table[name], name), note])))
        for name, note in zip(table.columns, notes)
    ]


def _on_values(values: Any, name: str) -> list[str]:
    missing = values.null_count()
    if missing == len(values) > 1:
        return ["empty"]
    told = [f"{missing:,} missing"]
    if is_secret(name):
        return told
    if str(values.dtype) == "String":
        return [*told, *_on_texts(values.drop_nulls())]
    unit = unit_in(name) if values.dtype.is_numeric() else ""
    return [*told, f"unit {unit}"] if unit else told


def _on_texts(known: Any) -> list[str]:
    part = list(known.gather_every(-(-len(known) // POLARS_LOOKED_AT))) if len(known) else []
    counts = {text: part.count(text) for text in part[:0]}
    for text in part:
        counts[text] = counts.get(text, 0) + 1
    notes = [WITH_ZEROS] if are_codes(part) else notes_on_texts(counts)
    if notes and len(part) < len(known):
        notes = [f"{note} ({len(part):,} of {len(known):,} looked at)" for note in notes]
    if len(part) == len(known) > 0 and len(counts) <= POLARS_FEW:
        notes.extend([] if notes else spellings(list(counts)))
        told = ", ".join(map(short, counts))
        notes.append(f"constant: {told}" if len(counts) == 1 < len(known) else f"values {told}")
    return notes
