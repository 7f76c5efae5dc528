"""Lets a thread's output belong to the cell that started it, whatever cell runs by then. Knows no kernel.

ipykernel 7 keeps the current request in context variables. A thread starts with none, so its output falls to the
cell that happens to run: a late thread of one cell ate the next one's budget and stood in its output (measured).
"""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def inherit_context() -> None:
    """Start threads and their pools' work in the context of who starts them, as Python 3.14 can do by itself."""
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def start_in_context(thread: threading.Thread) -> None:
        context, run = contextvars.copy_context(), thread.run

        def run_in_context() -> None:
            del thread.run  # else it and the thread would keep each other alive
            context.run(run)

        thread.run = run_in_context  # type: ignore[method-assign]
        start(thread)

    def submit_in_context(pool: ThreadPoolExecutor, work: Any, /, *args: Any, **options: Any) -> Any:
        # A pool's threads outlive the cell that made it; each piece of work belongs to the cell that submits it.
        return submit(pool, contextvars.copy_context().run, work, *args, **options)

    threading.Thread.start = start_in_context  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submit_in_context  # type: ignore[method-assign, assignment]
