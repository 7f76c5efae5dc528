"""The log as a model reads it that writes failed code again: without the tries of this step that failed. Pure.

With the failed code before it a small model writes it once more: 5 of 7 tries; 0 of 7 were solved, also with what was
seen where it failed. With that alone 2 of 7 were (measured).
"""

from collections.abc import Iterator, Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.models.types import CODE_RUNNER, UserMessage
from codeagent_nb.prompt import model_texts as prompts
from codeagent_nb.prompt.transcript import edited_code
from codeagent_nb.text import given
from kernel_executor.text import as_text, shorten

PRINTED = 600
"""Characters of what failed code had printed."""

BEGINS = (events.RunStartedEvent, events.NextStepEvent)

OF_A_TRY = (
    *(events.ModelReplyEvent, events.CodeGenerationEvent, events.CodeRefusedEvent, events.RetryDecisionEvent),
    *(events.CodeExecutionEvent, events.ErrorExplainedEvent),
)


def without_failed_tries(log: Sequence[AgentEvent]) -> Sequence[AgentEvent]:
    """Return the events with what was seen at the last failure in place of the tries; the same if nothing was seen.

    What the user has said meanwhile stays, and so does what came after: a reply of which nothing could run, say.
    """
    begin = next((at for at in range(len(log), 0, -1) if isinstance(log[at - 1], BEGINS)), 0)
    last = next((at for at in range(len(log) - 1, begin - 1, -1) if isinstance(log[at], events.ErrorExplainedEvent)), 0)
    seen = log[last] if last else None
    if not isinstance(seen, events.ErrorExplainedEvent):
        return log
    decided = (at + 1 for at in range(last, len(log)) if isinstance(log[at], events.RetryDecisionEvent))
    end = next(decided, len(log))
    kept = [stays for event in log[begin:end] if (stays := _as_it_stays(event))]
    told = "\n".join([seen.content, *_besides(log[last:end])])
    said = _said(seen, prompts.REPAIR_AFRESH.format(seen=told))
    return [*log[:begin], *kept, said, *log[end:]]


def _besides(since: Sequence[AgentEvent]) -> Iterator[str]:
    """Yield what else is known of the code that failed: what it had printed, and what was noted of it."""
    for event in since:
        if isinstance(event, events.CodeExecutionEvent):
            shown = [each for block in event.result.blocks for each in block.outputs if each["output_type"] != "error"]
            if printed := shorten(as_text(shown, prompts.WORDLESS), PRINTED).strip("\n"):
                yield f"It had printed:\n{printed}"
            yield from (block.note for block in event.result.blocks if block.note)


def _as_it_stays(event: AgentEvent) -> AgentEvent | None:
    """Return an event of before the repair as it is told; None if it is of the tries."""
    match event:
        case events.ApprovalEvent(approved=False):
            return _said(event, prompts.DENIED.format(reason=given(event.reason)))
        case events.ApprovalEvent(edited=True):
            return _said(event, edited_code(event).rstrip("\n"))
        case events.RetryDecisionEvent() if event.reason != prompts.TRIES_LEFT:  # what the user has allowed, say
            return _said(event, event.reason)
        case events.ApprovalEvent() | events.KernelStateEvent(state="rolled_back" | "restored"):
            return None
        case _:
            return None if isinstance(event, OF_A_TRY) else event


def _said(event: AgentEvent, text: str) -> AgentEvent:
    return events.MessageAddedEvent(source=event.source, message=UserMessage(content=text, source=CODE_RUNNER))
