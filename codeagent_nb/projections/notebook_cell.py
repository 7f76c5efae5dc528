"""A cell of a notebook as the agent makes it: of code that ran, and of an attempt that did not end well (design D19).

Knows nbformat's shapes; imports none of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from codeagent_nb.events import KernelStateEvent, RunFinishedEvent
from codeagent_nb.projections.quoting import folded, inert, quoted, quoted_output
from codeagent_nb.rendering.markdown_cells import harmless_markdown, harmless_quotes
from codeagent_nb.rendering.nbformat_outputs import valid_count, valid_output
from codeagent_nb.rendering.shown_outputs import ended
from codeagent_nb.statuses import attempt_clause
from codeagent_nb.text import failure_note, one_line, run_facts
from kernel_executor import BlockResult, CodeBlock, CodeResult, Output
from kernel_executor.languages import normalize
from kernel_executor.outputs.fold import EVERYTHING, OutputFolder
from kernel_executor.text import as_text

SHELL = "%%bash\n"

PROOF = "proof"
"""The kind of the cell that tells a verdict."""

RAISES = "raises-exception"
"""The tag that lets Jupyter and nbclient run on after a cell which left by `sys.exit(0)`: well, but by an exception."""


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
    folder: OutputFolder = field(default_factory=lambda: OutputFolder(EVERYTHING))

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
    source = f"{SHELL}{block.code}" if shell else block.code
    return Cell("code", source.rstrip("\n"), {"kind": "code", "attempt": attempt + 1, "status": status})


def code_of(source: str) -> CodeBlock:
    """Return what a cell of code runs; the other way about than `code_cell`."""
    if source.startswith(SHELL):
        return CodeBlock(source.removeprefix(SHELL), "bash")
    return CodeBlock(source, "python")


def variable_cell(name: str, code: str, count: int | None) -> Cell:
    """Return the cell of code that has loaded a variable of the user's notebook."""
    return Cell("code", code, {"kind": "variable", "name": name}, execution_count=valid_count(count))


def end_cell(cell: Cell, result: BlockResult) -> None:
    """Set all outputs of a cell, those of a block that succeeded."""
    cell.folder = ended(cell.folder, tuple(map(valid_output, result.outputs)))
    cell.execution_count = valid_count(result.execution_count)
    cell.about = {**cell.about, "status": result.status, "seconds": round(result.duration, 3)}
    if any(output["output_type"] == "error" for output in result.outputs):
        cell.metadata = {"tags": [RAISES]}


@dataclass(frozen=True, slots=True)
class Ran:
    """A block of an attempt, as it is quoted.

    Args:
        block: The code.
        outputs: What it has shown.
        note: What a person should know of it.
    """

    block: CodeBlock
    outputs: Sequence[Output] = ()
    note: str = ""


def skipped_cell(result: BlockResult, attempt: int) -> Cell:
    """Quote a block of another language, which did not run where the others did."""
    about = {"kind": "quoted", "attempt": attempt, "status": result.status}
    note = f"*{inert(result.note)}*\n\n" if result.note else ""
    return Cell("markdown", harmless_quotes(f"{note}{quoted(result.block.code, result.block.language)}"), about)


def attempt_cell(ran: Sequence[Ran], not_run: Sequence[CodeBlock], attempt: int, status: str, cause: str = "") -> Cell:
    """Quote an attempt that did not end well, or has not ended, whole: no part of it must run when the notebook does.

    Args:
        ran: Its blocks, in order.
        not_run: The blocks after these that were not reached.
        attempt: Which one, from 1.
        status: Of the block that decided; `running` if it has not ended.
        cause: Why it did not end well, in a few words.
    """
    parts: list[str] = []
    for one in ran:
        parts += [f"*{inert(one.note)}*"] if one.note else []
        parts += [quoted(one.block.code, one.block.language), *quoted_output(as_text(one.outputs))]
    parts += ["*Not run:*"] if not_run else []
    parts += [quoted(block.code, block.language) for block in not_run]
    summary = f"Attempt {attempt} {attempt_clause(status)}{f': {cause}' if cause else ''}"
    source = harmless_quotes(folded(summary, parts))
    return Cell("markdown", source, {"kind": "quoted", "attempt": attempt, "status": status})


def digest(source: str) -> str:
    """Return what tells whether a source was changed."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_badge(cell: Any) -> bool:
    """Return whether a cell is a badge of ours: text, never code."""
    try:
        return bool(cell["cell_type"] == "markdown" and cell["metadata"]["codeagent"]["kind"] == PROOF)
    except (KeyError, TypeError):
        return False


def not_reproduced(event: KernelStateEvent) -> str:
    """Return what the code cells do not reproduce, where a failed attempt could not be rolled back."""
    if event.state != "kept":
        return "Later cells ran without what the code cells above make."
    names = ", ".join(f"`{name}`" for name in event.names)
    return f"No code cell makes {names} as it was then." if names else "Later cells may depend on it."


@dataclass(slots=True)
class Part:
    """A block of the attempt that is under way."""

    cell: Cell
    block: CodeBlock
    result: BlockResult | None = None

    @property
    def as_quoted(self) -> Ran:
        """What is quoted of it if the attempt does not end well."""
        if self.result is None:
            return Ran(self.block, self.cell.outputs)
        outputs = [valid_output(output) for output in self.result.outputs]
        return Ran(self.block, outputs, self.result.note if self.result.status == "skipped" else "")


def note_cell(text: str, blocks: Sequence[CodeBlock] = ()) -> Cell:
    """Return a cell of a note of ours.

    Args:
        text: The note, in Markdown.
        blocks: Code that it is about, quoted below it.
    """
    quotes = [quoted(block.code, block.language) for block in blocks]
    return Cell("markdown", harmless_quotes("\n\n".join([harmless_markdown(text), *quotes])), {"kind": "note"})


def reflection_cell(text: str, result: CodeResult | None, steps: int) -> Cell:
    """Return the cell of the closing words, behind a warning if the code did not succeed.

    Args:
        text: The words.
        result: What the last code gave.
        steps: How many steps went well.
    """
    failed = result is None or result.exit_code != 0
    note = f"**{failure_note(result, steps)}**\n\n" if failed else ""
    source = harmless_markdown(f"{note}{text.strip()}".rstrip())
    return Cell("markdown", source, {"kind": "reflection"}, heading="## Result")


def run_summary(event: RunFinishedEvent) -> dict[str, Any]:
    """Return what the notebook's metadata says of a run that has ended."""
    return {
        "status": event.status,
        "tries": event.tries,
        "seconds": round(event.duration, 1),
        "prompt_tokens": event.usage.prompt_tokens,
        "completion_tokens": event.usage.completion_tokens,
    }


def facts_line(event: RunFinishedEvent, run: Mapping[str, Any]) -> str:
    """Return the line that closes an answer: what the run took, with which model, and what held its code.

    Args:
        event: The run's end.
        run: What is known of it.
    """
    facts = " · ".join([*run_facts(event), run["model"], run["isolation"].split(": ")[0]])
    return harmless_markdown(f"*{one_line(facts)}*")


def next_key(made: dict[str, int], cell_type: str) -> str:
    """Count one more cell of a type, and return its key."""
    made[cell_type] += 1
    return f"{cell_type}-{made[cell_type]}"
