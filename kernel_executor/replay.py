"""A scripted executor, for tests and demos of what uses executors. Runs nothing."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from kernel_executor.aio.cancellation import CancellationToken
from kernel_executor.aio.tasks import started
from kernel_executor.errors import KernelExecutorError
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted, ExecutionEvent
from kernel_executor.outputs.fold import as_text
from kernel_executor.outputs.output_changes import Append
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.types import USUAL_TIMEOUT, BlockResult, CodeBlock, CodeResult, RollBack, Timeout


class ReplayScriptExhausted(KernelExecutorError):  # noqa: N818 - named after the state
    """More blocks were to be run than the script has results for."""


class ReplayCodeExecutor:
    """Gives scripted results, one per block, in order.

    Args:
        results: Text that a block prints, a whole `BlockResult` (its block is replaced by the one given), or an
            exception to raise.
        isolation: What it pretends to be held by.
        delay: Seconds each block pretends to take.
    """

    def __init__(
        self,
        results: Sequence[str | BlockResult | BaseException],
        *,
        isolation: Isolation | None = None,
        delay: float = 0.0,
    ) -> None:
        self._results = list(results)
        self._isolation = isolation or Isolation(
            mechanism="replay", network=True, files=True, processes=True, privileges=True, environment=True
        )
        self._delay = delay
        self._is_spoilt = False
        self.executed: list[CodeBlock] = []

    @property
    def isolation(self) -> Isolation:
        """What it pretends to be held by; nothing runs."""
        return self._isolation

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages a real executor runs."""
        return ("python", "bash")

    @property
    def keeps_variables(self) -> bool:
        """Return what a kernel would."""
        return True

    @property
    def instructions(self) -> str:
        """Nothing: it runs nothing."""
        return ""

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Callable[[ExecutionEvent], None] = lambda _: None,
    ) -> CodeResult:
        """Return the next results, until one is not `ok`.

        Raises:
            ReplayScriptExhausted: The script is used up.
        """
        return await started(self._replay(code_blocks, on_event), cancellation_token)

    async def execute_attempt(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        timeout: Timeout = USUAL_TIMEOUT,  # noqa: ARG002 - the port's
        on_event: Callable[[ExecutionEvent], None] = lambda _: None,
    ) -> CodeResult:
        """Do the same."""
        return await self.execute_code_blocks(code_blocks, cancellation_token, on_event=on_event)

    async def roll_back(self) -> RollBack | None:
        """Return what a kernel would: that what failed is undone."""
        was_spoilt, self._is_spoilt = self._is_spoilt, False
        return RollBack(state="rolled_back") if was_spoilt else None

    async def _replay(self, code_blocks: Sequence[CodeBlock], on_event: Callable[[ExecutionEvent], None]) -> CodeResult:
        results: list[BlockResult] = []
        self._is_spoilt = True
        for index, block in enumerate(code_blocks):
            block_id = uuid.uuid4().hex
            on_event(BlockStarted(block_id, index, block))
            await asyncio.sleep(self._delay)
            result = self._next(block)
            for output in result.outputs:
                on_event(BlockOutput(block_id, Append(output)))
            on_event(BlockFinished(block_id, index, result))
            results.append(result)
            if result.status != "ok":
                break
        self._is_spoilt = not results or results[-1].status != "ok"
        texts = [as_text(result.outputs) for result in results]
        return CodeResult(results[-1].exit_code if results else 1, "\n".join(filter(None, texts)), tuple(results))

    def _next(self, block: CodeBlock) -> BlockResult:
        self.executed.append(block)
        if not self._results:
            raise ReplayScriptExhausted(f"the script has no result left for {block.code[:80]!r}")
        scripted = self._results.pop(0)
        if isinstance(scripted, BaseException):
            raise scripted
        if isinstance(scripted, BlockResult):
            return replace(scripted, block=block)
        outputs = ({"output_type": "stream", "name": "stdout", "text": scripted},) if scripted else ()
        return BlockResult(block=block, status="ok", exit_code=0, outputs=outputs)

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def restart(self) -> None:
        """Do nothing."""


def failing(ename: str = "ValueError", evalue: str = "bad") -> BlockResult:
    """Return the result of a block that raises an exception."""
    traceback = (f"Traceback\n{ename}: {evalue}",)
    error = {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": list(traceback)}
    return BlockResult(
        block=CodeBlock(""),
        status="error",
        exit_code=1,
        outputs=(error,),
        ename=ename,
        evalue=evalue,
        traceback=traceback,
    )
