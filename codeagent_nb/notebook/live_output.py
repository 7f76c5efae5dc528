"""Shows a cell's story while it happens, at most 20 times a second and a fifth of the time.

Knows IPython's display publisher; no widgets.
"""

import asyncio
import contextvars
import time
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from codeagent_nb.events import AgentEvent, LateOutputEvent, TaskTurnedEvent
from codeagent_nb.projections.cell_output import Bundle
from codeagent_nb.rendering.fallback import cannot_be_shown

SECONDS_BETWEEN = 0.05
"""Above 20 updates a second a front end falls behind (measured: 8.5 s for a stream of 2)."""

REST = 4
"""Times as long as the last drawing took. A reply of 27 kB took 0.15 s, and drawn every 0.05 s its stream fell behind:
so drawing takes at most a fifth of the time, however much there is to draw."""


class DisplayPublisher(Protocol):
    """What is needed of `shell.display_pub`."""

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = ..., **more: Any) -> None:
        """Show a display, or with `update=True` change it."""
        ...

    def clear_output(self, wait: bool = ...) -> None:
        """Forget what the cell shows."""
        ...


class Story(Protocol):
    """What is to be shown: displays by their keys."""

    def take(self, event: AgentEvent) -> object:
        """Take one event in."""
        ...

    def changed(self) -> Iterable[tuple[str, Bundle]]:
        """Return every display that is new or other than when this was last asked."""
        ...

    def final(self) -> Iterable[tuple[str, Bundle]]:
        """Return the displays of the last attempt only."""
        ...


class CellView:
    """A view that draws under the cell in whose context it is made.

    Args:
        publisher: Where to.
        story: What stands there.
    """

    def __init__(self, publisher: DisplayPublisher, story: Story) -> None:
        self._publisher = publisher
        self._story = story
        # Late output comes from other tasks; in this context the kernel still sends it to our cell.
        self._context = contextvars.copy_context()
        self._prefix = uuid.uuid4().hex
        self._shown: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rests_until = 0.0
        self._over = False

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; draw soon."""
        if self._over and not isinstance(event, LateOutputEvent | TaskTurnedEvent):
            return
        self._story.take(event)
        if self._timer is None:
            wait = max(SECONDS_BETWEEN, self._rests_until - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._draw, context=self._context)

    def _draw(self) -> None:
        self._timer = None
        began = time.monotonic()
        try:
            for key, (data, metadata) in self._story.changed():
                if key in self._shown or data:
                    self._publish(key, data, metadata)
        finally:
            ended = time.monotonic()
            self._rests_until = ended + REST * (ended - began)

    def _publish(self, key: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        try:
            self._send(key, data, metadata)
        except Exception as error:  # noqa: BLE001 - what cannot be sent must not take those that come after it along
            self._send(key, *cannot_be_shown(error))  # if this fails too, there is nobody left to show anything to

    def _send(self, key: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        transient = {"display_id": f"{self._prefix}-{key}"}
        self._publisher.publish(data, metadata, transient=transient, update=key in self._shown)
        self._shown.add(key)

    def draw_now(self) -> None:
        """Draw what is new, without waiting; call it from the cell itself."""
        if self._timer:
            self._timer.cancel()
        self._draw()

    def finish(self, *, redraw: bool) -> None:
        """End the story; with `redraw` the cell is cleared and shows only the last attempt."""
        self._over = True
        self.draw_now()
        if redraw:
            self._publisher.clear_output(wait=True)
            self._shown.clear()
            for key, (data, metadata) in self._story.final():
                if data:
                    self._publish(key, data, metadata)
