"""Work that others wait for, cancel and watch. Knows asyncio and processes in general."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from kernel_executor.aio.cancellation import CancellationToken

T = TypeVar("T")
Other = TypeVar("Other")
Event = TypeVar("Event")


async def uninterrupted(work: Awaitable[T]) -> T:
    """Do short, bounded work to its end even if we are cancelled meanwhile, then pass the cancellation on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
    result = task.result()
    if cancelled:
        raise cancelled
    return result


async def in_thread(work: Callable[[], T]) -> T:
    """Do short, bounded work in a thread to its end, as `uninterrupted` does, even if the loop is closing.

    A loop that closes cancels every task, also the one that `asyncio.to_thread` makes; its thread would go on alone,
    with files and numbers of processes that are others' by then.
    """
    return await uninterrupted(begun_in_thread(work))


def begun_in_thread(work: Callable[[], T]) -> "asyncio.Future[T]":
    """Begin work in a thread; where Python is about to end and starts none any more, do it here and now.

    A notebook's session ends with its kernel's process: what it did last, in threads, was not done.
    """
    loop = asyncio.get_running_loop()
    try:
        return loop.run_in_executor(None, work)
    except RuntimeError:
        done: asyncio.Future[T] = loop.create_future()
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            done.set_exception(error)
        return done


async def acquired(work: Awaitable[T], release: Callable[[T], Awaitable[object]]) -> T:
    """Do work that gives something to its end; release it if we are cancelled meanwhile, for nobody gets it then."""
    task = asyncio.ensure_future(work)
    try:
        return await uninterrupted(task)
    except asyncio.CancelledError:
        if not task.cancelled() and not task.exception():
            await uninterrupted(release(task.result()))
        raise


async def together(first: Coroutine[Any, Any, T], second: Awaitable[Other]) -> tuple[T, Other]:
    """Do two things at once; the first is cancelled, and has ended, if the second fails."""
    task = asyncio.ensure_future(first)
    try:
        done = await second
        return await task, done
    finally:
        task.cancel()
        await uninterrupted(ended(task))


async def ended(task: "asyncio.Future[Any]") -> None:
    """Wait for a task's end, for those who want neither its result nor its error."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


def started(work: Coroutine[Any, Any, T], cancellation_token: CancellationToken | None) -> "asyncio.Task[T]":
    """Start work that a token cancels; whoever awaits it and is cancelled cancels it, too.

    Raises:
        CancelledError: The token was cancelled before; nothing of the work is done.
    """
    if cancellation_token and cancellation_token.is_cancelled():
        work.close()
        raise asyncio.CancelledError
    task = asyncio.ensure_future(work)
    return cancellation_token.link_future(task) if cancellation_token else task


async def cancellable(work: Coroutine[Any, Any, T], cancellation_token: CancellationToken | None) -> T:
    """Do work that a token cancels, as cancelling the task does; without a token no other task is made.

    A task begins a moment later, and who called second would be first in a queue.

    Raises:
        CancelledError: It was cancelled, perhaps before it began.
    """
    return await (started(work, cancellation_token) if cancellation_token else work)


async def streamed(
    work: Callable[[Callable[[Event], None]], Coroutine[Any, Any, T]], cancellation_token: CancellationToken | None
) -> AsyncGenerator[Event | T, None]:
    """Do work; yield each event that it publishes as it happens, and its result last.

    Closing the generator cancels the work and waits for its end, however often it is cancelled meanwhile.

    Args:
        work: Is given a function to publish events with.
        cancellation_token: Cancels it.

    Raises:
        CancelledError: The work was cancelled.
    """
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    task = started(work(events.put_nowait), cancellation_token)
    task.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield await task
    finally:
        task.cancel()
        await uninterrupted(ended(task))


HELPER_TIMEOUT = 30.0
"""Seconds; an interpreter on a slow network disk takes some."""


async def run_helper(
    command: Sequence[str], environment: Mapping[str, str], *, timeout: float = HELPER_TIMEOUT
) -> "subprocess.CompletedProcess[str]":
    """Run a command that takes milliseconds; it has ended when this returns, even if we are cancelled."""
    return await in_thread(partial(run_helper_now, command, environment, timeout=timeout))


def run_helper_now(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    timeout: float = HELPER_TIMEOUT,
    pass_fds: Sequence[int] = (),
) -> "subprocess.CompletedProcess[str]":
    """Do the same while the caller waits."""
    return subprocess.run(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        timeout=timeout,
        pass_fds=pass_fds,
        check=False,
    )
