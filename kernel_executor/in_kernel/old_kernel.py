"""Takes apart what a fork has of the kernel that it was forked from. Knows ipykernel's application, Tornado and pyzmq.

A kernel that comes back may be forked again, and so on: with all that was before it still there, each carried 700
objects and 0.5 MB more than the last, and was slower for it (measured, 160 of them). What is collected must not reach
the live kernel, which has the same epolls, nor close the number of a descriptor that is another one's by then, nor say
anything: ZeroMQ's own memory stays, as its threads are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from . import same_loop

OUR_TASKS = ("ipykernel", "tornado", "zmq", "codeagent_kernel")
"""Packages whose tasks begin again with the kernel."""


def is_ours(task: asyncio.Task[Any]) -> bool:
    """Return whether a task is one of the kernel's."""
    package = str(getattr(getattr(task.get_coro(), "cr_frame", None), "f_globals", {}).get("__name__", ""))
    return package.partition(".")[0] in OUR_TASKS


OF_ANY_THREAD = frozenset(vars(threading.Thread()))
"""What the methods of a thread need, which code may have a reference to."""


def take_apart(app: Any, streams: Iterable[Any]) -> None:
    """Leave nothing of a kernel that does anything when it is collected; its descriptors are to be closed then.

    What was on the stacks of its threads is never let go of, as these are not there: so that it leads to nothing else.

    Args:
        app: The application.
        streams: Its streams.
    """
    main = app.io_loop.asyncio_loop
    around = dict(_loops_of_threads(main))
    for loop in (main, *around):
        _end_tasks(loop)
        same_loop.let_go(loop)
    for loop, tornados in around.items():
        for each in (loop, tornados):
            vars(each).clear()
        loop._closed = True  # noqa: SLF001 - or it says that nobody has closed it
    for context in (app.context, app.heartbeat.context):
        _abandon(context)
    for thread in _threads(app, streams):
        for name in vars(thread).keys() - OF_ANY_THREAD:
            delattr(thread, name)
        thread._target = thread._invoke_excepthook = None  # noqa: SLF001
    app.iopub_thread.__dict__.clear()


def _threads(app: Any, streams: Iterable[Any]) -> Iterator[Any]:
    yield from (app.control_thread, app.heartbeat, app.iopub_thread.thread)
    yield from filter(None, (getattr(stream, "watch_fd_thread", None) for stream in streams))


def _loops_of_threads(main: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the loops of threads, each with Tornado's around it; had code one of its own, there were no fork."""
    from tornado.ioloop import IOLoop

    known: dict[Any, Any] = IOLoop._ioloop_for_asyncio  # noqa: SLF001 - it holds them
    for loop in list(known):
        # Tornado hears late of one that code has closed, and such a one has nothing that could be let go of.
        if loop is not main and same_loop.is_known(loop) and not loop.is_closed():
            yield loop, known.pop(loop)


def _end_tasks(loop: Any) -> None:
    for task in asyncio.all_tasks(loop):
        if is_ours(task):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio's own name for this
            with contextlib.suppress(Exception):  # it waits for what is not there any more
                task.get_coro().close()
            asyncio.tasks._unregister_task(task)  # noqa: SLF001 - or it seems pending; documented since 3.12


def _abandon(context: Any) -> None:
    # Each knows in which process it was made, and does nothing in another one but warn that nobody has closed it.
    for socket in list(context._sockets):  # noqa: SLF001 - a public list of them does not exist
        socket._closed = True  # noqa: SLF001
    context.term()
