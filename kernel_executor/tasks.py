"""Finishing what must be finished. Knows asyncio and processes in general."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


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


async def acquired(work: Awaitable[T], release: Callable[[T], Awaitable[object]]) -> T:
    """Do work that gives something to its end; release it if we are cancelled meanwhile, for nobody gets it then."""
    task = asyncio.ensure_future(work)
    try:
        return await uninterrupted(task)
    except asyncio.CancelledError:
        if not task.cancelled() and not task.exception():
            await uninterrupted(release(task.result()))
        raise


async def ended(task: "asyncio.Future[Any]") -> None:
    """Wait for a task's end, for those who want neither its result nor its error."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


HELPER_TIMEOUT = 30.0
"""Seconds; an interpreter on a slow network disk takes some."""


async def run_helper(
    command: Sequence[str], environment: Mapping[str, str], *, timeout: float = HELPER_TIMEOUT
) -> "subprocess.CompletedProcess[str]":
    """Run a command that takes milliseconds; it has ended when this returns, even if we are cancelled."""
    return await uninterrupted(asyncio.to_thread(run_helper_now, command, environment, timeout=timeout))


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
