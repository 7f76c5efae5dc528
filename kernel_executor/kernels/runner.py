"""Runs blocks in a kernel that is brought back when it goes, one at a time. Knows not where the kernel runs."""

import ast
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from kernel_executor import in_kernel
from kernel_executor.errors import KernelStartError
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted
from kernel_executor.functions.pip_commands import quiet
from kernel_executor.in_kernel.text import shorten
from kernel_executor.kernels.block_run import BlockRun
from kernel_executor.kernels.evaluation import evaluate
from kernel_executor.kernels.history import History
from kernel_executor.kernels.kernel import Kernel, KernelPlan
from kernel_executor.kernels.supervisor import KernelKeeper
from kernel_executor.languages import normalize
from kernel_executor.lifecycle.listeners import LateOutputs, Listener
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.outputs.output_changes import OutputChange
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.stage.stage import Stage, checked, shown_by
from kernel_executor.types import BlockResult, CodeBlock, RollBack

NAMES_TIMEOUT = 5.0
"""Seconds to ask a kernel which names it knows."""


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
        self.stage = stage
        self._limits = limits
        self._late = late
        self._current: BlockRun | None = None
        self._history = History()
        self._used: Kernel | None = None  # the one that ran code last: another one knows nothing of it

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
        kernel = self._used = await self._keeper.live()

        def on_change(change: OutputChange) -> None:
            on_event(BlockOutput(run.id, change))
            self._late.follow(run.id, change)

        widgets = self._late.widgets
        run = BlockRun(block, kernel, self._limits, on_change, shown=shown_by(self.stage), widgets=widgets)
        await run.begin(_kernel_code(block), self._keeper.take_news())
        self._current = run
        self._late.expect(run.id)
        on_event(BlockStarted(run.id, index, block))
        try:
            await run.attend(timeout)
        finally:
            self._current = None
            result = self.plan.explained(await checked(self.stage, run.result()), kernel.isolation)
            result = replace(result, late=self._late.take_news())
            self._history.add(result)
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
        """Start the kernel afresh; nothing is remembered of what ran before."""
        self._history = History()
        await self._keeper.restart()

    def end_call(self, *, well: bool) -> None:
        """Take in that the blocks which ran were all of a call, and whether it ended well."""
        self._history.end_call(well=well)

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables, if it did not end well.

        The calls that did are run again in a fresh kernel, unheard. What is random in them, or read from what has
        changed meanwhile, comes out otherwise.

        Raises:
            KernelStartError: The kernel had died and could not be started again.
            CancelledError: We were cancelled; the next call of this begins once more.
        """
        if not self._history.is_spoilt:
            return None
        kernel = await self._keeper.live()
        is_lost = kernel is not self._used
        why_not = self.plan.why_no_replay or self._history.why_no_replay
        if not why_not and (is_lost or self.plan.stands_alone):
            why_not, is_lost = await self._replay_here(kernel, fresh=is_lost), True
        elif not why_not:
            why_not = await self._replay_beside()
        if self.stage:
            await self.stage.put_back()  # what ran again wrote files again, perhaps twice as long now
        self._keeper.take_news()  # that a kernel had died is told by what this returns
        if self.gate:
            self.gate.take_refused()  # what ran again is not what runs next
        if not why_not:
            self._used = await self._keeper.live()
            self._history.rolled_back()
            return RollBack(state="rolled_back")
        names = () if is_lost else await self._names_left(kernel)
        self._history.not_rolled_back(why_not, lost=is_lost)
        return RollBack(state="lost" if is_lost else "kept", reason=why_not, names=names)

    async def _replay_here(self, kernel: Kernel, *, fresh: bool) -> str:
        """Run the good calls again in the only kernel there is; return why that failed, or nothing."""
        if not fresh:
            await self._keeper.restart()
            kernel = await self._keeper.live()
        self._used = None  # until it is done, this kernel has the state of no call
        failure = "it was cancelled"
        try:
            failure = await self._replay(kernel)
        finally:
            if failure:
                self._keeper.replace_soon()
        return failure

    async def _replay_beside(self) -> str:
        """Run the good calls again while the kernel stays, so that it is still there if they fail."""
        try:
            return await self._keeper.replace_if(self._replay)
        except KernelStartError as error:
            return f"another kernel could not be started ({error})"

    async def _replay(self, kernel: Kernel) -> str:
        ends = time.monotonic() + self._history.replay_timeout
        for block in self._history.good:
            run = BlockRun(block, kernel, self._limits, lambda _: None)
            await run.begin(_kernel_code(block))
            await run.attend(max(0.1, ends - time.monotonic()))
            result = run.result()
            if result.status != "ok":
                if result.status == "timeout":
                    return "the code before it took longer than the first time"
                cause = f"{result.ename}: {result.evalue}" if result.ename else result.status
                return f"the code before it did not run again ({shorten(cause, 200)})"
        return ""

    async def _names_left(self, kernel: Kernel) -> tuple[str, ...]:
        left = sorted(self._history.left)
        found = await evaluate(kernel, f"[name for name in {left} if name in globals()]", NAMES_TIMEOUT) if left else ""
        with suppress(
            ValueError, TypeError, SyntaxError, MemoryError, RecursionError
        ):  # code may have made up the reply
            known = ast.literal_eval(found or "")
            return tuple(name for name in left if name in known)
        return ()

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
