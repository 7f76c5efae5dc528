"""Runs the blocks of a call one after another, whatever runs one. Knows no kernel and no process."""

from collections.abc import Awaitable, Callable, Sequence

from kernel_executor.events import BlockFinished, ExecutionEvent
from kernel_executor.languages import normalize
from kernel_executor.lifecycle.listeners import Listener
from kernel_executor.outputs.results import combine
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
