"""Asks a kernel for the value of an expression, leaving no trace in its history. Knows one kernel, no blocks."""

import asyncio
from typing import Any

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.lifecycle import interrupt_ladder as ladder
from kernel_executor.outputs.message import Message
from kernel_executor.sockets.router import KernelDeath

PATIENCE: ladder.Patience = (0.3, 0.7)
"""Twice: the first may come when the kernel says that it is busy and still ignores SIGINT (measured, now and then)."""

LAST_WORDS = 1.0
"""Seconds to hear of the end of a kernel; it is killed, or the next block would wait behind the expression."""


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
    if not await ladder.interrupt(answer, kernel.interrupt, PATIENCE):
        await kernel.kill()
        await asyncio.wait({answer}, timeout=LAST_WORDS)
    answer.cancel()
