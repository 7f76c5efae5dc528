"""Runs blocks in a kernel that is brought back when it goes, one at a time. Knows not where the kernel runs."""

from pathlib import Path
from typing import Any, Self

from kernel_executor import in_kernel
from kernel_executor.block_run import BlockRun
from kernel_executor.changes import OutputChange
from kernel_executor.evaluation import evaluate
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted
from kernel_executor.isolation import Isolation
from kernel_executor.keeper import KernelKeeper
from kernel_executor.kernel import KernelPlan
from kernel_executor.languages import normalize
from kernel_executor.listeners import LateOutputs, Listener
from kernel_executor.outputs import OutputLimits
from kernel_executor.pip_install import installs, quiet
from kernel_executor.stage.stage import Stage, checked
from kernel_executor.types import BlockResult, CodeBlock


class KernelRunner:
    """Runs blocks in a kernel. Made by `open`.

    Args:
        keeper: Holds the kernel.
        limits: How much output of one block is kept.
        late: Tells output that comes after a block's end.
        no_network: What to say of a `pip install` that fails where there is no network.
        stage: Where the code's files are; None if that is the user's folder itself.
    """

    def __init__(
        self, keeper: KernelKeeper, limits: OutputLimits, late: LateOutputs, no_network: str, stage: Stage | None
    ) -> None:
        self._keeper = keeper
        self.stage = stage
        self._limits = limits
        self._late = late
        self._no_network = no_network
        self._current: BlockRun | None = None

    @classmethod
    async def open(
        cls,
        plan: KernelPlan[Any],
        limits: OutputLimits,
        late: LateOutputs,
        no_network: str,
        stage: Stage | None,
    ) -> Self:
        """Start a kernel.

        Raises:
            KernelStartError: It does not start.
        """
        return cls(await KernelKeeper.open(plan, late.take), limits, late, no_network, stage)

    @property
    def plan(self) -> KernelPlan[Any]:
        """How kernels are started."""
        return self._keeper.plan

    @property
    def work_dir(self) -> Path:
        """The kernel's working folder, on this machine."""
        return self.plan.work_dir

    @property
    def isolation(self) -> Isolation:
        """What holds the kernel."""
        return self._keeper.isolation

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run."""
        program = self.plan.program
        return ("python", "bash") if program.guarded else (program.language,)

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
        kernel = await self._keeper.live()

        def on_change(change: OutputChange) -> None:
            on_event(BlockOutput(run.id, change))

        hint = self._no_network if kernel.isolation.network and installs(block.code, block.language) else ""
        run = BlockRun(block, kernel, self._limits, on_change, hint)
        await run.begin(_kernel_code(block), self._keeper.take_news())
        self._current = run
        self._late.expect(run.id)
        on_event(BlockStarted(run.id, index, block))
        try:
            await run.attend(timeout)
        finally:
            self._current = None
            result = await checked(self.stage, run.result())
            on_event(BlockFinished(run.id, index, result))
            for message in run.late:
                self._late.take(message)
            if run.killed_kernel:
                self._keeper.replace_soon()
        return result

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        if self._current:
            await self._current.interrupt()

    async def restart(self) -> None:
        """Start the kernel afresh."""
        await self._keeper.restart()

    async def evaluate(self, expression: str, timeout: float) -> str | None:
        """Return the `repr` of a Python expression; None if it fails or takes longer than so many seconds."""
        return await evaluate(await self._keeper.live(), expression, timeout)

    async def aclose(self) -> None:
        """End the kernel and everything it started; a block that runs ends as `interrupted`."""
        if self._current:
            self._current.abandon()
        await self._keeper.aclose()


def _kernel_code(block: CodeBlock) -> str:
    # A lone surrogate is no text that could be sent: it becomes a question mark, as in a script.
    code = quiet(block.code, block.language).encode(errors="replace").decode()
    if normalize(block.language) == "bash":
        return f'__import__("{in_kernel.MODULE}").run_shell({code!r})'
    return code
