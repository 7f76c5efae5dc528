"""Which events stand: those of a task that was taken back do not, until it is taken again. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from codeagent_nb.events import AgentEvent, HandoffMessage, TaskTurnedEvent, TextMessage


def standing(log: Iterable[AgentEvent]) -> tuple[AgentEvent, ...]:
    """Return the events that stand, oldest first.

    All that came after a task's first message is taken back with it, for the variables are as before it. The event that
    tells so stands in its place; the event that tells it was taken again stands nowhere.
    """
    stands: list[AgentEvent] = []
    taken_back: dict[datetime, list[AgentEvent]] = {}
    for event in log:
        if not isinstance(event, TaskTurnedEvent):
            stands.append(event)
        elif event.state == "undone":
            place = _place(stands, partial(begins, began=event.began))
            taken_back[event.began], stands[place:] = stands[place:], [event]
        elif event.began in taken_back:
            place = _place(stands, partial(_is_undone, began=event.began))
            stands[place:] = taken_back.pop(event.began)
    return tuple(stands)


def begins(event: AgentEvent, began: datetime) -> bool:
    """Return whether an event is the message that began the task of that moment."""
    return isinstance(event, TextMessage | HandoffMessage) and event.created_at == began


def _is_undone(event: AgentEvent, began: datetime) -> bool:
    return isinstance(event, TaskTurnedEvent) and event.began == began


def _place(events: list[AgentEvent], is_it: Callable[[AgentEvent], bool]) -> int:
    return next((place for place, event in enumerate(events) if is_it(event)), len(events))
