"""A cell of a notebook as the agent makes it: of code that runs, of code that was stopped (design D11).

Knows nbformat's shapes; imports none of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from codeagent_nb.rendering.changes import ended
from codeagent_nb.transcript import fenced
from codeagent_nb.valid_outputs import valid_count, valid_output
from kernel_executor import BlockResult, CodeBlock, Output
from kernel_executor.in_kernel.guard import shorten
from kernel_executor.languages import normalize
from kernel_executor.outputs import OutputFolder, as_text

FAILED_TAGS = ("codeagent-failed", "raises-exception")
"""`raises-exception` lets Jupyter and nbclient run on after the cell."""

QUOTED_OUTPUT = 2_000  # characters of a stopped attempt's output


@dataclass(slots=True)
class Cell:
    """A cell, perhaps still under construction.

    Args:
        cell_type: As in nbformat.
        source: Its text.
        about: What it is: `kind`, for code also `attempt` and `status`.
        key: Stays the same while the cell grows.
        step: The agent's step it belongs to, from 1.
        heading: Stands above the text in a notebook of the agent's own.
        closing: Stands below it there.
        metadata: More of the cell's metadata.
        execution_count: As in nbformat.
        folder: Collects its outputs.
    """

    cell_type: Literal["code", "markdown"]
    source: str
    about: Mapping[str, Any]
    key: str = ""
    step: int = 0
    heading: str = ""
    closing: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    execution_count: int | None = None
    folder: OutputFolder = field(default_factory=OutputFolder)

    @property
    def outputs(self) -> list[Output]:
        """Its outputs so far, as nbformat has them."""
        return [valid_output(output) for output in self.folder.outputs]


def code_cell(block: CodeBlock, status: str, attempt: int = 0) -> Cell:
    """Return a cell of code; a shell block is one with `%%bash`.

    Args:
        block: The code.
        status: `writing`, `waiting` for approval, or `running`.
        attempt: Which one, from 0.
    """
    shell = normalize(block.language) == "bash"
    source = f"%%bash\n{block.code}" if shell else block.code
    return Cell("code", source.rstrip("\n"), {"kind": "code", "attempt": attempt + 1, "status": status})


def end_cell(cell: Cell, result: BlockResult) -> None:
    """Give a cell all its outputs; fold it away if it failed."""
    cell.folder = ended(cell.folder, tuple(map(valid_output, result.outputs)))
    cell.execution_count = valid_count(result.execution_count)
    cell.about = {**cell.about, "status": result.status, "seconds": round(result.duration, 3)}
    if result.status == "error":
        hidden = {"source_hidden": True, "outputs_hidden": True}
        cell.metadata = {"tags": list(FAILED_TAGS), "jupyter": hidden}
    elif any(output["output_type"] == "error" for output in result.outputs):
        cell.metadata = {"tags": list(FAILED_TAGS[1:])}  # it left by sys.exit(0): well, but still an exception


def quoted_cell(result: BlockResult, attempt: int) -> Cell:
    """Quote what was stopped, killed its kernel or was skipped: it must not run again when the notebook does."""
    output = shorten(as_text(result.outputs), QUOTED_OUTPUT)
    parts = [
        f"*Attempt {attempt + 1}, {result.status}:* {one_line(result.note)}",
        fenced(result.block.code, result.block.language),
        fenced(output, "text") if output else "",
    ]
    about = {"kind": "quoted", "attempt": attempt + 1, "status": result.status}
    return Cell("markdown", "\n\n".join(part for part in parts if part), about)


def one_line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())
