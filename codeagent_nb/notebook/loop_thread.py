"""Runs coroutines for callers that wait: in the IPython terminal, and when a kernel has ended. Knows asyncio only."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


def run_on_stopped(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop that was stopped, and may be stopped again: ipykernel does so twice.

    `run_until_complete` raises RuntimeError then, and the session of a notebook stayed as it was (seen in CI).
    """
    task = loop.create_task(work)
    task.add_done_callback(lambda _: loop.stop())
    while not task.done():
        loop.run_forever()
    return task.result()


class LoopThread:
    """A loop on a thread of its own, for where no kernel has one; the same for the whole session, as executors need."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A kernel in a sandbox ends with the thread that started it: this one lives as long as the process.
        threading.Thread(target=self._loop.run_forever, daemon=True, name="codeagent").start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end; Ctrl-C cancels the work and waits until it has stopped.

        Raises:
            KeyboardInterrupt: After it has stopped.
        """
        done = threading.Event()
        tasks: list[asyncio.Task[T]] = []
        presses: list[int] = []

        def begin() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda _: done.set())
            if presses:  # already
                cancel()

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        def press(number: int, _: object) -> None:
            presses.append(number)
            self._loop.call_soon_threadsafe(cancel)

        with _handling_interrupts(press):
            self._loop.call_soon_threadsafe(begin)
            done.wait()
        if presses and tasks[0].cancelled():
            raise KeyboardInterrupt
        return tasks[0].result()


@contextmanager
def _handling_interrupts(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Have Ctrl-C call a function: as an exception, one that came before the waiting began left the work to itself."""
    if threading.current_thread() is not threading.main_thread():  # no other thread is interrupted
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
