"""The event log: keeps what happened and tells every view. Knows no view's kind and no model."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

from codeagent_nb.events import AgentEvent, ModelClientStreamingChunkEvent, ViewDetachedEvent
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.masking.holding import HoldBack
from kernel_executor.text import cleaned

logger = logging.getLogger("codeagent_nb")

EVENT_LOGGER_NAME = "codeagent_nb.events"
"""Python's logger of that name gets every event as JSON, at level INFO, pieces of replies at DEBUG; the event itself is
`record.event`. AutoGen's is `autogen_agentchat.event`."""

event_logger = logging.getLogger(EVENT_LOGGER_NAME)


class View(Protocol):
    """A surface: called with every event, in order, on the event loop; must not block and may raise."""

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in."""
        ...


class EventLog:
    """All events so far. Pieces of replies pass through and are not kept: the whole reply follows them.

    Args:
        secrets: What is taken out of every event before anybody sees it.
    """

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self._holding = HoldBack()
        self._events: list[AgentEvent] = []
        self._views: list[View] = []

    @property
    def events(self) -> tuple[AgentEvent, ...]:
        """What happened, oldest first."""
        return tuple(self._events)

    def attach(self, view: View) -> Callable[[], None]:
        """Call `view` with every event from now on; return a function that ends this."""
        self._views.append(view)
        return partial(self.detach, view)

    def detach(self, view: View) -> None:
        """Call `view` no more."""
        if view in self._views:
            self._views.remove(view)

    def publish(self, event: AgentEvent) -> AgentEvent:
        """Keep an event and tell every view; return it as it was kept.

        The end of a text that comes in pieces may be held back for the next one: half a key is no key.
        """
        redactor = self.secrets.redactor
        ready = [redactor.event(part) for part in self._holding.take(event, redactor.finder)]
        for part in ready:
            self._keep(part)
        return ready[-1] if ready else redactor.event(event)

    def look(self) -> None:
        """Look for secrets that are new, and for them in what happened before: the prompt is made of it."""
        known = self.secrets.redactor
        if self.secrets.look() is not known:
            self.replace(self._events)

    def _keep(self, event: AgentEvent) -> None:
        is_piece = isinstance(event, ModelClientStreamingChunkEvent)
        level = logging.DEBUG if is_piece else logging.INFO
        if event_logger.isEnabledFor(level):
            event_logger.log(level, "%s", event.model_dump_json(), extra={"event": event})
        if not is_piece:
            self._events.append(event)
        detached = [lost for view in tuple(self._views) if (lost := self._tell(view, event))]
        for lost in detached:  # only now, so that every view is told things in the order in which they happened
            self._keep(self.secrets.redactor.event(lost))

    def _tell(self, view: View, event: AgentEvent) -> ViewDetachedEvent | None:
        try:
            view.on_event(event)
        except Exception as error:  # whatever a view does wrong, the run and the other views go on
            self.detach(view)
            self.secrets.take_out_of(error)
            logger.warning("view %s detached: %s", type(view).__name__, cleaned(str(error)))
            logger.debug("the traceback of that view", exc_info=error)
            return ViewDetachedEvent(source="log", view=type(view).__name__, error=str(error))
        return None

    def replace(self, events: Sequence[AgentEvent]) -> None:
        """Replace all events with these; views are not called."""
        self._events = [self.secrets.redactor.event(event) for event in events]


class Listener:
    """A view that passes events on.

    Args:
        tell: Is given each event.
        chunks: True to pass on pieces of replies, too.
    """

    def __init__(self, tell: Callable[[AgentEvent], None], *, chunks: bool) -> None:
        self._tell = tell
        self._chunks = chunks

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in."""
        if self._chunks or not isinstance(event, ModelClientStreamingChunkEvent):
            self._tell(event)


@contextmanager
def listening(log: EventLog, tell: Callable[[AgentEvent], None], *, chunks: bool) -> Iterator[None]:
    """Yield every event until the run ends; pieces of replies only if they are asked for."""
    detach = log.attach(Listener(tell, chunks=chunks))
    try:
        yield
    finally:
        detach()
