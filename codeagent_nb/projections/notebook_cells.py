"""Which notebook cells a run adds up to: a pure projection of the events (design D11).

Read `notebook_cell.py` first. Two surfaces show them: the saved session (`views/notebook_file.py`) and the open
notebook (`notebook/cells/sync.py`). Knows neither.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.projections.drafts import DRAFT_LIMIT, written
from codeagent_nb.projections.notebook_cell import (
    Cell,
    Part,
    attempt_cell,
    code_cell,
    end_cell,
    facts_line,
    next_key,
    not_reproduced,
    note_cell,
    reflection_cell,
    run_summary,
    skipped_cell,
    variable_cell,
)
from codeagent_nb.projections.quoting import inert
from codeagent_nb.projections.taken_back import TurnedTasks
from codeagent_nb.rendering.markdown_cells import harmless_markdown
from codeagent_nb.rendering.nbformat_outputs import valid_change
from codeagent_nb.reply.run_policy import Reply, read_reply, without_reasoning
from codeagent_nb.text import (
    IN_ANSWER,
    block_cause,
    check_note,
    delivered_text,
    denial_note,
    held_text,
    refusal_note,
    repair_note,
    retry_note,
    state_note,
    variables_text,
)
from kernel_executor import BlockResult, CodeResult


class CellsStory:
    """Builds cells while events go by."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.failed_steps: set[int] = set()
        """Steps in which an attempt did not end well, and another one followed."""
        self._cells: list[Cell] = []
        self._changed_from = 0
        self._blocks: dict[str, Cell] = {}
        self._attempt: list[Part] = []  # of which nobody knows yet that all of it ends well
        self._attempt_number = 1
        self._made = {"code": 0, "markdown": 0}
        self._step = 0
        self._pieces: list[str] = []  # joined when asked for: 5 MB that came word by word took minutes to add up
        self._reflecting = False
        self._waiting: Reply | None = None
        self._denied: events.ApprovalEvent | None = None
        self._last_result: CodeResult | None = None
        self._agent = ""
        self._reflected = False
        self._facts = ""
        self._steps = 0
        self._below = ""
        self._tasks = TurnedTasks()

    @property
    def cells(self) -> Sequence[Cell]:
        """The cells that stand: their code has begun to run, their words are said."""
        return tuple(self._cells)

    @property
    def under_way(self) -> Sequence[Cell]:
        """Those among the cells whose attempt has not ended: they may become a quotation yet."""
        return [part.cell for part in self._attempt]

    @property
    def lasting(self) -> Sequence[Cell]:
        """The same as they may be saved: whatever happens next, no code among them can be of a failed attempt."""
        return self._without_attempt("running") if self._attempt else self.cells

    def take_changed(self) -> int:
        """Return the place of the first of the lasting cells that may have changed since this was last asked."""
        changed, self._changed_from = self._changed_from, len(self._cells)
        if self._attempt:  # what stands for it changes while it goes on
            self._change(self._attempt[0].cell)
        return min(changed, self._changed_from)

    def _change(self, cell: Cell) -> None:
        self._changed_from = min(self._changed_from, self._place_of(cell))

    def _place_of(self, cell: Cell) -> int:
        places = (place for place in reversed(range(len(self._cells))) if self._cells[place] is cell)
        return next(places, len(self._cells))  # late output may be of a cell that was taken back

    @property
    def drafts(self) -> Sequence[Cell]:
        """The cells after these that the model is writing, or whose code nobody has allowed to run yet."""
        reply = "".join(self._pieces)
        if self._waiting:
            drafts = [code_cell(block, "waiting") for block in self._waiting.blocks]
        elif self._reflecting:
            words = [without_reasoning(reply)] if 0 < len(reply) <= DRAFT_LIMIT else []
            drafts = [reflection_cell(text, self._last_result, self._steps) for text in words]
        else:
            drafts = [code_cell(block, "writing") for block in written(reply)]
        made, step = dict(self._made), self._step + self._reflecting
        return [replace(cell, key=next_key(made, cell.cell_type), step=step) for cell in drafts]

    def take(self, event: AgentEvent) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        """Take one event in."""
        match event:
            case events.RunStartedEvent():
                self._begin_run(event)
            case events.TextMessage() | events.HandoffMessage():
                self._say(event)
            case events.VariableEvent():
                self._add(variable_cell(event.name, event.code, event.execution_count))
            case events.ModelClientStreamingChunkEvent():
                self._pieces.append(event.content)
            case events.ModelReplyEvent(purpose="generate" | "reflect"):
                self._end_reply(event)
            case events.ApprovalEvent():
                self._approve(event)
            case events.BlockStartedEvent():
                self._begin_block(event)
            case events.BlockOutputEvent() | events.LateOutputEvent():
                self._apply(event)
            case events.BlockFinishedEvent():
                self._end_block(event)
            case events.CodeExecutionEvent():
                self._end_execution(event)
            case events.GivenCodeFinishedEvent():
                self._end_attempt(event.exit_code)
            case events.FilesEvent() | events.NewVariablesEvent():
                self._tell_made(event)
            case events.KernelStateEvent() if note := state_note(event):
                self._add(note_cell(f"**{inert(note)}** {not_reproduced(event)}"))
            case events.TaskTurnedEvent():
                self._turn(event)
            case events.CodeGenerationEvent() if event.damage:
                self._add(note_cell(f"*{repair_note(event.damage)}.*"))
            case events.CodeRefusedEvent():
                self._refuse(event)
            case events.AnswerQuestionedEvent() | events.AnswerTracedEvent() if note := check_note(event):
                self._check(event, note)
            case events.RetryDecisionEvent() | events.NextStepEvent():
                self._decide(event)
            case events.RunFinishedEvent():
                self._finish(event)

    def _add(self, cell: Cell) -> Cell:
        cell.key, cell.step = next_key(self._made, cell.cell_type), self._step
        self._cells.append(cell)
        return cell

    def _begin_run(self, event: events.RunStartedEvent) -> None:
        self._quote_attempt("interrupted")  # its end was never told
        self._agent, self._last_result, self._reflected = event.source, None, False
        self._facts, self._below, self._steps, self._denied = "", "", 0, None
        self.runs.append({"model": event.model, "isolation": event.isolation})

    def _say(self, message: events.ChatMessage) -> None:
        if message.source != self._agent:
            self._quote_attempt("interrupted")
            self._step += 1
            text = harmless_markdown(message.content)
            cell = self._add(Cell("markdown", text, {"kind": "task"}, heading="## Task"))
            self._tasks.begin(message.created_at, cell)
        elif not self._reflected:
            self._step += 1
            text = harmless_markdown(message.content) + self._below
            self._add(Cell("markdown", text, {"kind": "answer"}, heading="## Answer", closing=self._facts))

    def _end_reply(self, event: events.ModelReplyEvent) -> None:
        reply = read_reply(event.content, finish_reason=event.finish_reason)
        if event.purpose == "generate":
            self._waiting = reply
            return
        self._reflecting, self._pieces, self._waiting = False, [], None
        if not reply.text.strip():  # what is said in its place follows
            return
        self._reflected = True
        self._step += 1
        self._add(reflection_cell(reply.text, self._last_result, self._steps))

    def _check(self, event: events.AnswerQuestionedEvent | events.AnswerTracedEvent, note: str) -> None:
        """Add what is wrong with an answer below it; or put it in its place, if another one follows."""
        if isinstance(event, events.AnswerTracedEvent):
            self._tell_below(f"\n\n**{inert(note)}.**")
            return
        cell = note_cell(f"*{inert(note)}.*")
        if self._reflected:
            self._change(self._cells[-1])
            cell.key, cell.step = self._cells[-1].key, self._cells[-1].step
            self._cells[-1] = cell
        else:
            self._add(cell)
        self._reflecting, self._reflected, self._below = self._reflected, False, ""
        self._pieces, self._waiting = [], None

    def _tell_below(self, text: str) -> None:
        """Add a line below the answer, which stands there or is still to come."""
        self._below += text
        if self._reflected:
            self._cells[-1].source += text
            self._change(self._cells[-1])

    def _approve(self, event: events.ApprovalEvent) -> None:
        if self._waiting:
            self._waiting = replace(self._waiting, blocks=event.code_blocks if event.approved else ())
        self._denied = None if event.approved else event
        if self._denied:  # its drafts may have been edited, and other code must not stand in their cells
            self._made["code"] += len(event.code_blocks)

    def _begin_block(self, event: events.BlockStartedEvent) -> None:
        if self._waiting:  # this one is no draft any more
            self._waiting = replace(self._waiting, blocks=self._waiting.blocks[1:])
        self._attempt_number = event.retry_attempt + 1
        cell = self._blocks[event.block_id] = self._add(code_cell(event.block, "running", event.retry_attempt))
        self._attempt.append(Part(cell, event.block))

    def _apply(self, event: events.BlockOutputEvent | events.LateOutputEvent) -> None:
        if cell := self._blocks.get(event.block_id):
            self._change(cell)
            cell.folder.apply(valid_change(event.change))

    def _end_block(self, event: events.BlockFinishedEvent) -> None:
        result, running = event.result, self._blocks.get(event.block_id)
        self._attempt_number = event.retry_attempt + 1
        part = next((part for part in self._attempt if part.cell is running), None) or self._unannounced(result)
        part.result = result
        if result.status == "ok":
            self._change(part.cell)
            end_cell(part.cell, result)
            self._blocks[event.block_id] = part.cell
        elif result.status != "skipped" or running:
            self._quote_attempt(result.status, block_cause(result))

    def _unannounced(self, result: BlockResult) -> Part:
        """Begin a part whose beginning was not told: nothing ran, or the story was begun in its midst."""
        is_skipped = result.status == "skipped"
        cell = (
            skipped_cell(result, self._attempt_number)
            if is_skipped
            else code_cell(result.block, "running", self._attempt_number - 1)
        )
        self._attempt.append(Part(self._add(cell), result.block))
        return self._attempt[-1]

    def _end_execution(self, event: events.CodeExecutionEvent) -> None:
        self._end_attempt(event.result.exit_code, event.result.blocks)
        self._reflecting = True
        if not self._denied or self._last_result is None:
            self._last_result = event.result
        self._pieces, self._waiting = [], None

    def _end_attempt(self, exit_code: int, results: Sequence[BlockResult] = ()) -> None:
        """Keep the cells of an attempt if all of it succeeded."""
        if exit_code == 0 and all(part.result for part in self._attempt):
            self._attempt = []
            return
        last = results[-1] if results and exit_code else None
        self._quote_attempt(last.status if last else "interrupted", block_cause(last) if last else "")

    def _quote_attempt(self, status: str, cause: str = "") -> None:
        """Put one quoted cell in the place of all cells of the attempt."""
        if not self._attempt:
            return
        self._change(self._attempt[0].cell)
        self._cells = self._without_attempt(status, cause)
        self._made["markdown"] += 1
        gone = [part.cell for part in self._attempt]
        # Words have no outputs, not even late ones.
        self._blocks = {key: cell for key, cell in self._blocks.items() if not any(cell is one for one in gone)}
        self._attempt = []

    def _without_attempt(self, status: str, cause: str = "") -> list[Cell]:
        gone = [part.cell for part in self._attempt]
        ran = [part.as_quoted for part in self._attempt]
        waiting = self._waiting.blocks if self._waiting else ()
        not_run = [block for block in waiting if block not in [one.block for one in ran]]
        quoted_attempt = attempt_cell(ran, not_run, self._attempt_number, status, cause)
        quoted_attempt.key, quoted_attempt.step = next_key(dict(self._made), "markdown"), gone[0].step
        place = self._place_of(gone[0])
        kept = [cell for cell in self._cells[place:] if not any(cell is one for one in gone)]
        return [*self._cells[:place], quoted_attempt, *kept]

    def _tell_made(self, event: events.FilesEvent | events.NewVariablesEvent) -> None:
        if isinstance(event, events.FilesEvent):
            for said in filter(None, [delivered_text(event), held_text(event)]):
                self._add(Cell("markdown", f"*{inert(said)}*", {"kind": "files"}))
        elif self._cells and self._cells[-1].closing:  # the task's last words, and what it took
            self._change(self._cells[-1])
            self._cells[-1].closing += f"\n\n*{inert(variables_text(event))}*"

    def _turn(self, event: events.TaskTurnedEvent) -> None:
        place, cells = self._tasks.turn(event, self._cells)
        self._changed_from = min(self._changed_from, place)
        for cell in cells:
            cell.key = cell.key or next_key(self._made, "markdown")
        self._cells[place:] = cells

    def _refuse(self, event: events.CodeRefusedEvent) -> None:
        if event.reason == IN_ANSWER:
            self._tell_below(f"\n\n*{inert(refusal_note(event))}.*")
            return
        self._add(note_cell(f"*{inert(refusal_note(event))}.*", [refusal.block for refusal in event.refused]))
        if event.nothing_ran:
            self.failed_steps |= {self._step} if event.goes_on else set()
            self._next_attempt(goes_on=event.goes_on)

    def _decide(self, event: events.RetryDecisionEvent | events.NextStepEvent) -> None:
        if isinstance(event, events.NextStepEvent):
            self._steps += 1
        else:
            self.failed_steps |= {self._step} if event.retry else set()
            if self._denied:  # the user wants other code
                self._add(note_cell(f"*{inert(denial_note(self._denied.reason))}*", self._denied.code_blocks))
                self._denied = None
            self._add(note_cell(f"*{inert(retry_note(event))}*"))
        self._next_attempt(goes_on=isinstance(event, events.NextStepEvent) or event.retry)

    def _next_attempt(self, *, goes_on: bool) -> None:
        self._reflecting = not goes_on
        self._step += goes_on
        self._pieces, self._waiting = [], None

    def _finish(self, event: events.RunFinishedEvent) -> None:
        if event.status == "succeeded":  # in a journal of 0.1 the end of code that was given is not told
            self._end_attempt(0)
        self._quote_attempt("interrupted")
        self._reflecting, self._pieces, self._waiting = False, [], None
        if event.status in {"cancelled", "error"}:
            self._add(note_cell(f"**The run ended early: {inert(event.reason)}**"))
        if self.runs:
            self.runs[-1] |= run_summary(event)
            self._facts = facts_line(event, self.runs[-1])
        if self._reflected and self._facts:
            self._change(self._cells[-1])
            self._cells[-1].closing = self._facts
