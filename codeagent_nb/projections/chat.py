"""What the chat panel shows: a pure projection of the events to entries, a state and one line of status.

The entries' shapes are those of the front end in `notebook/panel/static`. Knows no widget.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, RunStatus
from codeagent_nb.rendering.nbformat_outputs import valid_output
from codeagent_nb.reply.pretended import told_reply
from codeagent_nb.reply.run_policy import read_reply
from codeagent_nb.statuses import BLOCK_STATES, RUN_ENDS, Shown
from codeagent_nb.text import (
    HOW_TO_TAKE,
    block_cause,
    brought_note,
    check_note,
    delivered_text,
    denial_note,
    held_text,
    names_that_come,
    refusal_note,
    repair_note,
    retry_note,
    run_facts,
    state_note,
    turned_note,
    variables_text,
)
from kernel_executor import BlockResult, Output
from kernel_executor.text import as_text, plain, shorten

State = Literal["idle", "thinking", "running", "waiting", "done", "failed"]
Entry = dict[str, Any]

TEXT_SHOWN = 4_000  # characters of one run; the outputs themselves stand below the panel
REASON_SHOWN = 420  # characters
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
PICTURE_LIMIT = 2_000_000  # characters: a larger one is only shown below


def state_after(event: AgentEvent) -> tuple[State, str] | None:
    """Return the state an event leads to and what to say of it; None if it changes nothing."""
    match event:
        case events.RunStartedEvent() | events.ModelClientStreamingChunkEvent():
            return "thinking", ""
        case events.BlockStartedEvent(retry_attempt=attempt):
            return "running", f"Running attempt {attempt + 1}" if attempt else "Running"
        case events.CodeExecutionEvent() | events.CodeRefusedEvent() | events.ApprovalEvent():
            return "thinking", ""
        case events.RunFinishedEvent(status="cancelled") | events.TaskTurnedEvent():
            return "idle", ""
        case events.RunFinishedEvent(status=status):
            return ("done" if RUN_ENDS[status].is_good else "failed"), ""
    return None


class PanelStory:
    """Collects events into entries.

    Args:
        earlier: Events from before the panel was opened.
    """

    def __init__(self, earlier: Sequence[AgentEvent] = ()) -> None:
        self._entries: dict[str, Entry] = {}
        self._agent = ""
        self._open = ""
        self._blocks: dict[str, str] = {}
        self._reflected = False
        self._said = ""
        self._count = 0
        self._tasks: dict[datetime, str] = {}  # the entry that each begins with
        self._taken_back: dict[datetime, list[Entry]] = {}
        for event in earlier:
            self.take(event)

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, oldest first."""
        return tuple(dict(entry) for entry in self._entries.values())

    @property
    def open_text(self) -> tuple[str, str] | None:
        """The entry that is being written, and its text so far."""
        return (self._open, str(self._entries[self._open]["text"])) if self._open else None

    def take(self, event: AgentEvent) -> tuple[str, str] | None:
        """Take one event in; return the entry and the piece of text if that is all that changed."""
        if isinstance(event, events.ModelClientStreamingChunkEvent) and self._open:
            self._entries[self._open]["text"] += event.content
            return self._open, event.content
        self._change(event)
        return None

    def note(self, level: Literal["info", "warn", "error"], text: str) -> None:
        """Add something that is no event of a run, unless the end of the run has just said it."""
        last = next(reversed(self._entries.values()), {})
        if last.get("kind") == "end" and last.get("status") == "error" and last.get("text") == text:
            return
        self._add("note", level=level, text=text)

    def _change(self, event: AgentEvent) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        match event:
            case events.RunStartedEvent():
                self._agent, self._reflected, self._blocks = event.source, False, {}
            case events.TextMessage() | events.HandoffMessage():
                self._say(event)
            case events.VariableEvent() | events.ContextEvent() if said := brought_note(event):
                self._add("note", level="info", text=said.replace("`", ""))
            case events.ModelClientStreamingChunkEvent():
                self._open = self._add("reply", text=event.content, open=True)
            case events.ModelReplyEvent(purpose="generate" | "reflect"):
                self._end_reply(event)
            case events.CodeRefusedEvent():
                self._add("note", level="warn", text=refusal_note(event))
            case events.CodeGenerationEvent() if event.damage:
                self._add("note", level="info", text=repair_note(event.damage))
            case events.ApprovalEvent():
                said = "You changed the code before it ran." if event.edited else ""
                said = said if event.approved else denial_note(event.reason)
                if said:
                    self._add("note", level="info" if event.approved else "warn", text=said)
            case events.BlockStartedEvent():
                self._begin_block(event)
            case events.BlockFinishedEvent():
                self._end_block(event)
            case events.FilesEvent():
                self._files(event)
            case events.RetryDecisionEvent():
                self._add("note", level="warn", text=shorten(retry_note(event), REASON_SHOWN))
            case events.KernelStateEvent() if note := state_note(event):
                self._add("note", level="warn", text=note)
            case events.NewVariablesEvent() if event.variables:
                made = event.created_at.isoformat()
                self._add("variables", text=variables_text(event), names=names_that_come(event), made=made)
            case events.AnswerQuestionedEvent() | events.AnswerTracedEvent():
                self._check(event)
            case events.TaskTurnedEvent():
                self._turn(event)
            case events.RunFinishedEvent():
                self._finish(event)

    def _add(self, kind: str, **fields: Any) -> str:
        self._count += 1
        key = f"{kind}-{self._count}"
        self._entries[key] = {"id": key, "kind": kind, **fields}
        return key

    def _say(self, message: events.ChatMessage) -> None:
        if message.source != self._agent:
            self._tasks[message.created_at] = self._add("task", text=message.content)
        elif not self._reflected and not (self._said and self._said in message.content):  # else it stands there
            self._add("reflection", text=message.content, open=False)

    def _end_reply(self, event: events.ModelReplyEvent) -> None:
        key = self._open or self._add("reply", text="", open=True)
        reply = read_reply(told_reply(event), finish_reason=event.finish_reason)
        self._said = reply.text.strip()
        self._reflected = self._reflected or (event.purpose == "reflect" and bool(self._said))
        kind = "reflection" if event.purpose == "reflect" else "reply"
        self._entries[key] |= {"kind": kind, "text": reply.text, "open": False}
        self._open = ""

    def _check(self, event: events.AnswerQuestionedEvent | events.AnswerTracedEvent) -> None:
        """Note what is wrong with an answer; one that is asked for again is none any more."""
        if isinstance(event, events.AnswerQuestionedEvent):
            last = next((entry for entry in reversed(self._entries.values()) if entry["kind"] == "reflection"), {})
            if last:
                last["kind"] = "reply"
            self._reflected, self._said = False, ""
        if note := check_note(event):
            self._add("note", level="warn", text=note)

    def _files(self, event: events.FilesEvent) -> None:
        if saved := delivered_text(event):
            self._add("note", level="info", text=saved)
        if event.held:
            self._add("note", level="warn", text=f"{held_text(event)}. {HOW_TO_TAKE}.")

    def _begin_block(self, event: events.BlockStartedEvent) -> None:
        empty: dict[str, Any] = {"seconds": None, "text": "", "images": [], "note": ""}
        running, attempt = block_fields("running"), event.retry_attempt + 1
        self._blocks[event.block_id] = self._add("run", **running, attempt=attempt, **empty)

    def _end_block(self, event: events.BlockFinishedEvent) -> None:
        result, outputs = event.result, [*map(valid_output, event.result.outputs)]
        key = self._blocks.get(event.block_id) or self._add("run", attempt=event.retry_attempt + 1)
        self._entries[key] |= {
            **block_fields(result.status),
            "seconds": round(result.duration, 2),
            "text": shorten(as_text([*map(_in_words, outputs)]), TEXT_SHOWN),
            "images": [picture for output in outputs for picture in _pictures(output)],
            "note": _note(result),
        }

    def _turn(self, event: events.TaskTurnedEvent) -> None:
        """Mark all entries since the task began, for all of it is gone with it; or take the mark away."""
        if event.state == "redone":
            for entry in self._taken_back.pop(event.began, []):
                entry.pop("taken_back", None)
        elif event.began in self._tasks:
            keys = [*self._entries]
            since = [self._entries[key] for key in keys[keys.index(self._tasks[event.began]) :]]
            self._taken_back[event.began] = [entry for entry in since if not entry.get("taken_back")]
            for entry in since:
                entry["taken_back"] = True
        self._add("note", level="info", text=turned_note(event))

    def _finish(self, event: events.RunFinishedEvent) -> None:
        self._open = ""
        end = RUN_ENDS[event.status]
        self._reflected = self._reflected or end.repeats_warning
        for entry in self._entries.values():
            if entry.get("open"):
                entry["open"] = False
            if entry.get("status") == "running":
                entry.update(block_fields("interrupted"))
        self._add("end", **run_fields(event.status), text=event.reason, facts=list(run_facts(event)))


def block_fields(status: str) -> dict[str, str]:
    """Return the fields of an entry that say how a block stands: one that is running, or one that has ended."""
    return _fields(status, BLOCK_STATES[status].shown)


def run_fields(status: RunStatus) -> dict[str, str]:
    """Return the fields of an entry that say how a run ended."""
    return _fields(status, RUN_ENDS[status].shown)


def _fields(status: str, shown: Shown) -> dict[str, str]:
    return {"status": status, "word": shown.word.capitalize(), "icon": shown.icon, "tone": shown.tone}


def _note(result: BlockResult) -> str:
    return "" if result.status == "ok" else shorten(plain(block_cause(result)), 400)


def _in_words(output: Output) -> Output:
    """An output without its name if it is a picture, for the picture is shown."""
    data: Mapping[str, Any] = output.get("data", {})
    return {**output, "data": {}} if any(mime in data for mime in PICTURES) else output


def _pictures(output: Output) -> list[str]:
    data: Mapping[str, Any] = output.get("data", {})
    found = [(mime, "".join(data[mime])) for mime in PICTURES if mime in data]  # text or, in old notebooks, lines of it
    return [f"data:{mime};base64,{''.join(text.split())}" for mime, text in found[:1] if len(text) <= PICTURE_LIMIT]
