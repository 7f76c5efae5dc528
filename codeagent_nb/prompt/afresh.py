"""The log as a model reads it that writes failed code again: without the tries of this step that failed. Pure.

With the failed code before it a small model writes it once more: 5 of 7 tries; 0 of 7 were solved, also with what was
seen where it failed. With that alone 2 of 7 were (measured).
"""

from collections.abc import Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.models.types import CODE_RUNNER, UserMessage
from codeagent_nb.prompt import model_texts as prompts
from codeagent_nb.text import given

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
    said = UserMessage(content=prompts.REPAIR_AFRESH.format(seen=seen.content), source=CODE_RUNNER)
    return [*log[:begin], *kept, events.MessageAddedEvent(source=seen.source, message=said), *log[end:]]


def _as_it_stays(event: AgentEvent) -> AgentEvent | None:
    """Return an event of before the repair as it is told; None if it is of the tries."""
    if isinstance(event, events.ApprovalEvent):
        if event.approved:
            return None
        denied = UserMessage(content=prompts.DENIED.format(reason=given(event.reason)), source=CODE_RUNNER)
        return events.MessageAddedEvent(source=event.source, message=denied)
    if isinstance(event, events.KernelStateEvent) and event.state in {"rolled_back", "restored"}:
        return None
    return None if isinstance(event, OF_A_TRY) else event
