"""The event log: keeps what happened and tells every view. Knows no view's kind and no model."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from codeagent_nb.events import AgentEvent, ModelClientStreamingChunkEvent, ViewDetachedEvent
from codeagent_nb.redaction import Redactor

logger = logging.getLogger("codeagent_nb")


class View(Protocol):
    """A surface: is told every event, in order, on the event loop; must not block and may raise."""

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in."""
        ...


class EventLog:
    """All events so far. Pieces of replies pass through and are not kept: the whole reply follows them.

    Args:
        redactor: Takes secrets out of every event before anybody sees it; may be replaced by one that knows more.
    """

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self._events: list[AgentEvent] = []
        self._views: list[View] = []

    @property
    def events(self) -> tuple[AgentEvent, ...]:
        """What happened, oldest first."""
        return tuple(self._events)

    def attach(self, view: View) -> Callable[[], None]:
        """Tell `view` every event from now on; returns a function that ends this."""
        self._views.append(view)
        return partial(self.detach, view)

    def detach(self, view: View) -> None:
        """Tell `view` nothing more."""
        if view in self._views:
            self._views.remove(view)

    def publish(self, event: AgentEvent) -> AgentEvent:
        """Keep an event and tell every view; return it as it was kept."""
        event = self.redactor.event(event)
        if not isinstance(event, ModelClientStreamingChunkEvent):
            self._events.append(event)
        detached = [lost for view in tuple(self._views) if (lost := self._tell(view, event))]
        for lost in detached:  # only now, so that every view is told things in the order in which they happened
            self.publish(lost)
        return event

    def _tell(self, view: View, event: AgentEvent) -> ViewDetachedEvent | None:
        try:
            view.on_event(event)
        except Exception as error:  # whatever a view does wrong, the run and the other views go on
            self.detach(view)
            logger.warning("view %s detached: %s", type(view).__name__, error)
            logger.debug("the traceback of that view", exc_info=error)
            return ViewDetachedEvent(source="log", view=type(view).__name__, error=str(error))
        return None

    def clear(self) -> None:
        """Forget everything; views stay."""
        self._events.clear()
