"""When a conversation ends: AutoGen's termination conditions and their combinations. Knows messages, no team.

They look at what participants say; what went on inside an agent ends nothing, unless it is asked for.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from codeagent_nb.errors import TerminatedException
from codeagent_nb.events import AgentEvent, ChatMessage, TextMessage
from codeagent_nb.init_arguments import remembers_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMessage:
    """Why a conversation ends.

    Args:
        content: The reason; the `stop_reason` of the run.
        source: The condition that was met.
    """

    content: str
    source: str


class TerminationCondition(Protocol):
    """Is shown each message once and says when it has seen enough. Derive your own from this; it brings `|` and `&`."""

    @property
    @abstractmethod
    def terminated(self) -> bool:
        """Whether the condition has been met since the last reset."""
        ...

    @abstractmethod
    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Look at what is new since the last call; say why to stop, or None to go on.

        Raises:
            TerminatedException: The condition has been met before; reset it first.
        """
        ...

    @abstractmethod
    async def reset(self) -> None:
        """Forget everything."""
        ...

    def __or__(self, other: "TerminationCondition") -> "TerminationCondition":
        """Stop as soon as one of the two is met."""
        return OrTerminationCondition(self, other)

    def __and__(self, other: "TerminationCondition") -> "TerminationCondition":
        """Stop as soon as both have been met."""
        return AndTerminationCondition(self, other)


class MaxMessageTermination(TerminationCondition):
    """Stops after a number of messages, those of the task included.

    Args:
        max_messages: How many.
        include_agent_event: Count what happens inside agents, too, as far as AutoGen has such events.
    """

    @remembers_arguments
    def __init__(self, max_messages: int, include_agent_event: bool = False) -> None:
        if max_messages < 1:
            raise ValueError(f"max_messages must be 1 or more, not {max_messages!r}")
        self._max_messages = max_messages
        self._include_agent_event = include_agent_event
        self._count = 0

    @property
    def terminated(self) -> bool:
        """Whether the number has been reached."""
        return self._count >= self._max_messages

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Count."""
        _refuse_if_terminated(self)
        self._count += sum(self._include_agent_event or isinstance(message, ChatMessage) for message in messages)
        if not self.terminated:
            return None
        reached = f"Maximum number of messages {self._max_messages} reached"
        return _stop(self, f"{reached}, current message count: {self._count}")

    async def reset(self) -> None:
        """Count from 0."""
        self._count = 0


class TextMentionTermination(TerminationCondition):
    """Stops when a text is mentioned, be it in the task.

    Args:
        text: What to look for.
        sources: Look only at messages of these.
    """

    @remembers_arguments
    def __init__(self, text: str, sources: Sequence[str] | None = None) -> None:
        self._text = text
        self._sources = sources
        self._terminated = False

    @property
    def terminated(self) -> bool:
        """Whether the text was mentioned."""
        return self._terminated

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Look for the text."""
        _refuse_if_terminated(self)
        self._terminated = any(self._mentions(message) for message in messages)
        return _stop(self, f"Text '{self._text}' mentioned") if self._terminated else None

    def _mentions(self, message: AgentEvent) -> bool:
        # Not in thoughts: a model that ponders whether to say TERMINATE has not said it. AutoGen stops there.
        meant = self._sources is None or message.source in self._sources
        return isinstance(message, ChatMessage) and meant and self._text in message.content

    async def reset(self) -> None:
        """Look for it again."""
        self._terminated = False


class TextMessageTermination(TerminationCondition):
    """Stops when somebody says something.

    Args:
        source: Who; None is anybody, and so the task itself.
    """

    @remembers_arguments
    def __init__(self, source: str | None = None) -> None:
        self._source = source
        self._terminated = False

    @property
    def terminated(self) -> bool:
        """Whether there was such a message."""
        return self._terminated

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Look for such a message."""
        _refuse_if_terminated(self)
        for message in messages:
            if isinstance(message, TextMessage) and self._source in (None, message.source):
                self._terminated = True
                return _stop(self, f"Text message received from '{message.source}'")
        return None

    async def reset(self) -> None:
        """Look for one again."""
        self._terminated = False


class OrTerminationCondition(TerminationCondition):
    """Stops as soon as one condition is met; gives the reasons of all that are."""

    @remembers_arguments
    def __init__(self, *conditions: TerminationCondition) -> None:
        self._conditions = conditions

    @property
    def terminated(self) -> bool:
        """Whether any has been met."""
        return any(condition.terminated for condition in self._conditions)

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Ask all."""
        _refuse_if_terminated(self)
        stops = [stop for condition in self._conditions if (stop := await condition(messages))]
        return _joined(stops) if stops else None

    async def reset(self) -> None:
        """Reset all."""
        for condition in self._conditions:
            await condition.reset()


class AndTerminationCondition(TerminationCondition):
    """Stops as soon as every condition has been met, now or before; gives their reasons in that order."""

    @remembers_arguments
    def __init__(self, *conditions: TerminationCondition) -> None:
        self._conditions = conditions
        self._stops: list[StopMessage] = []

    @property
    def terminated(self) -> bool:
        """Whether all have been met."""
        return all(condition.terminated for condition in self._conditions)

    async def __call__(self, messages: Sequence[AgentEvent]) -> StopMessage | None:
        """Ask those that have not been met."""
        _refuse_if_terminated(self)
        waiting = [condition for condition in self._conditions if not condition.terminated]
        self._stops += [stop for condition in waiting if (stop := await condition(messages))]
        return _joined(self._stops) if self.terminated else None

    async def reset(self) -> None:
        """Reset all."""
        self._stops.clear()
        for condition in self._conditions:
            await condition.reset()


def _refuse_if_terminated(condition: TerminationCondition) -> None:
    if condition.terminated:
        raise TerminatedException("Termination condition has already been reached; reset it first")


def _stop(condition: TerminationCondition, content: str) -> StopMessage:
    return StopMessage(content=content, source=type(condition).__name__)


def _joined(stops: Sequence[StopMessage]) -> StopMessage:
    return StopMessage(
        content=", ".join(stop.content for stop in stops), source=", ".join(stop.source for stop in stops)
    )
