"""What stands under an `%%agent` cell: a pure projection of one run's events to displays, each under a key.

A display may change until the run is over (a reply grows, a failed attempt is folded away); their order does not.
Knows MIME bundles; nothing of IPython, kernels or models.
"""

import html
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.rendering.fallback import guarded
from codeagent_nb.rendering.html import code_html, growing_html, markdown_html, text_html
from codeagent_nb.rendering.mime_bundles import harmless_bundle
from codeagent_nb.rendering.shown_outputs import ShownOutputs
from codeagent_nb.reply.pretended import told_reply
from codeagent_nb.reply.run_policy import read_reply, without_reasoning
from codeagent_nb.statuses import RUN_ENDS
from codeagent_nb.text import (
    HOW_TO_TAKE,
    block_cause,
    brought_note,
    check_note,
    delivered_text,
    denial_note,
    end_note,
    held_text,
    how_to_bring,
    refusal_note,
    repair_note,
    retry_note,
    run_facts,
    state_note,
    traced_text,
    turned_note,
    variables_text,
)
from kernel_executor import BlockResult
from kernel_executor.text import plain, shorten

Bundle = tuple[dict[str, Any], dict[str, Any]]
"""Data and metadata of a display."""

NOTHING: Bundle = ({}, {})
MARGIN = "margin:.35em 0"
MUTED = f"{MARGIN};color:var(--jp-ui-font-color2,#666);font-size:.92em"
ERROR = f"{MARGIN};border-left:3px solid var(--jp-error-color1,#d32f2f);padding:.1em .7em"
TRACEBACK_SHOWN = 6_000  # characters
REASON_SHOWN = 420  # characters


class CellStory:
    """Collects a run's events and gives the displays that tell it.

    Args:
        session: Name of the session, for the closing line.
    """

    def __init__(self, session: str = "") -> None:
        self._session = session
        self._displays: dict[str, Callable[[], Bundle]] = {}
        self._changed: dict[str, None] = {}
        self._outputs = ShownOutputs()
        self._failure = ""
        self._attempt_began = 0  # the place of its first display
        self._failed: set[int] = set()
        self._replies = 0
        self._reply = ""
        self._reflected = False
        self._said = ""
        self._run: events.RunStartedEvent | None = None
        self._began: datetime | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the run has begun: what is said before is the task."""
        return self._run is not None

    def changed(self) -> Iterator[tuple[str, Bundle]]:
        """Yield every display that is new or other than when this was last asked, in the order in which they began."""
        self._show_outputs()
        for key in [key for key in self._displays if key in self._changed]:
            bundle = self._show(key)
            # One by one, and before it is given away: who stops at one that cannot be drawn finds the others next time.
            self._changed.pop(key, None)
            yield key, bundle

    def displays(self) -> list[tuple[str, Bundle]]:
        """Return all displays."""
        self._show_outputs()
        return [(key, self._show(key)) for key in self._displays]

    def final(self) -> list[tuple[str, Bundle]]:
        """Return the displays without those of attempts that another one of the same step followed."""
        return [display for place, display in enumerate(self.displays()) if place not in self._failed]

    def take(self, event: AgentEvent) -> None:  # noqa: C901, PLR0912 - one line a kind of event
        """Take one event in."""
        match event:
            case events.RunStartedEvent():
                self._run = event
            case events.VariableEvent() | events.ContextEvent() if said := brought_note(event):
                self._html(f"brought {said}", _muted(markdown_html(said)), said)
            case events.ModelClientStreamingChunkEvent():
                self._stream(event.content)
            case events.ModelReplyEvent(purpose="generate" | "reflect"):
                self._end_reply(event)
            case events.ApprovalEvent():
                self._approval(event)
            case events.CodeRefusedEvent():
                self._refuse(event)
            case events.CodeGenerationEvent() if event.damage:
                self._warn(f"damage-{self._replies}", repair_note(event.damage))
            case events.BlockStartedEvent() | events.BlockOutputEvent() | events.LateOutputEvent():
                self._outputs.take(event)
            case events.BlockFinishedEvent():
                self._end_block(event)
            case events.ErrorExplainedEvent():
                self._explain(event)
            case events.AnswerQuestionedEvent():
                self._question(event)
            case events.AnswerTracedEvent():
                self._trace(event)
            case events.FilesEvent():
                self._files(event)
            case events.NewVariablesEvent():
                self._variables(event)
            case events.KernelStateEvent() if note := state_note(event):
                self._warn(f"state-{self._replies}", note)
            case events.TaskTurnedEvent(began=self._began):
                self._turn(event)
            case events.TextMessage() if self._run is None:
                self._began = event.created_at
            case events.RetryDecisionEvent():
                self._retry(event)
            case events.NextStepEvent():
                self._attempt_began = self._begun()
            case events.TextMessage() if self._run and event.source == self._run.source:
                if not self._reflected and not (self._said and self._said in event.content):  # else it stands there
                    self._set("answer", lambda: (_as_html(markdown_html(event.content), event.content), {}))
            case events.RunFinishedEvent():
                self._finish(event)

    def _set(self, key: str, show: Callable[[], Bundle]) -> None:
        if key not in self._displays:
            self._show_outputs()  # what came before stands before
        self._displays[key] = show
        self._changed[key] = None

    def _show(self, key: str) -> Bundle:
        return guarded(self._displays[key])

    def _begun(self) -> int:
        self._show_outputs()
        return len(self._displays)

    def _html(self, key: str, text: str, alternative: str = "") -> None:
        self._set(key, lambda: (_as_html(text, alternative), {}))

    def _warn(self, key: str, text: str) -> None:
        border = "border-left:3px solid var(--jp-warn-color1,#e69f00);padding:.1em .7em"
        self._html(key, f'<div style="{MARGIN};{border}">{html.escape(plain(text))}</div>', plain(text))

    def _turn(self, event: events.TaskTurnedEvent) -> None:
        note = turned_note(event)
        if event.state == "undone":
            self._warn("turned", note)
        else:
            self._html("turned", _muted(html.escape(note)), note)

    def _stream(self, piece: str) -> None:
        self._reply += piece
        text = self._reply
        self._set(f"reply-{self._replies}", lambda: _reply_bundle(text, growing_html))

    def _end_reply(self, event: events.ModelReplyEvent) -> None:
        key, self._reply = f"reply-{self._replies}", ""
        self._replies += 1
        self._said = without_reasoning(event.content).strip()
        self._reflected = event.purpose == "reflect" and bool(self._said)
        self._set(key, lambda: _reply_bundle(told_reply(event)) if event.content.strip() else NOTHING)

    def _approval(self, event: events.ApprovalEvent) -> None:
        if not event.approved:
            self._warn(f"approval-{self._replies}", denial_note(event.reason))
        elif event.edited:
            said = "You changed the code. This is what runs:"
            shown = "".join(code_html(block.code, block.language) for block in event.code_blocks)
            plainly = "\n\n".join([said, *(block.code for block in event.code_blocks)])
            self._html(f"approval-{self._replies}", _muted(said) + shown, plainly)

    def _end_block(self, event: events.BlockFinishedEvent) -> None:
        self._outputs.take(event)
        result = event.result
        if result.status != "ok":
            self._failure = f"{event.block_id or self._replies}-end"
            self._html(self._failure, _failure(result), plain(block_cause(result)))

    def _explain(self, event: events.ErrorExplainedEvent) -> None:
        """Put what was seen where the code failed under the error, to be opened."""
        if self._failure in self._displays:
            (error, _), seen = self._show(self._failure), html.escape(plain(event.details))
            why = _details("What was seen there", f'<pre style="white-space:pre-wrap">{seen}</pre>')
            self._html(self._failure, error["text/html"] + why, error["text/plain"])

    def _question(self, event: events.AnswerQuestionedEvent) -> None:
        """Fold away the answer that another one follows."""
        key, self._said, self._reflected = f"reply-{self._replies - 1}", "", False
        if key in self._displays:
            (answer, _), said = self._show(key), plain(check_note(event))
            self._html(key, _details(html.escape(said), answer["text/html"]), said)
            self._failed.add([*self._displays].index(key))

    def _trace(self, event: events.AnswerTracedEvent) -> None:
        """Show which numbers nothing states, and, to be opened, where the others come from."""
        if note := check_note(event):
            self._warn("untraced", note)
        if places := plain(traced_text(event)):
            listed = html.escape(places).replace("\n", "<br>")
            self._html("traced", _details("Where its numbers come from", listed), f"Its numbers come from:\n{places}")

    def _show_outputs(self) -> None:
        for key, output in self._outputs.news():
            self._set(key, lambda output=output: harmless_bundle(output) if output else NOTHING)  # type: ignore[misc]

    def _refuse(self, event: events.CodeRefusedEvent) -> None:
        if event.nothing_ran:
            self._give_up_attempt()
        self._warn(f"refused-{self._replies}", refusal_note(event))

    def _files(self, event: events.FilesEvent) -> None:
        held = f"{held_text(event)}. {HOW_TO_TAKE}." if event.held else ""
        said = ". ".join(filter(None, [delivered_text(event), held]))
        self._html(f"files-{len(self._displays)}", _muted(html.escape(said)), said)

    def _variables(self, event: events.NewVariablesEvent) -> None:
        said = ". ".join(filter(None, [variables_text(event), how_to_bring(event)]))
        self._html("variables", _muted(html.escape(plain(said))), plain(said))

    def _retry(self, event: events.RetryDecisionEvent) -> None:
        said = shorten(retry_note(event), REASON_SHOWN)
        self._html(f"retry-{self._replies}", _muted(html.escape(said)), said)
        if event.retry:
            self._fold_attempt(event)
            self._give_up_attempt()

    def _give_up_attempt(self) -> None:
        self._failed |= set(range(self._attempt_began, self._begun()))
        self._attempt_began = len(self._displays)

    def _fold_attempt(self, event: events.RetryDecisionEvent) -> None:
        """Fold a failed attempt that another follows away, so that the story stays readable; it can be opened."""
        key = f"reply-{self._replies - 1}"
        if key not in self._displays or self._failure not in self._displays:
            return
        (code, _), (error, _) = self._show(key), self._show(self._failure)
        cause = shorten(" ".join(error["text/plain"].split()), 200)
        said = f"Attempt {event.retry_attempt + 1} failed: {cause}"
        self._html(key, _details(html.escape(said), code["text/html"] + error["text/html"]), said)
        self._set(self._failure, lambda: NOTHING)
        self._failure = ""

    def _finish(self, event: events.RunFinishedEvent) -> None:
        if text := self._reply:  # it broke off
            self._set(f"reply-{self._replies}", lambda: _reply_bundle(text))
        end = RUN_ENDS[event.status]
        said = f"{end.shown.mark} {end.shown.word}"
        self._reflected = self._reflected or end.repeats_warning
        facts = " · ".join(filter(None, [end_note(event), *run_facts(event), self._run.model if self._run else ""]))
        lines = [f"<div><b>{said}</b> · {html.escape(facts)}</div>"]
        if self._run:
            lines.append(_isolation(self._run.isolation))
        if self._session:
            lines.append(f"<div>session {html.escape(self._session)}</div>")
        style = f"{MUTED};border-top:1px solid var(--jp-border-color2,#8884);padding-top:.4em;line-height:1.5"
        self._html("end", f'<div style="{style}">{"".join(lines)}</div>', f"{said} · {facts}")


class CellSummary:
    """What stands under the cell where the story itself is told in cells below it.

    Args:
        story: Draws it.
    """

    def __init__(self, story: CellStory) -> None:
        self._story = story
        self.changed = story.changed
        self.final = story.final

    def take(self, event: AgentEvent) -> None:
        """Take one event in."""
        is_task = isinstance(event, events.TextMessage) and not self._story.has_begun
        if (is_task or isinstance(event, SUMMARY)) and not (isinstance(event, events.ApprovalEvent) and event.approved):
            self._story.take(event)


SUMMARY = (
    events.RunStartedEvent,
    events.VariableEvent,
    events.ContextEvent,
    events.ApprovalEvent,
    events.RunFinishedEvent,
    events.NewVariablesEvent,
    events.TaskTurnedEvent,
)


def error_bundle(text: str) -> Bundle:
    """Return a display that says what went wrong."""
    return _as_html(f'<div style="{ERROR}">{html.escape(text)}</div>', text), {}


def _muted(text: str) -> str:
    return f'<div style="{MUTED}">{text}</div>'


def _isolation(summary: str) -> str:
    """Return what held the code: a quiet word that opens, or all of it where nothing did."""
    word, _, story = summary.partition(": ")
    if not story or not word.startswith("sandboxed"):
        return f"<div>{html.escape(summary)}</div>"
    return f"<details><summary>{html.escape(word)}</summary>{html.escape(story)}</details>"


def _details(summary: str, content: str) -> str:
    style = f"{MARGIN};color:var(--jp-ui-font-color2,#666)"
    return f'<details style="{style}"><summary>{summary}</summary>{content}</details>'


def _as_html(text: str, alternative: str) -> dict[str, Any]:
    return {"text/html": text, "text/plain": alternative}


def _reply_bundle(text: str, render: Callable[[str], str] = markdown_html) -> Bundle:
    reply = read_reply(text)
    thought = _details("Thoughts", text_html(reply.thought)) if reply.thought else ""
    return _as_html(thought + render(reply.text), reply.text), {}


def _failure(result: BlockResult) -> str:
    """An error in short, with its traceback to be opened."""
    cause = shorten(plain(block_cause(result)), 600)
    said = f'<div style="{ERROR};white-space:pre-wrap">{html.escape(cause)}</div>'
    note = _muted(html.escape(result.note)) if result.note and result.note != block_cause(result) else ""
    traceback = shorten(plain("\n".join(result.traceback)), TRACEBACK_SHOWN)
    return said + note + (_details("Traceback", text_html(traceback)) if traceback else "")
