"""Shows a cell's story while it happens, at most 20 times a second. Knows IPython's display publisher; no widgets."""

import asyncio
import contextvars
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from codeagent_nb.events import AgentEvent, LateOutputEvent
from codeagent_nb.views.cell import Bundle

SECONDS_BETWEEN = 0.05
"""Above 20 updates a second a front end falls behind (measured: 8.5 s for a stream of 2)."""


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
        """Give every display that is new or other than when this was last asked."""
        ...

    def final(self) -> Iterable[tuple[str, Bundle]]:
        """Give the displays of the last attempt only."""
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
        self._over = False

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; draw soon."""
        if self._over and not isinstance(event, LateOutputEvent):
            return
        self._story.take(event)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SECONDS_BETWEEN, self._draw, context=self._context)

    def _draw(self) -> None:
        self._timer = None
        for key, (data, metadata) in self._story.changed():
            if key in self._shown or data:
                self._publish(key, data, metadata)

    def _publish(self, key: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
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
        self.draw_now()
        self._over = True
        if redraw:
            self._publisher.clear_output(wait=True)
            self._shown.clear()
            for key, (data, metadata) in self._story.final():
                if data:
                    self._publish(key, data, metadata)
