"""Tells listeners what happens without letting them do harm, above all to blocks that have ended. Knows no kernel."""

import asyncio
from collections.abc import Callable

from kernel_executor.events import ExecutionEvent, LateOutput
from kernel_executor.in_kernel.guard import COMMS, DISPLAY_OVERHEAD, DISPLAYS
from kernel_executor.in_kernel.text import left_out
from kernel_executor.outputs.earlier import Displays, News
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append, OutputChange, Update, read_change
from kernel_executor.outputs.widgets import Widgets
from kernel_executor.types import Output

OUTPUTS = DISPLAYS | {"stream", "error", "clear_output"}

Listener = Callable[[ExecutionEvent], None]

LATE_BLOCKS_KNOWN = 256
"""Blocks whose late output can still be told apart; older ones are let go."""

LATE_ROOM = 10_000_000
"""Bytes of late output told until the next block begins, a thousand at least for each piece.

Of all blocks together: whoever prints while nobody looks fills logs and journals (150 MB in 20 s, measured).
"""


def guarded(listener: Listener) -> Listener:
    """Detach a listener that raises, and report it as asyncio reports callbacks.

    A broken view must not break the run, nor leave code running that nobody attends to.
    """
    broken = False

    def tell(event: ExecutionEvent) -> None:
        nonlocal broken
        if broken:
            return
        try:
            listener(event)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises; a CancelledError from here cancels nobody
            broken = True
            context = {"message": f"an executor's listener raised and was detached: {listener!r}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    return tell


class LateOutputs:
    """Attributes what comes after a block's end to that block, and what changes displays to those who show them."""

    def __init__(self) -> None:
        self.widgets = Widgets()
        """What widgets hold, whichever block has made them."""
        self._news = News()
        self._displays = Displays()
        self._blocks: dict[str, None] = {}
        self._listeners: dict[object, Listener] = {}
        self._room = LATE_ROOM
        self._omitted = 0
        self._cut_block = ""  # where it was said that something is missing

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`; returns a function that ends this."""
        key = object()
        self._listeners[key] = guarded(listener)
        return lambda: self._listeners.pop(key, None) and None

    def expect(self, block_id: str) -> None:
        """Know a block from now on."""
        if self._omitted:
            self._say(self._cut_block, left_out(self._omitted, "bytes of late output"))
        self._room, self._omitted = LATE_ROOM, 0
        self._blocks[block_id] = None
        while len(self._blocks) > LATE_BLOCKS_KNOWN:
            self._blocks.pop(next(iter(self._blocks)))

    def take(self, message: Message) -> None:
        """Report a message that belongs to no open request, if it is a known block's output."""
        if message.type in COMMS:
            self.widgets.take(message)
        if message.is_loss and message.parent_id in self._blocks:
            self._say(message.parent_id, f"\n[late output is missing: {message.content.get('reason')}]\n")
        if message.parent_id not in self._blocks or message.type not in OUTPUTS or self.widgets.capture(message):
            return
        size = max(message.weight, DISPLAY_OVERHEAD)
        if message.is_left_out or size > self._room:
            self._leave_out(message.parent_id, size)
        elif change := read_change(message):
            self._room -= size
            change = self.widgets.viewed(change)
            self._tell(LateOutput(message.parent_id, change))
            self._news.add(change)
            self.follow(message.parent_id, change)

    def follow(self, block_id: str, change: OutputChange) -> None:
        """Take in a change of a block's outputs; if other blocks show the display that it changes, tell theirs."""
        match change:
            case Append(display_id=str(display_id)):
                self._displays.note(display_id, block_id)
            case Update(display_id=display_id):
                others = [block for block in self._displays.blocks(display_id) if block in self._blocks]
                for block in others:
                    if block != block_id:
                        self._tell(LateOutput(block, change))
                if set(others) - {block_id}:
                    self._news.add(change)

    def take_news(self) -> tuple[Output, ...]:
        """Return what came of ended blocks since the last call, as far as nobody else has it in his outputs."""
        news, self._news = self._news, News()
        return news.outputs

    def _leave_out(self, block_id: str, size: int) -> None:
        if not self._omitted:
            self._cut_block = block_id
            self._say(block_id, f"\n[late output left out: the limit is {LATE_ROOM:,} bytes until the next block]\n")
        self._omitted += size

    def _say(self, block_id: str, text: str) -> None:
        self._tell(LateOutput(block_id, Append({"output_type": "stream", "name": "stderr", "text": text})))

    def _tell(self, event: LateOutput) -> None:
        for tell in tuple(self._listeners.values()):
            tell(event)
