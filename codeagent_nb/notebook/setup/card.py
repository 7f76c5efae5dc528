"""A question with ways to answer it, shown on widgets until it is answered. Knows neither what is asked nor a notebook.

What a card shows are plain fields, sent as the widget's trait `card`; what a person does comes as messages that name
the card. A key is such a message, never a field: a trait is state of the widget, which Jupyter saves into notebooks.
"""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol


class Card(ABC):
    """A question. May be on several widgets at once; one answer is the answer for all of them."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[], None]] = []
        self._answered = self._loop.create_future()

    @property
    @abstractmethod
    def status(self) -> str:
        """What it is about, for the line of status."""

    @property
    def is_working(self) -> bool:
        """Whether it does something, and waits for nobody."""
        return False

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Return what is shown."""

    @abstractmethod
    def handle(self, message: dict[str, Any]) -> None:
        """Do what a message of the front end says; runs in the loop."""

    @property
    def is_answered(self) -> bool:
        """Whether it has been answered."""
        return self._answered.done()

    def settle(self) -> None:
        """Take it as answered."""
        if not self._answered.done():
            self._answered.set_result(None)

    def changed(self) -> None:
        """Have every widget show what there is now."""
        for listener in self._listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each change; return a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def receive(self, content: Any) -> None:
        """Take a message of the front end, on whatever thread it comes; those for other cards are not for this one."""
        if isinstance(content, dict) and content.get("id") == self.id:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._handle, content)

    def _handle(self, message: dict[str, Any]) -> None:
        if not self.is_answered:
            self.handle(message)

    async def answered(self) -> None:
        """Wait for the answer."""
        await asyncio.shield(self._answered)  # one widget that waits no more takes it from no other


class CardWidget(Protocol):
    """What is needed of `AgentWidget`."""

    state: Any
    status: Any
    card: Any

    def on_msg(self, callback: Callable[[Any, Any, Any], None], remove: bool = ...) -> None:
        """Call back with each message of the front end."""
        ...


class Cards:
    """Shows cards on one widget, one at a time.

    Args:
        widget: The panel, or the strip under a cell.
        is_shown: Whether anybody can see it.
    """

    def __init__(self, widget: CardWidget, is_shown: Callable[[], Awaitable[bool]]) -> None:
        self._widget = widget
        self.is_shown = is_shown

    async def ask(self, card: Card, *, resting: str = "waiting", working: str = "setup") -> None:
        """Show a card until it is answered; the widget is then as it was.

        Args:
            card: The question.
            resting: The widget's state while a person is waited for.
            working: The widget's state while the card is at work.
        """
        before = self._widget.state, self._widget.status

        def show() -> None:
            self._widget.state, self._widget.status = working if card.is_working else resting, card.status
            self._widget.card = {**card.fields(), "id": card.id}

        stop_listening = card.listen(show)

        def receive(_: Any, content: Any, __: Any) -> None:
            card.receive(content)

        self._widget.on_msg(receive)
        try:
            show()
            await card.answered()
        finally:
            self._widget.on_msg(receive, remove=True)
            stop_listening()
            self._widget.card = None
            self._widget.state, self._widget.status = before
