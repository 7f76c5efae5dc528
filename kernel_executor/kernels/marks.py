"""When checkpoints are taken by themselves, so that the state before a call can come back. Knows no block's output.

A fork costs what the kernel's memory costs, 5 to 20 ms, and a block 2 ms. So one is taken while nobody waits, soon
after a call; a call that comes before waits for one, but where the code since the last one is short, and plainly comes
to the same end when it runs again.
"""

import asyncio
import time
from dataclasses import dataclass

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.errors import KernelExecutorError, NoCheckpoint
from kernel_executor.kernels.history import History
from kernel_executor.kernels.kernel import Forks, Kernel
from kernel_executor.kernels.launched import Held
from kernel_executor.limits.usage import available_memory, whole_memory

SOON = 0.05
"""Seconds after a call until a checkpoint is taken: whoever sends one call after another begins the next before."""

RUN_AGAIN = 0.5
"""Seconds of code that are run again when a state comes back; after more of it, a call waits for a checkpoint."""

ASK_AGAIN = 1.0
"""Seconds until a call waits again for a kernel that has just refused: to look takes it 2 ms."""

MEMORY_LEFT = 10
"""A checkpoint is taken while this part of the machine's memory is left: a tenth. Its pages are shared until the kernel
writes to them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A state that can come back.

    Args:
        held: The checkpoint; None is a kernel that has run nothing.
        position: Where in the history it was taken.
    """

    held: Held | None
    position: int

    @property
    def is_there(self) -> bool:
        """Whether it can be used."""
        return self.held is None or self.held.is_there


class Marks:
    """Keeps one mark, of the state before the next call or a little earlier.

    Args:
        forks: What takes checkpoints; None if nothing does.
    """

    def __init__(self, forks: Forks | None) -> None:
        self.forks = forks
        self._mark: Mark | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._taking: asyncio.Task[bool] | None = None
        self._refused = float("-inf")
        self.reason = "" if forks else "this kind of kernel takes none"
        self.begin_afresh(0)

    @property
    def mark(self) -> Mark | None:
        """The mark, if there is one that can be used."""
        return self._mark if self._mark and self._mark.is_there else None

    def begin_afresh(self, position: int) -> None:
        """Note that the kernel is a new one, which has run nothing, at a position of the history."""
        self._refused = float("-inf")
        self._set(Mark(None, position) if self.forks else None)

    def begin_elsewhere(self) -> None:
        """Note that the kernel is another one, which comes from somewhere else: the next call waits for a mark."""
        self._refused = float("-inf")
        self._set(None)

    def forget(self) -> None:
        """Have no mark: what is there is not the state of now."""
        self._set(None)

    def _set(self, mark: Mark | None) -> None:
        if self._mark and self._mark.held:
            self._mark.held.close()
        self._mark = mark

    def after_call(self, kernel: Kernel, history: History) -> None:
        """Take a checkpoint soon, if the call ended well and nobody asks for another one before."""
        if self.forks and not history.is_spoilt and self._lags(history):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SOON, self._begin, kernel, history)

    def _lags(self, history: History) -> bool:
        return self.mark is None or history.position > self.mark.position

    def _begin(self, kernel: Kernel, history: History) -> None:
        self._timer = None
        self._taking = asyncio.create_task(self._take(kernel, history))

    async def before_call(self, kernel: Kernel, history: History) -> None:
        """See to it that the state of now can come back; waits for a checkpoint where that is needed."""
        await self.settle()
        if self.forks is None or not self._must_be_taken(history):
            return
        if time.monotonic() > self._refused + ASK_AGAIN and await self._take(kernel, history):
            history.went_on()
        elif history.is_spoilt:
            self.forget()  # what the failed call left is not in it

    def _must_be_taken(self, history: History) -> bool:
        mark = self.mark
        if mark is None or history.is_spoilt:
            return True
        since = mark.position
        if history.seconds(since) > RUN_AGAIN or not history.repeats(since):
            return True
        return bool(history.why_no_replay(since))

    async def settle(self) -> None:
        """Wait for a checkpoint that is being taken; none is taken soon any more."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._taking:
            await asyncio.wait({self._taking})
            self._taking = None

    async def _take(self, kernel: Kernel, history: History) -> bool:
        position = history.position
        try:
            held = await self.take(kernel)
        except KernelExecutorError as error:  # the kernel goes on without; whoever needs its state is told why
            self.reason, self._refused = str(error), time.monotonic()
            return False
        self.reason = ""
        self._set(Mark(held, position))
        return True

    async def take(self, kernel: Kernel) -> Held:
        """Take a checkpoint of the state of now.

        Raises:
            NoCheckpoint: It cannot be taken; the message tells why.
        """
        if self.forks is None:
            raise NoCheckpoint(self.reason)
        if available_memory() * MEMORY_LEFT < whole_memory():
            self.forget()
            raise NoCheckpoint("little of the machine's memory is left; free some, and try again")
        return await self.forks.take(kernel)

    async def aclose(self) -> None:
        """End everything."""
        if self._timer:
            self._timer.cancel()
        if self._taking:
            self._taking.cancel()
            await uninterrupted(ended(self._taking))
        self.forget()
