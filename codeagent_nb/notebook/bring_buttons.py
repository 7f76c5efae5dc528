"""Buttons under a cell that bring what its task has made into the notebook. Knows ipywidgets; decides nothing.

They stand there until the next task, which may change the variables, until the last one is taken back, or for some
minutes: a notebook that is opened without its kernel would show an error in their place.
"""

import asyncio
import contextvars
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from codeagent_nb.events import AgentEvent, NewVariablesEvent, RunStartedEvent, TaskTurnedEvent
from codeagent_nb.log.event_log import View
from codeagent_nb.notebook.bringing_home import Brought
from codeagent_nb.notebook.live_output import DisplayPublisher
from codeagent_nb.text import how_to_bring, names_that_come

LABEL = "Bring {name} to my kernel"
DONE = "{name} is in my kernel"

LASTING = 600.0
"""Seconds; what was made can be brought by its name for longer."""

Bring = Callable[[str], Coroutine[Any, Any, Brought]]
"""Brings one variable home."""


class BringButtons:
    """A view that shows a button for each variable that can come; made in the context of the cell it stands under.

    Args:
        publisher: Where they stand.
        besides: Variables that come anyway.
    """

    def __init__(self, publisher: DisplayPublisher, besides: tuple[str, ...] = ()) -> None:
        self._publisher = publisher
        self._besides = besides
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # a click has another parent: what it shows would go nowhere
        self._event: NewVariablesEvent | None = None
        self._box: Any = None
        self._places = {name: {"display_id": uuid.uuid4().hex} for name in ("buttons", "said")}
        self._working: set[asyncio.Task[None]] = set()
        self._unwatch: Callable[[], None] = _nothing

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in."""
        match event:
            case NewVariablesEvent() if self._box is None:
                self._event = event
            case RunStartedEvent() | TaskTurnedEvent() if self._box is not None:
                self.close()

    def show(self, watch: Callable[[View], Callable[[], None]], bring: Bring) -> None:
        """Show the buttons, if there is anything to bring.

        Args:
            bring: Brings a variable home.
            watch: Has a view told of what happens from now on, and returns a function that ends this.
        """
        names = names_that_come(self._event) if self._event else []
        names = [name for name in names if name not in self._besides]
        if not names or self._event is None:
            return
        from ipywidgets import Button, HBox, Layout

        buttons = []
        for name in names:
            button = Button(description=LABEL.format(name=name), layout=Layout(width="auto"))
            button.on_click(partial(self._clicked_at, bring, name))
            buttons.append(button)
        self._box = HBox(buttons, layout=Layout(flex_flow="row wrap"))
        data = {**self._box._repr_mimebundle_(), "text/plain": how_to_bring(self._event)}
        self._publish("buttons", data, update=False)
        self._publish("said", {}, update=False)
        self._unwatch = watch(self)
        self._loop.call_later(LASTING, self.close, context=self._context)

    def _clicked_at(self, bring: Bring, name: str, button: Any) -> None:
        self._loop.call_soon_threadsafe(self._click, button, name, bring)

    def _click(self, button: Any, name: str, bring: Bring) -> None:
        button.disabled = True
        working = asyncio.ensure_future(self._clicked(button, name, bring))
        self._working.add(working)
        working.add_done_callback(self._working.discard)

    async def _clicked(self, button: Any, name: str, bring: Bring) -> None:
        brought = await bring(name)
        button.description = (DONE if brought.came else LABEL).format(name=name)
        button.disabled = bool(brought.came)
        self._publish("said", {"text/plain": brought.text}, update=True)

    def _publish(self, place: str, data: dict[str, Any], *, update: bool) -> None:
        self._context.run(self._publisher.publish, data, {}, transient=self._places[place], update=update)

    def close(self) -> None:
        """Take them away: a saved notebook is to be read, not to be clicked."""
        if self._box is not None:
            self._publish("buttons", {}, update=True)
            for button in self._box.children:
                button.close()
            self._box.close()
            self._box = None
            self._unwatch()


def _nothing() -> None:
    """Do nothing: they are not shown yet."""
