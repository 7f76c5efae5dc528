"""A loop on a thread of its own, for where no kernel has one: the IPython terminal. Knows asyncio only."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers that wait; one loop for the whole session, since executors belong to one."""

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

        def begin() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda _: done.set())

        self._loop.call_soon_threadsafe(begin)
        interrupted = False
        while not done.is_set():
            try:
                done.wait()
            except KeyboardInterrupt:
                interrupted = True
                self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
        if interrupted and tasks[0].cancelled():
            raise KeyboardInterrupt
        return tasks[0].result()
