"""Collects what one request to run code causes, until it has come to an end. Knows messages; nothing of a kernel.

A request has ended when its reply and its idle are there, in either order: they come on different sockets.
"""

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from kernel_executor.in_kernel.guard import COMMS
from kernel_executor.outputs.fold import OutputFolder
from kernel_executor.outputs.message import LOST_REPLY, Message
from kernel_executor.outputs.output_changes import OutputChange, read_count, read_pages
from kernel_executor.outputs.widgets import Widgets
from kernel_executor.sockets.joining import TextJoiner
from kernel_executor.sockets.router import KernelDeath

REPLY_GRACE = 1.0
"""Seconds to wait for a reply after idle: a failing TaskGroup as the first error of a fresh ipykernel 7.4 sends no
reply at all, and AutoGen then hangs for its full time limit (measured)."""

IDLE_GRACE = 3.0
"""Seconds to wait, without any message, for idle after a reply. Without it outputs are missing: IOPub is broken."""

REFRESH = 0.3
"""Seconds until displays of widgets say what has changed in them; a progress bar changes ten times a second."""
REFRESH_SHARE = 0.02
"""And that much of the time the request has taken: each change is an event that somebody keeps."""

ROOM_AFTER_THE_END = 1_000_000
"""Bytes of messages kept that come after the end; of more, only how much it was."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a request ended: with a reply, without one, or with the kernel's death; or its reply was lost on the way."""

    reply: dict[str, Any] | None = None
    death: KernelDeath | None = None
    lost: str = ""
    """Why the reply will not come."""


class Collector:
    """Takes the messages of a request. Call `close` when it is not to wait for more.

    What it takes after the end, in the moments until nobody hands it messages any more, is in `late`.

    Args:
        folder: Takes in the outputs.
        on_change: Told each change of them.
        give_up: Called when messages must have been lost; a kernel's death is expected to be told then.
        widgets: Those of the kernel.
    """

    def __init__(
        self,
        folder: OutputFolder,
        on_change: Callable[[OutputChange], None],
        give_up: Callable[[], None],
        widgets: Widgets | None = None,
    ) -> None:
        self._folder = folder
        self._widgets = widgets or Widgets()
        # Whoever asked for the block hears of it in the context they asked in, not in that of the reader.
        context = contextvars.copy_context()
        self._changes = TextJoiner(lambda change: context.copy().run(on_change, change))
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._deadline: asyncio.TimerHandle | None = None
        self._refreshing: asyncio.TimerHandle | None = None
        self._started = self._loop.time()
        self._reply: dict[str, Any] | None = None
        self._idle = False
        self._late_room = ROOM_AFTER_THE_END
        self.late: list[Message] = []
        self.lost_output = ""
        self.execution_count: int | None = None
        self.begun: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[Ending] = self._loop.create_future()

    def take(self, message: Message | KernelDeath) -> None:
        """Take one message in."""
        if isinstance(message, KernelDeath):
            self._end(Ending(death=message))
        elif self.ended.done():
            self._late_room -= message.weight
            self.late.append(message if self._late_room > 0 else replace(message, body=None))
        else:
            self._read(message)
        self._set_deadline()

    def _read(self, message: Message) -> None:
        if message.type == LOST_REPLY and message.is_reply:
            self._end(Ending(lost=str(message.content.get("reason"))))
        elif message.is_loss:
            self.lost_output = str(message.content.get("reason"))
        elif message.is_reply:
            self._reply = message.content
        elif message.is_idle:
            self._idle = True
        elif message.type == "execute_input":
            self.execution_count = read_count(message.content)
            if not self.begun.done():  # executed code can say it again
                self.begun.set_result(None)
        else:
            self._show(message)
        if self._reply is not None and self._idle:
            self._end(Ending(reply=self._reply))

    def _show(self, message: Message) -> None:
        if message.type in COMMS:
            self._widgets.take(message)
            self._refresh_soon()
        elif self._widgets.capture(message):
            self._refresh_soon()
        elif change := self._folder.add(message):
            self._changes.take(change)

    def _refresh_soon(self) -> None:
        if self._refreshing is None:
            taken = self._loop.time() - self._started
            self._refreshing = self._loop.call_later(max(REFRESH, REFRESH_SHARE * taken), self._refresh)

    def _refresh(self) -> None:
        """Make displays of widgets say what these say now."""
        if self._refreshing:
            self._refreshing.cancel()
            self._refreshing = None
            for update in self._widgets.updates():
                self._changes.take(self._folder.refresh(update))

    def _end(self, ending: Ending) -> None:
        """End, even if a last change cannot be made: that raises to the reader, but nobody waits for it any longer."""
        try:
            self._refresh()
            for page in read_pages(ending.reply or {}) if not self.ended.done() else ():
                if change := self._folder.apply(page):
                    self._changes.take(change)
            self._changes.flush()
        finally:
            if not self.ended.done():
                self.ended.set_result(ending)

    def _set_deadline(self) -> None:
        """Wait only so long for the next message when one half of the end is there."""
        self._drop_deadline()
        if self.ended.done():
            return
        if self._idle:
            self._deadline = self._loop.call_later(REPLY_GRACE, self._end, Ending())
        elif self._reply is not None:
            self._deadline = self._loop.call_later(IDLE_GRACE, self._give_up)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._drop_deadline()
        self._refresh()
        self._changes.flush()

    def _drop_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
