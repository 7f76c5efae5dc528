"""Asks a kernel for the value of an expression, leaving no trace in its history. Knows one kernel, no blocks."""

import asyncio
from typing import Any

from kernel_executor import ladder
from kernel_executor.kernel import Kernel
from kernel_executor.router import KernelDeath
from kernel_executor.tasks import uninterrupted
from kernel_executor.wire import Message

GRACE = 1.0
"""Seconds to wait for an interrupted expression; then the kernel is killed, or the next block would wait behind it."""


async def evaluate(kernel: Kernel, expression: str, timeout: float) -> str | None:
    """Return the `repr` of a Python expression, or None if it fails, takes too long or the kernel dies.

    Args:
        kernel: Where to evaluate it; killed if the expression cannot be stopped.
        expression: What to evaluate.
        timeout: Seconds to wait.
    """
    request = {"code": "", "silent": True, "user_expressions": {"value": expression}, "allow_stdin": False}
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[None] = loop.create_future()
    answer: asyncio.Future[str | None] = loop.create_future()

    def take(message: Message | KernelDeath) -> None:
        if not begun.done():  # the kernel is busy with it
            begun.set_result(None)
        if not answer.done() and (isinstance(message, KernelDeath) or message.is_reply):
            answer.set_result(None if isinstance(message, KernelDeath) else _read(message.content))

    msg_id = await kernel.request("execute_request", request, take)
    try:
        await asyncio.wait({answer}, timeout=timeout)
    finally:
        if not answer.done():
            await uninterrupted(_stop(kernel, begun, answer))
        kernel.release(msg_id)
    return None if answer.cancelled() else answer.result()


def _read(reply: dict[str, Any]) -> str | None:
    try:
        return str(reply["user_expressions"]["value"]["data"]["text/plain"])
    except (KeyError, TypeError):
        return None  # it raised, or executed code made up this reply


async def _stop(kernel: Kernel, begun: "asyncio.Future[None]", answer: "asyncio.Future[str | None]") -> None:
    await ladder.let_begin(begun, answer)
    if not await ladder.interrupt(answer, kernel.interrupt, (GRACE,)):
        await kernel.kill()
        await asyncio.wait({answer}, timeout=GRACE)
    answer.cancel()
