"""Runs blocks in a kernel, one at a time, and tells what happens. Knows not where the kernel runs."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted
from kernel_executor.fetching.fetch import Fetched, Source, fetch
from kernel_executor.folders.safe_files import OpenFolder
from kernel_executor.kernels.block_run import BlockRun
from kernel_executor.kernels.failing import ask, is_explained
from kernel_executor.kernels.inspection import inspect
from kernel_executor.kernels.kernel import KernelPlan
from kernel_executor.kernels.kernel_code import kernel_code
from kernel_executor.kernels.recovery import Recovery
from kernel_executor.kernels.supervisor import KernelKeeper
from kernel_executor.lifecycle.listeners import LateOutputs, Listener
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.outputs.output_changes import OutputChange
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.snapshots import KernelSnapshot, RunningBlock
from kernel_executor.stage.stage import Stage, checked, shown_by
from kernel_executor.types import BlockResult, Checkpoint, CodeBlock, FailedLine, RollBack


class KernelRunner:
    """Runs blocks in a kernel. Made by `open`.

    Args:
        keeper: Holds the kernel.
        limits: How much output of one block is kept.
        late: Tells output that comes after a block's end.
        stage: Where the code's files are; None if that is the user's folder itself.
    """

    def __init__(self, keeper: KernelKeeper, limits: OutputLimits, late: LateOutputs, stage: Stage | None) -> None:
        self._keeper = keeper
        self._recovery = Recovery(keeper, limits, stage)
        self.stage = stage
        self._limits = limits
        self._late = late
        self._current: BlockRun | None = None
        self._began: tuple[int, CodeBlock, float] | None = None
        self._failed: BlockResult | None = None

    @classmethod
    async def open(cls, plan: KernelPlan[Any], limits: OutputLimits, late: LateOutputs, stage: Stage | None) -> Self:
        """Start a kernel.

        Raises:
            KernelStartError: It does not start.
        """
        return cls(await KernelKeeper.open(plan, late.take), limits, late, stage)

    @property
    def plan(self) -> KernelPlan[Any]:
        """How kernels are started."""
        return self._keeper.plan

    @property
    def work_dir(self) -> Path:
        """The kernel's working folder, on this machine."""
        return self.plan.work_dir

    @property
    def gate(self) -> Gate | None:
        """What decides which names of the network it reaches; None if it reaches none."""
        return self.plan.gate

    @property
    def isolation(self) -> Isolation:
        """What holds the kernel."""
        return self._keeper.isolation

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run."""
        return self.plan.languages

    async def run_block(self, index: int, block: CodeBlock, timeout: float | None, on_event: Listener) -> BlockResult:
        """Run a block and tell its events.

        Args:
            index: Its position in the call.
            block: What to run.
            timeout: Seconds; None sets no limit.
            on_event: Told what happens.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
            CancelledError: We were cancelled; the block has been stopped.
        """
        self._failed = None
        kernel = await self._recovery.use()

        def on_change(change: OutputChange) -> None:
            on_event(BlockOutput(run.id, change))
            self._late.follow(run.id, change)

        widgets = self._late.widgets
        run = BlockRun(block, kernel, self._limits, on_change, shown=shown_by(self.stage), widgets=widgets)
        await run.begin(kernel_code(block), *self._recovery.take_news())
        self._current, self._began = run, (index, block, time.monotonic())
        self._late.expect(run.id)
        on_event(BlockStarted(run.id, index, block))
        is_cancelled = True
        try:
            await run.attend(timeout)
            is_cancelled = False
        finally:
            self._current = self._began = None
            try:
                if gone := run.killed_kernel and not run.is_abandoned:
                    await self._recovery.restore_call(later=is_cancelled)
            finally:  # a cancellation meanwhile takes nobody the block's end
                restored = self._recovery.restored if gone else ""
                result = self.plan.explained(await checked(self.stage, run.result(restored)), kernel.isolation)
                result = replace(result, late=self._late.take_news())
                self._recovery.add(result)
                self._failed = result if is_explained(result) else None
                on_event(BlockFinished(run.id, index, result))
                for message in run.late:
                    self._late.take(message)
                if gone and not restored:
                    self._recovery.lost()
        return result

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        if self._current:
            await self._current.interrupt()

    async def restart(self) -> None:
        """Start the kernel afresh; nothing is remembered of what ran before."""
        self._failed = None
        await self._recovery.restart()

    async def begin_call(self) -> None:
        """Take in that a call begins; errors are those of `Recovery.begin_call`."""
        await self._recovery.begin_call()

    def end_call(self, *, well: bool) -> None:
        """Take in that the blocks which ran were all of a call, and whether it ended well."""
        self._recovery.end_call(well=well)

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables, if it did not end well; see `Recovery.roll_back`."""
        self._failed = None
        return await self._recovery.roll_back()

    @property
    def why_no_checkpoint(self) -> str:
        """Why the state of now is not kept; empty if it is, or nothing has prevented it so far."""
        return self._recovery.why_no_checkpoint

    async def checkpoint(self) -> Checkpoint:
        """Keep the state of now; errors are those of `Recovery.checkpoint`."""
        return await self._recovery.checkpoint()

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Bring a kept state back; errors are those of `Recovery.restore`."""
        self._failed = None
        await self._recovery.restore(checkpoint)

    async def inspect(self) -> KernelSnapshot:
        """Return what the kernel is doing; may be called while a block runs, and disturbs nothing."""
        running = RunningBlock.of(*self._began) if self._began else None
        return await inspect(self._keeper.present, running, self.why_no_checkpoint)

    async def evaluate(self, expression: str, timeout: float) -> str | None:
        """Return the `repr` of a Python expression; None if it fails or takes longer than so many seconds."""
        return await self._recovery.evaluate(expression, timeout)

    async def failed_line(self) -> FailedLine | None:
        """Return what was seen where the last block failed, or None."""
        failed, kernel = self._failed, self._keeper.present
        if failed is None or kernel is None or kernel.death:  # another kernel knows nothing of it
            return None
        return await ask(self.evaluate, failed)

    async def fetch(self, name: str, limit: int) -> Fetched:
        """Copy a variable home; errors are those of `fetching.fetch`."""
        # What runs bare can do all that the process which checks it could do: it needs no sandbox that may not work.
        sandbox: SandboxMode = "auto" if self.isolation.isolates else "none"
        folder = OpenFolder(self.stage.place.files, self.stage.roots[1]) if self.stage else None
        return await fetch(Source(self.evaluate, self.plan.seen_at, folder, sandbox), name, limit)

    async def aclose(self) -> None:
        """End the kernel and everything it started; a block that runs ends as `interrupted`."""
        if self._current:
            self._current.abandon()
        await self._recovery.aclose()
