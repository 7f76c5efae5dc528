"""Asks a kernel for the value of an expression, leaving no trace in its history. Knows one kernel, no blocks."""

import asyncio
from typing import Any

from kernel_executor.kernel import Kernel
from kernel_executor.router import Inbox, KernelDeath
from kernel_executor.tasks import uninterrupted

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
    msg_id, inbox = await kernel.request("execute_request", request)
    answer = asyncio.create_task(_answer(inbox))
    try:
        await asyncio.wait({answer}, timeout=timeout)
    finally:
        if not answer.done():
            await uninterrupted(_stop(kernel, answer))
        kernel.release(msg_id)
    return None if answer.cancelled() else answer.result()


async def _answer(inbox: Inbox) -> str | None:
    while not isinstance(message := await inbox.get(), KernelDeath):
        if message.is_reply:
            return _read(message.content)
    return None


def _read(reply: dict[str, Any]) -> str | None:
    try:
        return str(reply["user_expressions"]["value"]["data"]["text/plain"])
    except (KeyError, TypeError):
        return None  # it raised, or executed code made up this reply


async def _stop(kernel: Kernel, answer: "asyncio.Task[str | None]") -> None:
    await kernel.interrupt()
    await asyncio.wait({answer}, timeout=GRACE)
    if not answer.done():
        await kernel.kill()
        await asyncio.wait({answer}, timeout=GRACE)
    answer.cancel()
    await asyncio.wait({answer})
