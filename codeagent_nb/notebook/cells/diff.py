"""What has to be changed in the open notebook so that it shows the agent's cells. Pure.

The names are those of the extension in `labextension/`, which makes the changes; all but `append` may be made twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from kernel_executor import Output

Change = dict[str, Any]

NEIGHBOURS = 20
"""Cells above a new one that are named as its place: most were deleted by the user if none of these is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCell:
    """A cell as the page shows it, or as it is to.

    Args:
        id: Its id.
        cell_type: As in nbformat.
        source: Its text.
        metadata: As in nbformat.
        outputs: Its outputs.
        undo: Cells of the same key come and go with one undo step.
    """

    id: str
    cell_type: Literal["code", "markdown"]
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    undo: str = ""

    @property
    def node(self) -> dict[str, Any]:
        """The cell as nbformat 4.5 has it; its count is for the notebook's own kernel to give (design D20)."""
        node = {"id": self.id, "cell_type": self.cell_type, "source": self.source, "metadata": self.metadata}
        if self.cell_type == "markdown":
            return node
        return node | {"outputs": list(self.outputs), "execution_count": None}


def changes_between(known: Sequence[PageCell], wanted: Sequence[PageCell], anchor: str | None) -> list[Change]:
    """Return what makes a page that shows the known cells show the wanted ones.

    Args:
        known: What the page shows, in any order.
        wanted: What it is to show, in order.
        anchor: The cell they stand below; None puts the first at the notebook's end.
    """
    shown = {cell.id: cell for cell in known}
    ids = {cell.id for cell in wanted}
    changes = [removal(cell) for cell in known if cell.id not in ids]
    changes += _insertions(shown, wanted, anchor)
    for cell in wanted:
        if before := shown.get(cell.id):
            changes += _changes_of(before, cell)
    return changes


def removal(cell: PageCell) -> Change:
    """Return what takes a cell away that is as it was written."""
    return {"do": "remove", "id": cell.id, "source": cell.source, "undo": cell.undo}


def _insertions(shown: dict[str, PageCell], wanted: Sequence[PageCell], anchor: str | None) -> Iterator[Change]:
    above = [anchor] if anchor else []
    for (is_new, undo), group in groupby(wanted, lambda cell: (cell.id not in shown, cell.undo)):
        cells = list(group)
        if is_new:
            after = [*reversed(above[-NEIGHBOURS:])]
            if anchor and anchor not in after:
                after.append(anchor)
            yield {"do": "insert", "after": after, "cells": [cell.node for cell in cells], "undo": undo}
        above += [cell.id for cell in cells]


def _changes_of(before: PageCell, cell: PageCell) -> Iterator[Change]:
    if before.source != cell.source:
        start = _common_length(before.source, cell.source)
        yield {"do": "source", "id": cell.id, "from": utf16_length(cell.source[:start]), "text": cell.source[start:]}
    yield from _output_changes(before, cell)
    keys = [key for key in {**before.metadata, **cell.metadata} if before.metadata.get(key) != cell.metadata.get(key)]
    if keys:
        yield {"do": "metadata", "id": cell.id, "metadata": {key: cell.metadata.get(key) for key in keys}}


def _output_changes(before: PageCell, cell: PageCell) -> Iterator[Change]:
    pairs = zip(before.outputs, cell.outputs, strict=False)
    start = next((index for index, (old, new) in enumerate(pairs) if old != new), len(before.outputs))
    start = min(start, len(cell.outputs))
    if before.outputs == cell.outputs:
        return
    if start == len(before.outputs) - 1 and start < len(cell.outputs):
        more = _continuation(before.outputs[start], cell.outputs[start])
        if more is not None:
            yield {"do": "append", "id": cell.id, "index": start, "text": more}
            start += 1
            if start == len(cell.outputs):
                return
    yield {"do": "outputs", "id": cell.id, "from": start, "outputs": list(cell.outputs[start:])}


def _continuation(before: Output, after: Output) -> str | None:
    """Return the text that was added to a stream; None if it is not only that."""
    if before["output_type"] != "stream" or (before | {"text": ""}) != (after | {"text": ""}):
        return None
    old, new = before["text"], after["text"]
    return new[len(old) :] if new.startswith(old) else None


def _common_length(before: str, after: str) -> int:
    """Return how many characters two texts begin with in common; mostly it is all of the first."""
    if after.startswith(before):
        return len(before)
    pairs = zip(before, after, strict=False)
    return next((index for index, (old, new) in enumerate(pairs) if old != new), min(len(before), len(after)))


def utf16_length(text: str) -> int:
    """Return a text's length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
