"""How a run ends: the words of the model and of its code (design D15), the reason, what it took. Pure."""

import re
from collections.abc import Sequence

from codeagent_nb.events import (
    AgentEvent,
    CodeExecutionEvent,
    CodeGenerationEvent,
    CodeRefusedEvent,
    ModelReplyEvent,
    ModelRequestEvent,
    RunFinishedEvent,
    RunStatus,
)
from codeagent_nb.loop.effects import Outcome
from codeagent_nb.models.privacy import privacy_note
from codeagent_nb.models.types import RequestUsage
from codeagent_nb.statuses import RUN_ENDS
from codeagent_nb.text import failure_note, fenced, given, sentence
from kernel_executor import Output
from kernel_executor.text import as_text, shorten

OUTPUT_IN_ANSWER = 4_000  # characters

WRITTEN = (ModelReplyEvent, CodeGenerationEvent, CodeRefusedEvent)
"""A reply, and what follows one with code in it."""


def stop_reason(outcome: Outcome) -> str:
    """Return in a few words how a run ended."""
    if outcome.status == "answered" and outcome.result is None:
        return "answered in words; no code was run"
    if outcome.reason:
        return outcome.reason
    if outcome.status == "failed" and outcome.steps:
        return "the last step did not succeed"
    return RUN_ENDS[outcome.status].reason


def finished_event(
    name: str, status: RunStatus, reason: str, events: Sequence[AgentEvent], duration: float
) -> RunFinishedEvent:
    """Return the event that closes a run.

    Args:
        name: The agent's.
        status: How it ended, in one word.
        reason: The same in a few.
        events: What happened in it.
        duration: Seconds.
    """
    replies = [event for event in events if isinstance(event, ModelReplyEvent)]
    ran_well = sum(isinstance(event, CodeExecutionEvent) and event.result.exit_code == 0 for event in events)
    tries = sum(reply.purpose == "generate" for reply in replies)
    last = next((event for event in reversed(events) if isinstance(event, WRITTEN)), None)
    if ran_well and isinstance(last, ModelReplyEvent) and last.purpose == "generate":
        tries -= 1  # the answer
    return RunFinishedEvent(
        source=name,
        status=status,
        reason=reason,
        tries=max(1, tries),
        steps=max(1, ran_well),
        usage=sum((reply.usage for reply in replies), start=RequestUsage()),
        cost=_sum_known([reply.cost for reply in replies]),
        duration=duration,
        sent=_sent(events),
    )


def _sum_known(costs: Sequence[float | None]) -> float | None:
    """Return what calls cost together; None if one of them is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _sent(events: Sequence[AgentEvent]) -> str:
    requests = [event for event in events if isinstance(event, ModelRequestEvent)]
    return privacy_note(requests[-1].asking.privacy, requests[-1].host) if requests else ""


def closing_text(outcome: Outcome) -> str:
    """Return the agent's last message.

    A small model's reflection lost the right answer that its code had printed in 6 of 17 runs (measured), so what
    was printed is repeated unless the reflection holds it; and a run in which no code succeeded says so.
    """
    failure = failure_note(outcome.result, outcome.steps)
    match outcome.status:
        case "denied":
            denied = f"The code was not approved and did not run. Reason: {given(outcome.text)}"
            parts = [denied, _unsaid_output(outcome)]
        case "refused" if outcome.result is None:
            return f"No code was run: {outcome.text}."
        case "refused":
            parts = [
                failure_note(outcome.result, outcome.steps),
                f"No other code was run: {outcome.text}.",
                _unsaid_output(outcome),
            ]
        case "exhausted":
            went_wrong = outcome.result is not None and outcome.result.exit_code != 0
            parts = [sentence(outcome.reason), failure if went_wrong else "", outcome.text, _unsaid_output(outcome)]
        case "failed":
            parts = [failure, outcome.text.strip(), _unsaid_output(outcome)]
        case _:
            parts = [outcome.text.strip(), "" if outcome.by_choice else _unsaid_output(outcome)]
    nothing = "The code ran and printed nothing." if outcome.result else "The model said nothing, and no code was run."
    return "\n\n".join(part for part in parts if part) or nothing


def _unsaid_output(outcome: Outcome) -> str:
    if outcome.result is None:
        return ""
    shown = [output for block in outcome.result.blocks for output in block.outputs]
    printed = as_text([output for output in shown if _is_text(output)]).strip()
    if not printed or _says(outcome.text, printed):
        return ""
    return f"Output of the code:\n\n{fenced(shorten(printed, OUTPUT_IN_ANSWER), 'text')}"


def _is_text(output: Output) -> bool:
    """Return whether an output is an answer in words: no traceback, and not the name of a plot."""
    return output["output_type"] != "error" and not any(mime.startswith("image/") for mime in output.get("data", {}))


def _says(text: str, printed: str) -> bool:
    """Return whether `printed` stands in a text as a whole: the 7 of "17 penguins" is not the 7 that was printed."""
    return bool(re.search(rf"(?<![\w.,-]){re.escape(printed)}(?!\w|[.,]\d)", text))
