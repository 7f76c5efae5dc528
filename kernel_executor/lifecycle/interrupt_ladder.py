"""Stops work that must stop: interrupts it, waits, interrupts again (design D5). Knows no kernel and no script."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from kernel_executor.aio.tasks import uninterrupted

Patience = tuple[float, ...]
"""Seconds to wait after each interrupt before the next step; then the work is killed."""

ON_CANCEL: Patience = (0.5, 0.3)  # somebody pressed Stop and looks at the screen: a second in all

BEGIN_GRACE = 0.3
"""Seconds to wait until a kernel has begun: a SIGINT before that is ignored, and the code would run after it."""

Stop = Callable[[Literal["timeout", "interrupted"], Patience], Awaitable[None]]
"""Stops the work; is told why, and how patient to be."""


async def attend(work: "asyncio.Future[Any]", timeout: float | None, stop: Stop, at_deadline: Patience) -> None:
    """Wait for the end of work; stop it at the deadline or when cancelled.

    Args:
        work: What goes on.
        timeout: Seconds; None waits forever.
        stop: Stops it.
        at_deadline: How patient to be when the time is over.

    Raises:
        CancelledError: We were cancelled; the work has been stopped.
    """
    try:
        done, _ = await asyncio.wait({work}, timeout=timeout)
        if not done:
            await uninterrupted(stop("timeout", at_deadline))
    except asyncio.CancelledError:
        if not work.done():
            await uninterrupted(stop("interrupted", ON_CANCEL))
        raise


async def let_begin(begun: "asyncio.Future[Any]", work: "asyncio.Future[Any]") -> None:
    """Wait a moment for the beginning of work in a kernel, so that it can be interrupted."""
    await asyncio.wait((begun, work), timeout=BEGIN_GRACE, return_when=asyncio.FIRST_COMPLETED)


async def interrupt(work: "asyncio.Future[Any]", send: Callable[[], Awaitable[None]], patience: Patience) -> bool:
    """Interrupt work until it ends or patience does; return whether it has ended."""
    for seconds in patience:
        if work.done():
            return True
        await send()
        await asyncio.wait({work}, timeout=seconds)
    return work.done()
