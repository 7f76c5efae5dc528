"""The session as a notebook: a pure projection of the events, and the file it is saved in (design D11).

Knows nbformat; nothing of kernels, models or the journal.
"""

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import v4

from codeagent_nb.errors import SessionError
from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    CodeExecutionEvent,
    CodeRefusedEvent,
    LateOutputEvent,
    ModelReplyEvent,
    RetryDecisionEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessage,
    VariableEvent,
)
from codeagent_nb.reply import read_reply
from codeagent_nb.transcript import failure_note, fenced
from codeagent_nb.valid_outputs import valid_count, valid_output
from kernel_executor import Append, BlockResult, CodeBlock, CodeResult, Output, fold
from kernel_executor.changes import OutputChange
from kernel_executor.in_kernel.guard import shorten
from kernel_executor.languages import normalize
from kernel_executor.outputs import as_text

FAILED_TAGS = ["codeagent-failed", "raises-exception"]
"""`raises-exception` lets Jupyter and nbclient run on after the cell."""

QUOTED_OUTPUT = 2_000  # characters of a stopped attempt's output


@dataclass(slots=True)
class _Cell:
    """A cell under construction; `changes` are outputs that came while or after it ran."""

    kind: str
    source: str
    metadata: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    execution_count: int | None = None
    changes: list[OutputChange] = field(default_factory=list)

    def node(self, cell_id: str) -> Any:
        if self.kind == "markdown":
            return v4.new_markdown_cell(self.source, id=cell_id, metadata=self.metadata)
        outputs = fold([*(Append(output) for output in self.outputs), *self.changes])
        return v4.new_code_cell(
            self.source,
            id=cell_id,
            metadata=self.metadata,
            execution_count=self.execution_count,
            outputs=[nbformat.from_dict(valid_output(output)) for output in outputs],
        )


class _Story:
    """Builds cells while events go by."""

    def __init__(self) -> None:
        self.cells: list[_Cell] = []
        self.runs: list[dict[str, Any]] = []
        self._blocks: dict[str, _Cell] = {}
        self._last_result: CodeResult | None = None
        self._agent = ""
        self._reflected = False
        self._facts = ""

    def take(self, event: AgentEvent) -> None:  # noqa: C901 - one line a kind of event
        match event:
            case RunStartedEvent():
                self._agent, self._last_result, self._reflected = event.source, None, False
                self._facts = ""
                self.runs.append({"model": event.model, "isolation": event.isolation})
            case TextMessage():
                self._say(event)
            case VariableEvent():
                count = valid_count(event.execution_count)
                provenance = _provenance("variable", name=event.name)
                self.cells.append(_Cell("code", event.code, provenance, execution_count=count))
            case BlockStartedEvent():
                self._begin(event)
            case BlockOutputEvent() | LateOutputEvent() if cell := self._blocks.get(event.block_id):
                cell.changes.append(_valid_change(event.change))
            case BlockFinishedEvent():
                self._end(event)
            case CodeExecutionEvent():
                self._last_result = event.result
            case CodeRefusedEvent():
                what = "was not run" if event.nothing_ran else "was run in part"
                self._note(f"*Attempt {event.retry_attempt + 1} {what}: {one_line(event.reason)}.*", event.refused)
            case RetryDecisionEvent():
                again = "Trying again" if event.retry else "Not trying again"
                self._note(f"*Attempt {event.retry_attempt + 1} failed. {again}: {one_line(event.reason)}*")
            case ModelReplyEvent(purpose="reflect"):
                self._reflect(event)
            case RunFinishedEvent():
                self._finish(event)

    def _say(self, message: TextMessage) -> None:
        if message.source != self._agent:
            self.cells.append(_Cell("markdown", f"## Task\n\n{message.content}", _provenance("task")))
        elif not self._reflected:
            text = f"## Answer\n\n{message.content}{self._facts}"
            self.cells.append(_Cell("markdown", text, _provenance("answer")))

    def _reflect(self, event: ModelReplyEvent) -> None:
        self._reflected = True
        failed = self._last_result is None or self._last_result.exit_code != 0
        note = f"**{failure_note(self._last_result)}**\n\n" if failed else ""
        text = read_reply(event.content, finish_reason=event.finish_reason).text.strip()
        self.cells.append(_Cell("markdown", f"## Result\n\n{note}{text}".rstrip(), _provenance("reflection")))

    def _begin(self, event: BlockStartedEvent) -> None:
        cell = _code_cell(event.block, event.retry_attempt, "running")
        self._blocks[event.block_id] = cell
        self.cells.append(cell)

    def _end(self, event: BlockFinishedEvent) -> None:
        finished = _finished_cell(event.result, event.retry_attempt)
        running = self._blocks.pop(event.block_id, None)
        if running:
            self.cells[self.cells.index(running)] = finished
        else:
            self.cells.append(finished)
        self._blocks[event.block_id] = finished

    def _note(self, text: str, refused: Sequence[Any] = ()) -> None:
        quoted = [fenced(refusal.block.code, refusal.block.language) for refusal in refused]
        self.cells.append(_Cell("markdown", "\n\n".join([text, *quoted]), _provenance("note")))

    def _finish(self, event: RunFinishedEvent) -> None:
        for cell in self._blocks.values():
            if cell.metadata["codeagent"].get("status") == "running":  # its end was never told: it was stopped
                cell.metadata["codeagent"]["status"] = "interrupted"
                cell.metadata["tags"] = list(FAILED_TAGS)
        if event.status in {"cancelled", "error"}:
            self._note(f"**The run ended early: {one_line(event.reason)}**")
        summary = {"status": event.status, "tries": event.tries, "seconds": round(event.duration, 1)}
        tokens = {"prompt_tokens": event.usage.prompt_tokens, "completion_tokens": event.usage.completion_tokens}
        if self.runs:
            self.runs[-1] |= summary | tokens
            run = self.runs[-1]
            facts = [*event.facts, run["model"], run["isolation"].split(":")[0]]
            self._facts = f"\n\n*{' · '.join(facts)}*"
        if self._reflected and self._facts:
            self.cells[-1].source += self._facts


def notebook_of(events: Iterable[AgentEvent]) -> Any:
    """Return the notebook that a session's events add up to, valid by nbformat 4.5."""
    story = _Story()
    for event in events:
        story.take(event)
    cells = [cell.node(f"cell-{number}") for number, cell in enumerate(story.cells, start=1)]
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
            "codeagent": {"format": 1, "runs": story.runs},
        }
    )
    return notebook


def _provenance(kind: str, **more: Any) -> dict[str, Any]:
    return {"codeagent": {"kind": kind, **more}}


def _code_cell(block: CodeBlock, attempt: int, status: str) -> _Cell:
    shell = normalize(block.language) == "bash"
    source = f"%%bash\n{block.code}" if shell else block.code
    return _Cell("code", source.rstrip("\n"), _provenance("code", attempt=attempt + 1, status=status))


def _finished_cell(result: BlockResult, attempt: int) -> _Cell:
    if result.status not in {"ok", "error"}:
        return _quoted(result, attempt)
    cell = _code_cell(result.block, attempt, result.status)
    cell.outputs, cell.execution_count = tuple(map(valid_output, result.outputs)), valid_count(result.execution_count)
    cell.metadata["codeagent"]["seconds"] = round(result.duration, 3)
    if result.status == "error":
        cell.metadata["tags"] = list(FAILED_TAGS)
        cell.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    elif any(output["output_type"] == "error" for output in result.outputs):
        cell.metadata["tags"] = FAILED_TAGS[1:]  # it left by sys.exit(0): well, but still an exception
    return cell


def _valid_change(change: OutputChange) -> OutputChange:
    return replace(change, output=valid_output(change.output)) if isinstance(change, Append) else change


def _quoted(result: BlockResult, attempt: int) -> _Cell:
    """What was stopped, killed its kernel or was skipped must not run again when the notebook does."""
    output = shorten(as_text(result.outputs), QUOTED_OUTPUT)
    parts = [
        f"*Attempt {attempt + 1}, {result.status}:* {one_line(result.note)}",
        fenced(result.block.code, result.block.language),
        fenced(output, "text") if output else "",
    ]
    metadata = _provenance("quoted", attempt=attempt + 1, status=result.status)
    return _Cell("markdown", "\n\n".join(part for part in parts if part), metadata)


def one_line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


class NotebookView:
    """Saves the notebook after every step.

    Args:
        path: The `.ipynb` file.
        earlier: Events of the session before now.
    """

    def __init__(self, path: Path, earlier: Sequence[AgentEvent] = ()) -> None:
        self._path = path
        self._events = list(earlier)
        self.save()

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; save if it ends a step."""
        self._events.append(event)
        if isinstance(event, SAVED_AFTER):
            self.save()

    def catch_up(self, events: Sequence[AgentEvent]) -> None:
        """Take in the events that were missed since a save failed; `events` are all of the session."""
        known = {id(event) for event in self._events}
        self._events += [event for event in events if id(event) not in known]

    def save(self) -> None:
        """Write the notebook whole or not at all.

        Raises:
            SessionError: The folder is read-only, or the disk is full; the notebook is as it was.
        """
        notebook = notebook_of(self._events)
        nbformat.validate(notebook)
        # Executed code may add files to the folder: no name that it could guess and make a link of, and no link taken.
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(nbformat.writes(notebook) + "\n")
            if self._path.is_dir():  # executed code has put it in the notebook's place
                self._path.rename(self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}.folder"))
            temporary.replace(self._path)
        except OSError as error:
            with suppress(OSError):  # where nothing can be written, there is nothing to take back
                temporary.unlink(missing_ok=True)
            raise SessionError(
                f"cannot save {str(self._path)!r}: {error.strerror}; free or choose another place"
            ) from error


SAVED_AFTER = (
    TextMessage,
    BlockFinishedEvent,
    CodeRefusedEvent,
    RetryDecisionEvent,
    ModelReplyEvent,
    RunFinishedEvent,
)

__all__ = ["NotebookView", "fenced", "notebook_of", "valid_output"]
