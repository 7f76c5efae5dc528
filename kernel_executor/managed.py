"""Holds what runs blocks between start and stop, and lets one call in at a time. Knows neither kernel nor script."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

from kernel_executor.cancellation import CancellationToken
from kernel_executor.errors import NotStarted
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.in_order import cancellable, run_in_order, streamed
from kernel_executor.listeners import Listener, guarded
from kernel_executor.stage.stage import Stage
from kernel_executor.tasks import uninterrupted
from kernel_executor.types import BlockResult, CodeBlock, CodeResult, RollBack


class BlockRunner(Protocol):
    """Runs one block at a time."""

    @property
    def stage(self) -> Stage | None:
        """Where the code's files are; None if that is the user's folder itself."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run."""
        ...

    async def run_block(self, index: int, block: CodeBlock, timeout: float | None, on_event: Listener) -> BlockResult:
        """Run a block and tell its events.

        Args:
            index: Its position in the call.
            block: What to run.
            timeout: Seconds; None sets no limit.
            on_event: Told what happens.

        Raises:
            CancelledError: We were cancelled; the block has been stopped.
        """
        ...

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        ...

    async def aclose(self) -> None:
        """End everything; a block that runs ends as `interrupted`."""
        ...


@runtime_checkable
class StatefulRunner(BlockRunner, Protocol):
    """A runner in which what a call made of the variables can be taken back."""

    def end_call(self, *, well: bool) -> None:
        """Take in that a call has ended, and whether all its blocks ended well."""
        ...

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables, if it did not end well."""
        ...


Runner = TypeVar("Runner", bound=BlockRunner)


def ended_well(result: CodeResult) -> bool:
    """Say whether all blocks of a call ended well."""
    return result.exit_code == 0


Deliver = Callable[[Stage, CodeResult | None], Awaitable[FilesDelivered]]
"""Delivers what a call has made, by its result; by none, if the call was cancelled."""


async def deliver_always(stage: Stage, result: CodeResult | None) -> FilesDelivered:
    """Deliver whatever the result; after a call that was cancelled the next one does it."""
    return await stage.deliver() if result else FilesDelivered()


async def deliver_if_well(stage: Stage, result: CodeResult | None) -> FilesDelivered:
    """Deliver if all blocks ended well."""
    if result and ended_well(result):
        return await stage.deliver()
    return await uninterrupted(stage.hold_back())


class ManagedRunner(Generic[Runner]):
    """A runner that is opened by `start` and closed by `stop`.

    Args:
        open_runner: Makes the runner; what is to be undone when it is closed goes on the stack.
        name: The executor's name, for the error of one that was not started.
    """

    def __init__(self, open_runner: Callable[[AsyncExitStack], Awaitable[Runner]], name: str) -> None:
        self._open = open_runner
        self._name = name
        self._stack = AsyncExitStack()
        self.lock = asyncio.Lock()
        self.opened: Runner | None = None

    @property
    def runner(self) -> Runner:
        """What runs blocks.

        Raises:
            NotStarted: There is nothing yet.
        """
        if self.opened is None:
            raise NotStarted(
                f"this executor has not been started: call `await executor.start()` first, or use "
                f"`async with {self._name}() as executor`"
            )
        return self.opened

    def instructions(self, own: str) -> str:
        """Return what a model is to know: what the executor says of itself, and of its folder."""
        stage = self.opened.stage if self.opened else None
        return "\n".join(filter(None, [own, stage.instructions if stage else ""]))

    def stage_dir(self, work_dir: Path) -> Path:
        """Return where the code's files are while it works: the user's folder itself where there is no stage."""
        stage = self.runner.stage
        return stage.place.files if stage else work_dir

    @property
    def held_files(self) -> tuple[HeldFile, ...]:
        """What stayed where code works, and why."""
        stage = self.opened.stage if self.opened else None
        return stage.held if stage else ()

    async def start(self) -> None:
        """Open the runner; nothing happens if it is open."""
        if self.opened:
            return
        async with self.lock:
            if self.opened is None:
                async with AsyncExitStack() as stack:  # takes back what was made, if something fails
                    self.opened = await self._open(stack)
                    self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Close the runner; a block that runs ends as `interrupted`. May be called twice."""
        await uninterrupted(self._stop())

    async def _stop(self) -> None:
        await self._end_runner()
        async with self.lock:  # the call that was under way has ended now, or the start
            await self._end_runner()
            stack, self._stack = self._stack, AsyncExitStack()
            await stack.aclose()

    async def _end_runner(self) -> None:
        runner, self.opened = self.opened, None
        if runner:
            await runner.aclose()

    async def execute(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None,
        timeout: float | None,
        on_event: Listener,
        *,
        deliver: Deliver = deliver_always,
    ) -> CodeResult:
        """Run blocks in order until one fails, when no other call runs any; then deliver the files they made.

        Args:
            code_blocks: What to run.
            cancellation_token: Cancels the run.
            timeout: Seconds a block may take; None sets no limit.
            on_event: Told what happens.
            deliver: Delivers the files, or does not.

        Raises:
            NotStarted: There is nothing that runs them.
            CancelledError: The run was cancelled; the block has been stopped.
        """
        _ = self.runner
        work = self._execute(tuple(code_blocks), timeout, guarded(on_event), deliver)
        return await cancellable(work, cancellation_token)

    def stream(
        self, code_blocks: Sequence[CodeBlock], cancellation_token: CancellationToken | None, timeout: float | None
    ) -> AsyncGenerator[ExecutionEvent | CodeResult, None]:
        """Do the same; yield each event as it happens and the result last."""
        return streamed(partial(self.execute, code_blocks, cancellation_token, timeout))

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables if it failed; None if there is nothing to take back."""
        async with self.lock:
            runner = self.runner
            return await runner.roll_back() if isinstance(runner, StatefulRunner) else None

    async def _execute(
        self,
        blocks: Sequence[CodeBlock],
        timeout: float | None,
        on_event: Listener,
        deliver: Deliver,
    ) -> CodeResult:
        async def run_block(index: int, block: CodeBlock) -> BlockResult:
            return await self.runner.run_block(index, block, timeout, on_event)

        async with self.lock:
            runner, stage = self.runner, self.runner.stage
            result: CodeResult | None = None
            if stage:
                await stage.refresh()
            try:
                result = await run_in_order(blocks, runner.languages, run_block, on_event)
            finally:
                if isinstance(runner, StatefulRunner):
                    runner.end_call(well=result is not None and ended_well(result))
                if stage and (files := await deliver(stage, result)):
                    on_event(files)
            return result

    async def take_files(self, names: Sequence[str], into: Path | None) -> FilesDelivered:
        """Deliver files that stayed behind; nothing stays behind without a stage."""
        async with self.lock:
            stage = self.runner.stage
            return await stage.take(names, into) if stage else FilesDelivered()
