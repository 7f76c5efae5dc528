"""Tells listeners what happens without letting them do harm. Knows events; nothing of kernels."""

import asyncio
from collections.abc import Callable

from kernel_executor.changes import read_change
from kernel_executor.events import ExecutionEvent, LateOutput
from kernel_executor.wire import Message

Listener = Callable[[ExecutionEvent], None]

LATE_BLOCKS_KNOWN = 256
"""Blocks whose late output can still be told apart; older ones are let go."""


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

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`; returns a function that ends this."""
        key = object()
        self._listeners[key] = guarded(listener)
        return lambda: self._listeners.pop(key, None) and None

    def expect(self, block_id: str) -> None:
        """Know a block from now on."""
        self._blocks[block_id] = None
        while len(self._blocks) > LATE_BLOCKS_KNOWN:
            self._blocks.pop(next(iter(self._blocks)))

    def take(self, message: Message) -> None:
        """Tell what a message that belongs to no open request means, if it is a known block's output."""
        if message.parent_id in self._blocks and (change := read_change(message)):
            event = LateOutput(message.parent_id, change)
            for tell in tuple(self._listeners.values()):
                tell(event)
