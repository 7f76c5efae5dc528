"""What of the log a model may be sent at a level of privacy: the one place that decides it. Pure.

The prompt is made of the log (`transcript.py`), so what is not in the log that comes out of here is in no prompt. An
event of a kind that is not named here does not pass.
"""

from collections.abc import Iterator, Sequence

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from codeagent_nb.log.standing import standing
from codeagent_nb.models.privacy import Privacy, is_laxer
from codeagent_nb.models.types import CODE_RUNNER, UserMessage
from codeagent_nb.prompt import model_texts as prompts
from codeagent_nb.prompt.withheld import Withholding, withholding_at

OF_A_RUN = (
    *(events.ModelReplyEvent, events.CodeGenerationEvent, events.CodeRefusedEvent, events.CodeExecutionEvent),
    *(events.ErrorExplainedEvent, events.RetryDecisionEvent, events.ApprovalEvent, events.KernelStateEvent),
    *(events.NextStepEvent, events.BlockStartedEvent, events.AnswerQuestionedEvent),
)
"""What a run says and does: told only at its own level, or one at which more is told."""

OURS = frozenset({prompts.TRIES_LEFT, prompts.AS_THE_USER_SAYS, prompts.LOOK_FIRST})


def gated(log: Sequence[AgentEvent], level: Privacy, name: str) -> Sequence[AgentEvent]:
    """Return the log as it may be told.

    Args:
        log: All events, oldest first.
        level: How much may be told; at `rows` it is the log itself.
        name: The agent's.
    """
    return log if level == "rows" else tuple(_Gate(level, name).passed(standing(log)))


class _Gate:
    """Lets events of one log through, in order.

    Args:
        level: How much may be told.
        name: The agent's.
    """

    def __init__(self, level: Privacy, name: str) -> None:
        self._level: Privacy = level
        self._agents = {name}
        self._is_apart = True  # what was said and done is of a model that was told more, or nobody knows of which
        self._decided = False  # the model has decided, last
        self._words: Withholding = withholding_at(level)

    def passed(self, log: Sequence[AgentEvent]) -> Iterator[AgentEvent]:
        for event in log:
            if isinstance(event, events.RunStartedEvent):
                self._agents.add(event.source)
                self._is_apart = is_laxer(event.privacy, self._level)
            told = self._told(event)
            if told is not None:
                self._words.learn(told)
                yield told

    def _told(self, event: AgentEvent) -> AgentEvent | None:
        if self._is_apart and isinstance(event, OF_A_RUN):
            return None
        if isinstance(event, events.ModelReplyEvent):
            self._decided = event.purpose == "decide"
        match event:
            case events.RunFinishedEvent() if self._is_apart:
                return _said(event, prompts.DONE_APART)
            case events.RetryDecisionEvent(reason=reason) if not self._decided and reason not in OURS:
                return event.model_copy(update={"reason": prompts.ALLOWED})
            case events.TextMessage() if event.source in self._agents:
                return None  # its closing words repeat what code printed
            case _:
                return self._of_single(event)

    def _of_single(self, event: AgentEvent) -> AgentEvent | None:
        match event:
            case events.ContextEvent():
                content = event.less.at(self._level)
                return event.model_copy(update={"content": content}) if content else None
            case events.VariableEvent():
                return event.model_copy(update={"description": event.less.at(self._level) or prompts.IT_IS_THERE})
            case events.CodeExecutionEvent():
                return event.model_copy(update={"result": self._words.result(event.result)})
            case events.ErrorExplainedEvent():
                return event.model_copy(update={"content": self._words.explained(event), "details": ""})
            case events.KernelStateEvent():
                return event.model_copy(update={"names": (), "reason": ""})
            case events.AnswerQuestionedEvent() if self._level == "schema":
                return None  # what an answer lacks tells what the output has
            case events.HandoffMessage():
                return event.model_copy(update={"context": ()})
            case _ if isinstance(event, PASS):
                return event
            case _:
                return None


PASS = (
    *(events.TextMessage, events.MessageAddedEvent, events.RunStartedEvent, events.RunFinishedEvent),
    *(events.ModelReplyEvent, events.CodeGenerationEvent, events.CodeRefusedEvent, events.RetryDecisionEvent),
    *(events.ApprovalEvent, events.NextStepEvent, events.TaskTurnedEvent, events.BlockStartedEvent),
    events.AnswerQuestionedEvent,
)
"""What users and models have said, and what happened: no code has a hand in it."""


def _said(event: AgentEvent, text: str) -> AgentEvent:
    return events.MessageAddedEvent(
        source=event.source, created_at=event.created_at, message=UserMessage(content=text, source=CODE_RUNNER)
    )
