"""Which notebook cells a run adds up to: a pure projection of the events (design D11).

Read `cells.py` first. Two surfaces show them: the saved session (`views/notebook.py`) and the open notebook
(`notebook/cell_writer.py`). Knows neither.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from codeagent_nb.cells import FAILED_TAGS, Cell, code_cell, end_cell, one_line, quoted_cell
from codeagent_nb.events import (
    AgentEvent,
    ApprovalEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    ChatMessage,
    CodeExecutionEvent,
    CodeRefusedEvent,
    HandoffMessage,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    RetryDecisionEvent,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessage,
    VariableEvent,
)
from codeagent_nb.rendering.markdown import harmless_markdown
from codeagent_nb.reply import Reply, read_reply, without_reasoning
from codeagent_nb.transcript import block_cause, failure_note, fenced
from codeagent_nb.valid_outputs import valid_count, valid_output
from kernel_executor import Append, CodeBlock, CodeResult
from kernel_executor.changes import OutputChange
from kernel_executor.in_kernel.guard import shorten
from kernel_executor.languages import normalize

DRAFT_LIMIT = 50_000
"""Characters of a reply that is still being written; a longer one is read once, when it is whole."""
FENCE_BEGUN = re.compile(r"^[ \t]*[`~][^\n]*\Z", re.MULTILINE)  # a last line that may become one


class CellsStory:
    """Builds cells while events go by.

    Args:
        redact: Takes secrets out of a reply that is still being written.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact
        self.runs: list[dict[str, Any]] = []
        self.last_attempt = 1
        self._cells: list[Cell] = []
        self._blocks: dict[str, Cell] = {}
        self._made = {"code": 0, "markdown": 0}
        self._step = 0
        self._pieces: list[str] = []  # joined when asked for: 5 MB that came word by word took minutes to add up
        self._reflecting = False
        self._waiting: Reply | None = None
        self._last_result: CodeResult | None = None
        self._agent = ""
        self._reflected = False
        self._facts = ""
        self._max_retries = 0

    @property
    def cells(self) -> Sequence[Cell]:
        """The cells that stand: their code has begun to run, their words are said."""
        return tuple(self._cells)

    @property
    def drafts(self) -> Sequence[Cell]:
        """The cells after these that the model is writing, or whose code nobody has allowed to run yet."""
        reply = self._redact("".join(self._pieces))  # as a whole: a key may come in two pieces
        if self._waiting:
            drafts = [code_cell(block, "waiting") for block in self._waiting.blocks]
        elif not reply or len(reply) > DRAFT_LIMIT:
            drafts = []
        elif self._reflecting:
            drafts = [self._reflection(without_reasoning(reply))]
        else:
            drafts = [code_cell(block, "writing") for block in _written(reply)]
        made, step = dict(self._made), self._step + self._reflecting
        return [replace(cell, key=_next_key(made, cell.cell_type), step=step) for cell in drafts]

    def take(self, event: AgentEvent) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        """Take one event in."""
        match event:
            case RunStartedEvent():
                self._begin_run(event)
            case TextMessage() | HandoffMessage():
                self._say(event)
            case VariableEvent():
                about = {"kind": "variable", "name": event.name}
                self._add(Cell("code", event.code, about, execution_count=valid_count(event.execution_count)))
            case ModelClientStreamingChunkEvent():
                self._pieces.append(event.content)
            case ModelReplyEvent(purpose="generate" | "reflect"):
                self._end_reply(event)
            case ApprovalEvent() if self._waiting:
                self._waiting = replace(self._waiting, blocks=event.code_blocks if event.approved else ())
            case BlockStartedEvent():
                self._begin_block(event)
            case BlockOutputEvent() | LateOutputEvent() if cell := self._blocks.get(event.block_id):
                cell.folder.apply(_valid_change(event.change))
            case BlockFinishedEvent():
                self._end_block(event)
            case CodeExecutionEvent():
                self._last_result, self._reflecting = event.result, True
                self._forget_reply()
            case CodeRefusedEvent():
                self._refuse(event)
            case RetryDecisionEvent():
                self._decide(event)
            case RunFinishedEvent():
                self._finish(event)

    def _add(self, cell: Cell) -> Cell:
        cell.key, cell.step = _next_key(self._made, cell.cell_type), self._step
        self._cells.append(cell)
        return cell

    def _begin_run(self, event: RunStartedEvent) -> None:
        self._agent, self._last_result, self._reflected = event.source, None, False
        self._facts, self._max_retries = "", event.max_retries_on_error
        self.runs.append({"model": event.model, "isolation": event.isolation})

    def _say(self, message: ChatMessage) -> None:
        if message.source != self._agent:
            self._step += 1
            self.last_attempt = self._step
            self._add(Cell("markdown", message.content, {"kind": "task"}, heading="## Task"))
        elif not self._reflected:
            self._step += 1
            text = harmless_markdown(message.content)
            self._add(Cell("markdown", text, {"kind": "answer"}, heading="## Answer", closing=self._facts))

    def _end_reply(self, event: ModelReplyEvent) -> None:
        reply = read_reply(event.content, finish_reason=event.finish_reason)
        if event.purpose == "generate":
            self._waiting = reply
            return
        self._reflected, self._reflecting = True, False
        self._forget_reply()
        self._step += 1
        self._add(self._reflection(reply.text))

    def _reflection(self, text: str) -> Cell:
        failed = self._last_result is None or self._last_result.exit_code != 0
        note = f"**{failure_note(self._last_result)}**\n\n" if failed else ""
        source = harmless_markdown(f"{note}{text.strip()}".rstrip())
        return Cell("markdown", source, {"kind": "reflection"}, heading="## Result")

    def _forget_reply(self) -> None:
        self._pieces, self._waiting = [], None

    def _begin_block(self, event: BlockStartedEvent) -> None:
        if self._waiting:  # this one is no draft any more
            self._waiting = replace(self._waiting, blocks=self._waiting.blocks[1:])
        self._blocks[event.block_id] = self._add(code_cell(event.block, "running", event.retry_attempt))

    def _end_block(self, event: BlockFinishedEvent) -> None:
        running = self._blocks.get(event.block_id)
        if event.result.status in {"ok", "error"}:
            cell = running or self._add(code_cell(event.result.block, "running", event.retry_attempt))
            end_cell(cell, event.result)
            self._blocks[event.block_id] = cell
        else:
            if running:
                self._cells.remove(running)
            self._blocks.pop(event.block_id, None)  # words have no outputs, not even late ones
            self._add(quoted_cell(event.result, event.retry_attempt))

    def _refuse(self, event: CodeRefusedEvent) -> None:
        what = "was not run" if event.nothing_ran else "was run in part"
        text = f"*Attempt {event.retry_attempt + 1} {what}: {one_line(event.reason)}.*"
        self._note(text, [fenced(refusal.block.code, refusal.block.language) for refusal in event.refused])
        if event.nothing_ran:
            self._next_attempt(goes_on=event.retry_attempt < self._max_retries)

    def _decide(self, event: RetryDecisionEvent) -> None:
        again = "Trying again" if event.retry else "Not trying again"
        blocks = self._last_result.blocks if self._last_result else ()
        cause = f": {shorten(one_line(block_cause(blocks[-1])), 400).rstrip('.')}" if blocks else ""
        self._note(f"*Attempt {event.retry_attempt + 1} failed{cause}. {again}: {one_line(event.reason)}*")
        self._next_attempt(goes_on=event.retry)

    def _next_attempt(self, *, goes_on: bool) -> None:
        self._reflecting = not goes_on
        self._step += goes_on
        self.last_attempt = self._step
        self._forget_reply()

    def _note(self, text: str, quoted: Sequence[str] = ()) -> None:
        self._add(Cell("markdown", "\n\n".join([harmless_markdown(text), *quoted]), {"kind": "note"}))

    def _finish(self, event: RunFinishedEvent) -> None:
        self._reflecting = False
        self._forget_reply()
        for cell in self._cells:
            if cell.about.get("status") == "running":  # its end was never told: it was stopped
                cell.about = {**cell.about, "status": "interrupted"}
                cell.metadata = {"tags": list(FAILED_TAGS)}
        if event.status in {"cancelled", "error"}:
            self._note(f"**The run ended early: {one_line(event.reason)}**")
        summary = {"status": event.status, "tries": event.tries, "seconds": round(event.duration, 1)}
        tokens = {"prompt_tokens": event.usage.prompt_tokens, "completion_tokens": event.usage.completion_tokens}
        if self.runs:
            self.runs[-1] |= summary | tokens
            run = self.runs[-1]
            self._facts = f"*{' · '.join([*event.facts, run['model'], run['isolation'].split(':')[0]])}*"
        if self._reflected and self._facts:
            self._cells[-1].closing = self._facts


def _next_key(made: dict[str, int], cell_type: str) -> str:
    made[cell_type] += 1
    return f"{cell_type}-{made[cell_type]}"


def _written(reply: str) -> list[CodeBlock]:
    """Return the code in a reply that is still being written, the last block perhaps without its end."""
    if "```" not in reply and "~~~" not in reply:
        return []
    seen = read_reply(FENCE_BEGUN.sub("", reply)).seen
    return [block for block in seen if normalize(block.language) in {"python", "bash"}]


def _valid_change(change: OutputChange) -> OutputChange:
    return replace(change, output=valid_output(change.output)) if isinstance(change, Append) else change
