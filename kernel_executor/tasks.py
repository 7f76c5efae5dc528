"""Finishing what must be finished. Knows asyncio and processes in general."""

import asyncio
import subprocess
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a short, bounded clean-up to its end even if we are cancelled meanwhile, then pass the cancellation on."""
    task = asyncio.ensure_future(coroutine)
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


async def ended(task: "asyncio.Future[Any]") -> None:
    """Wait for a task's end, for those who want neither its result nor its error."""
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def run_helper(command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a command that takes milliseconds; it has ended when this returns, even if we are cancelled."""
    run = asyncio.to_thread(
        subprocess.run,
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        timeout=HELPER_TIMEOUT,
        check=False,
    )
    return await uninterrupted(run)


HELPER_TIMEOUT = 30.0
"""Seconds; an interpreter on a slow network disk takes some."""
