"""The record of a proof, as a notebook's metadata hold it. Reads one as data that may be anybody's; writes no file.

A record never decides whether a notebook is proved: the replay does. It helps to name the reason of a difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codeagent_nb.projections.notebook_cell import digest
from codeagent_nb.proof.comparing import text_of
from codeagent_nb.proof.reading import CodeCell

FORMAT = 1
MOST = 10_000


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell as it was proved: digests of its code and of its outputs."""

    source: str
    outputs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A notebook as it was proved last.

    Args:
        cells: Its cells of code.
        files: Digests of the files they read, by name.
        versions: Of the modules they imported, and of Python.
    """

    cells: tuple[CellRecord, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def record_of(cells: Sequence[CodeCell], files: Mapping[str, str], versions: Mapping[str, str]) -> Record:
    """Return the record of cells that were proved just now."""
    return Record(cells=tuple(map(cell_record, cells)), files=dict(files), versions=dict(versions))


def cell_record(cell: CodeCell) -> CellRecord:
    """Return the record of one cell."""
    return CellRecord(digest(cell.source), digest(text_of(cell.outputs)))


def written(record: Record) -> dict[str, Any]:
    """Return a record as JSON."""
    return {
        "cells": [{"source": cell.source, "outputs": cell.outputs} for cell in record.cells],
        "files": dict(record.files),
        "versions": dict(record.versions),
    }


def read_record(node: Mapping[str, Any]) -> Record | None:
    """Return the record in a notebook; None if there is none that can be read.

    Args:
        node: The notebook.
    """
    try:
        found = node["metadata"]["codeagent"]["proof"]["proved"]
        cells = tuple(CellRecord(str(cell["source"]), str(cell["outputs"])) for cell in found["cells"][:MOST])
        return Record(cells=cells, files=_texts(found["files"]), versions=_texts(found["versions"]))
    except (KeyError, TypeError, AttributeError, IndexError):
        return None


def _texts(found: Mapping[str, object]) -> dict[str, str]:
    return {str(name): str(value) for name, value in list(found.items())[:MOST]}
