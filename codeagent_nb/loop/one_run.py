"""One piece of work at a time, told as it happens, cancelled as a whole. Knows neither agents nor teams.

Work is a coroutine that is given a function to tell events with; nested generators would each have to remember to
close the next (design D1). The stream exists at the edge only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent, ModelClientStreamingChunkEvent

Tell = Callable[[AgentEvent], None]


class Record:
    """Passes events on and keeps them; pieces of replies pass through, as the whole reply follows."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._events: list[AgentEvent] = []

    @property
    def events(self) -> tuple[AgentEvent, ...]:
        """What was told so far."""
        return tuple(self._events)

    def tell(self, event: AgentEvent) -> None:
        """Take one event in."""
        self._tell(event)
        if not isinstance(event, ModelClientStreamingChunkEvent):
            self._events.append(event)


class OneAtATime:
    """Refuses to begin while something is going on: two at once would mix up one conversation.

    Args:
        who: Names the worker in the error.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._working = False

    @contextmanager
    def work(self) -> Iterator[None]:
        """Be at work.

        Raises:
            AgentError: Work is going on.
        """
        if self._working:
            raise AgentError(f"{self._who} is already working on a task: wait for it, or cancel it first")
        self._working = True
        try:
            yield
        finally:
            self._working = False


def untold(event: AgentEvent) -> None:
    """Publish to nobody."""
