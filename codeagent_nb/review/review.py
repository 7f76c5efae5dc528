"""Reviews an answer: where its numbers come from, and whether it has the prescribed form (design D25). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, TracedNumber
from codeagent_nb.log.standing import standing
from codeagent_nb.prompt.model_texts import ANSWER_AGAIN, LACKS_FORM, NOT_COMPUTED
from codeagent_nb.review.form import lacking
from codeagent_nb.review.sources import sources_of
from codeagent_nb.tracing.trace import trace

NAMED = 6
"""Numbers that are named to the model and to people; of more, these are examples enough."""

GIVES_DATA = (events.CodeExecutionEvent, events.ContextEvent, events.VariableEvent)
"""What there is to compute from; without it, numbers in an answer are the model's knowledge."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review found.

    Args:
        numbers: Those of the answer, each with where it comes from.
        reason: What people read of what is wrong; empty if it is fine.
        complaint: What the model reads of it.
    """

    numbers: tuple[TracedNumber, ...] = ()
    reason: str = ""
    complaint: str = ""


def review(log: Sequence[AgentEvent], answer: str, agent: str) -> Reviewed:
    """Review an answer.

    Args:
        log: All events, oldest first.
        answer: The answer's text.
        agent: The name of who answers.
    """
    known = list(standing(log))
    traced = trace(answer, sources_of(known, agent)).values
    numbers = tuple(TracedNumber(text=one.text, found_in=one.source, reason=one.reason) for one in traced)
    untraced = list(dict.fromkeys(number.text for number in numbers if number.found_in is None))
    form = lacking(_task(known, agent), answer)
    if not any(isinstance(event, GIVES_DATA) for event in known):
        untraced = []
    complaints, reasons = [], []
    if untraced:
        named = ", ".join(untraced[:NAMED])
        complaints.append(NOT_COMPUTED.format(numbers=named))
        reasons.append(f"no output states {named}")
    if form:
        named = ", ".join(form)
        complaints.append(LACKS_FORM.format(form=named))
        reasons.append(f"the answer lacks {named}")
    complaint = "\n".join([*complaints, ANSWER_AGAIN]) if complaints else ""
    return Reviewed(numbers, "; ".join(reasons), complaint)


def _task(log: Sequence[AgentEvent], agent: str) -> str:
    """Return what was asked last."""
    said = (
        event.content
        for event in reversed(log)
        if isinstance(event, events.TextMessage | events.HandoffMessage) and event.source != agent
    )
    return next(said, "")
