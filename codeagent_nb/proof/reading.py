"""Reads a notebook for a replay: code, outputs, counts, nothing else of what it says about itself (design D22).

Reads JSON as it stands: nbformat takes seconds to import where JupyterLab is installed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeagent_nb.errors import SessionError
from codeagent_nb.notebook_format import UNREADABLE, no_notebook, notebook_in
from codeagent_nb.old_notebooks.finding import read
from codeagent_nb.projections.notebook_cell import RAISES
from codeagent_nb.rendering.nbformat_outputs import valid_count, valid_output
from kernel_executor import Output

MOST_BYTES = 256 << 20

TASK = re.compile(r"^\s*%%agent\b")
"""A cell that asks a model: there is nothing to replay."""

ABOUT_US = re.compile(r"^[ \t]*%(?:agent\b|(?:re)?load_ext\s+codeagent_nb\b|config\s+CodeAgent\b).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCell:
    """A cell of code.

    Args:
        place: Where it stands among all cells, from 0.
        number: Which cell of code it is, from 1; people read it.
        source: Its code.
        outputs: What the notebook says it has shown.
        count: Its execution count.
        may_raise: Whether it is marked as one that may end by an exception.
    """

    place: int
    number: int
    source: str
    outputs: tuple[Output, ...] = ()
    count: int | None = None
    may_raise: bool = False

    @property
    def is_task(self) -> bool:
        """Whether it asks a model."""
        return bool(TASK.match(self.source))

    @property
    def code(self) -> str:
        """What is run of it."""
        return "" if self.is_task else ABOUT_US.sub("", self.source)

    @property
    def states_nothing(self) -> bool:
        """Whether the notebook says nothing of what it shows: it was never run."""
        return self.count is None and not self.outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadNotebook:
    """A notebook as it was read.

    Args:
        path: Where it is.
        content: The file.
        node: All of it.
        cells: Its cells of code.
    """

    path: Path
    content: bytes
    node: dict[str, Any]
    cells: tuple[CodeCell, ...]


def read_notebook(path: Path) -> ReadNotebook:
    """Read a notebook.

    Raises:
        SessionError: It is none, cannot be read, is of an old format, or not in Python.
    """
    try:
        path = path.expanduser().resolve(strict=True)
        content = read(path, MOST_BYTES)
    except OSError as error:
        raise SessionError(f"cannot read {str(path)!r}: {error.strerror or error}") from error
    node = notebook_in(path, content)
    try:
        cells = _cells(node)
    except UNREADABLE as error:
        raise no_notebook(path, error) from error
    return ReadNotebook(path=path, content=content, node=node, cells=cells)


def _cells(node: Mapping[str, Any]) -> tuple[CodeCell, ...]:
    found: list[CodeCell] = []
    for place, cell in enumerate(node["cells"]):
        if cell["cell_type"] == "code":
            found.append(_code_cell(place, len(found) + 1, cell))
    return tuple(found)


def _code_cell(place: int, number: int, cell: Mapping[str, Any]) -> CodeCell:
    outputs = tuple(valid_output(in_text(output)) for output in cell.get("outputs") or () if isinstance(output, dict))
    tags = _dict(cell.get("metadata")).get("tags")
    return CodeCell(
        place=place,
        number=number,
        source=joined(cell["source"]),
        outputs=outputs,
        count=valid_count(cell.get("execution_count")),
        may_raise=RAISES in (tags if isinstance(tags, list) else ()),
    )


def in_text(output: Output) -> Output:
    """Return an output with its texts as texts, which a file holds as lists of lines."""
    data = output.get("data")
    given = {**output, "text": joined(output.get("text", ""))} if "text" in output else output
    if not isinstance(data, dict):
        return given
    return {**given, "data": {mime: joined(value) if _is_lines(value) else value for mime, value in data.items()}}


def joined(text: object) -> str:
    """Return a text that may be a list of lines."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def _is_lines(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(line, str) for line in value)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def replayable(cells: Sequence[CodeCell]) -> list[CodeCell]:
    """Return the cells that have something to run."""
    return [cell for cell in cells if cell.code.strip()]
