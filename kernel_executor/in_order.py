"""Runs the blocks of a call one after another, whatever runs one. Knows no kernel and no process."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from kernel_executor.cancellation import CancellationToken
from kernel_executor.events import BlockFinished, ExecutionEvent
from kernel_executor.languages import normalize
from kernel_executor.listeners import Listener
from kernel_executor.results import combine
from kernel_executor.tasks import ended, uninterrupted
from kernel_executor.types import BlockResult, CodeBlock, CodeResult

RunBlock = Callable[[int, CodeBlock], Awaitable[BlockResult]]
"""Runs the block at an index of a call, and returns its result."""


def unheard(_: ExecutionEvent) -> None:
    """Listen to nothing."""


async def run_in_order(
    blocks: Sequence[CodeBlock], languages: Sequence[str], run_block: RunBlock, on_event: Listener
) -> CodeResult:
    """Run blocks until one fails; a block in another language is skipped with a note, and fails nothing.

    Args:
        blocks: What to run.
        languages: The languages that run.
        run_block: Runs one block.
        on_event: Told of the blocks that are skipped; `run_block` tells the rest.
    """
    results: list[BlockResult] = []
    for index, block in enumerate(blocks):
        if note := _why_not(block, languages):
            results.append(BlockResult(block=block, status="skipped", exit_code=0, note=note))
            on_event(BlockFinished("", index, results[-1]))
        else:
            results.append(await run_block(index, block))
        if results[-1].status not in {"ok", "skipped"}:
            break
    return combine(results)


def _why_not(block: CodeBlock, languages: Sequence[str]) -> str:
    if not block.language or normalize(block.language) in languages:
        return ""
    return f"Skipped a block in {block.language!r}: this executor runs {' and '.join(languages)}."


async def cancellable(
    work: Coroutine[Any, Any, CodeResult], cancellation_token: CancellationToken | None
) -> CodeResult:
    """Do work that a token cancels, as cancelling the task does.

    Raises:
        CancelledError: It was cancelled, perhaps before it began.
    """
    if cancellation_token is None:
        return await work
    if cancellation_token.is_cancelled():
        work.close()
        raise asyncio.CancelledError
    return await cancellation_token.link_future(asyncio.ensure_future(work))


class Execute(Protocol):
    """An execution that tells its events."""

    def __call__(self, *, on_event: Listener) -> Coroutine[Any, Any, CodeResult]:
        """Execute."""
        ...


async def streamed(execute: Execute) -> AsyncGenerator[ExecutionEvent | CodeResult, None]:
    """Yield each event of an execution as it happens, and its result last; closing the generator cancels it."""
    events: asyncio.Queue[ExecutionEvent | None] = asyncio.Queue()
    run = asyncio.ensure_future(execute(on_event=events.put_nowait))
    run.add_done_callback(lambda _: events.put_nowait(None))
    try:
        while (event := await events.get()) is not None:
            yield event
        yield await run
    finally:
        run.cancel()
        await uninterrupted(ended(run))
