"""Reviews an answer: where its numbers come from, and whether it has the prescribed form (design D25). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, TracedNumber
from codeagent_nb.log.standing import standing
from codeagent_nb.prompt.model_texts import ANSWER_AGAIN, LACKS_FORM, NOT_COMPUTED
from codeagent_nb.review.form import lacking
from codeagent_nb.review.sources import FOLDER, sources_of
from codeagent_nb.tracing.trace import trace

NAMED = 6
"""Numbers that are named to the model and to people; of more, these are examples enough."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review found.

    Args:
        numbers: Those of the answer, each with where it comes from.
        untraced: Those that are asked for again.
        form: What the answer lacks of its form.
    """

    numbers: tuple[TracedNumber, ...] = ()
    untraced: tuple[str, ...] = ()
    form: tuple[str, ...] = ()

    @property
    def wanting(self) -> int:
        """How many things are wrong."""
        return len(self.untraced) + len(self.form)

    @property
    def reason(self) -> str:
        """What people read of what is wrong; empty if it is fine."""
        parts = [f"no output states {', '.join(self.untraced[:NAMED])}"] if self.untraced else []
        parts += [f"the answer lacks {', '.join(self.form)}"] if self.form else []
        return "; ".join(parts)

    @property
    def complaint(self) -> str:
        """What the model reads of it."""
        parts = [NOT_COMPUTED.format(numbers=", ".join(self.untraced[:NAMED]))] if self.untraced else []
        parts += [LACKS_FORM.format(form=", ".join(self.form))] if self.form else []
        return "\n".join([*parts, ANSWER_AGAIN]) if parts else ""


def review(log: Sequence[AgentEvent], answer: str, agent: str) -> Reviewed:
    """Review an answer.

    Numbers of an answer that nothing was to be computed for are the model's knowledge, and not looked for.

    Args:
        log: All events, oldest first.
        answer: The answer's text.
        agent: The name of who answers.
    """
    known = list(standing(log))
    form = lacking(_task(known, agent), answer)
    if not any(map(_gives_data, known)):
        return Reviewed(form=form)
    traced = trace(answer, sources_of(known, agent)).values
    numbers = tuple(TracedNumber(text=one.text, found_in=one.source, reason=one.reason) for one in traced)
    untraced = dict.fromkeys(number.text for number in numbers if number.found_in is None)
    return Reviewed(numbers, tuple(untraced) if any(map(_gives_data, _since_the_last(known))) else (), form)


def _gives_data(event: AgentEvent) -> bool:
    """Return whether there is something to compute from; that there are files is nothing yet."""
    is_described = isinstance(event, events.ContextEvent) and event.source != FOLDER
    return is_described or isinstance(event, events.CodeExecutionEvent | events.VariableEvent)


def _since_the_last(log: Sequence[AgentEvent]) -> Sequence[AgentEvent]:
    """Return what was brought for the last run, and what happened in it."""
    places = [place for place, event in enumerate(log) if isinstance(event, events.RunFinishedEvent)]
    return log[places[-1] + 1 :] if places else log


def _task(log: Sequence[AgentEvent], agent: str) -> str:
    """Return what was asked last."""
    said = (
        event.content
        for event in reversed(log)
        if isinstance(event, events.TextMessage | events.HandoffMessage) and event.source != agent
    )
    return next(said, "")
