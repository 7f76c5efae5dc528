"""Tells listeners what happens without letting them do harm. Knows events; nothing of kernels."""

import asyncio
from collections.abc import Callable

from kernel_executor.events import ExecutionEvent, LateOutput
from kernel_executor.in_kernel.guard import DISPLAY_OVERHEAD, DISPLAYS
from kernel_executor.in_kernel.text import left_out
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import Append, read_change

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
    """Attributes what comes after a block's end to that block."""

    def __init__(self) -> None:
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
        if message.parent_id not in self._blocks or message.type not in OUTPUTS:
            return
        size = max(message.weight, DISPLAY_OVERHEAD)
        if message.is_left_out or size > self._room:
            self._leave_out(message.parent_id, size)
        elif change := read_change(message):
            self._room -= size
            self._tell(LateOutput(message.parent_id, change))

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
