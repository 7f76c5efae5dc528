"""Runs code blocks, one after another, in a managed kernel that is brought back when it goes.

Owns the kernel's lifecycle as users see it. Knows nothing of models, prompts, notebooks or widgets.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from kernel_executor import in_kernel
from kernel_executor.block_run import BlockRun
from kernel_executor.cancellation import CancellationToken
from kernel_executor.changes import OutputChange
from kernel_executor.errors import NotStarted
from kernel_executor.evaluation import evaluate
from kernel_executor.events import BlockFinished, BlockOutput, BlockStarted, ExecutionEvent
from kernel_executor.isolation import Isolation
from kernel_executor.keeper import KernelKeeper
from kernel_executor.languages import normalize
from kernel_executor.listeners import LateOutputs, Listener, guarded
from kernel_executor.outputs import OutputLimits
from kernel_executor.planning import KernelSettings, existing_paths, make_plan
from kernel_executor.results import combine
from kernel_executor.sandbox import SandboxMode
from kernel_executor.tasks import ended, uninterrupted
from kernel_executor.types import BlockResult, CodeBlock, CodeResult
from kernel_executor.work_folder import WorkFolder, open_work_folder


def _ignore(_: ExecutionEvent) -> None:
    """Listen to nothing."""


class KernelCodeExecutor:
    """Runs code blocks in a managed Jupyter kernel whose variables live from call to call.

    Use it as `async with KernelCodeExecutor() as executor`. It belongs to the event loop it is started on. Calls
    made at the same time run one after another.

    Args:
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes. The home folder and
            `/` are never used themselves, nor `/tmp` and its like: a new folder is made in them.
        kernel_name: Name of an installed kernelspec.
        sandbox: `auto` uses bubblewrap where it works, `bubblewrap` insists, `none` runs the kernel bare.
        readable: Further files and folders that sandboxed code may read.
        writable: Files and folders that it may change, in `work_dir` or elsewhere.
        devices: Device files it may use, e.g. those of a GPU; a sandbox hides them.
        env: Further variables for the kernel; ours pass only by an allow-list.
        limits: How much output of one block is kept.
        memory_limit: Address space of the kernel in bytes; None sets no limit.
    """

    def __init__(
        self,
        *,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        kernel_name: str = "python3",
        sandbox: SandboxMode = "auto",
        readable: Sequence[str | Path] = (),
        writable: Sequence[str | Path] = (),
        devices: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
        memory_limit: int | None = None,
    ) -> None:
        self.timeout = timeout
        if sandbox not in ("auto", "bubblewrap", "none"):
            raise ValueError(f"sandbox must be 'auto', 'bubblewrap' or 'none', not {sandbox!r}")
        self.settings: Final = KernelSettings(
            work_dir=work_dir,
            kernel_name=kernel_name,
            sandbox=sandbox,
            readable=existing_paths(readable),
            writable=existing_paths(writable),
            devices=existing_paths(devices),
            env=dict(env or {}),
            limits=limits or OutputLimits(),
            memory_limit=memory_limit,
        )
        self._lock = asyncio.Lock()
        self._folder: WorkFolder | None = None
        self._keeper: KernelKeeper | None = None
        self._current: BlockRun | None = None
        self._late = LateOutputs()

    async def start(self) -> None:
        """Start the kernel; nothing happens if it is started.

        Raises:
            KernelStartError: The kernel does not exist or does not start.
            SandboxUnavailable: `sandbox="bubblewrap"` was asked for and does not work here.
        """
        async with self._lock:
            if self._keeper is not None:
                return
            folder = open_work_folder(self.settings.work_dir)
            try:
                plan, unsandboxed = await make_plan(self.settings, folder.path)
                self._keeper = await KernelKeeper.open(plan, self._late.take, unsandboxed)
            except BaseException:
                folder.close()
                raise
            self._folder = folder

    async def stop(self) -> None:
        """End the kernel and everything it started; a block that runs ends as `interrupted`. May be called twice."""
        await uninterrupted(self._stop())

    async def _stop(self) -> None:
        if self._current:
            self._current.abandon()
        await self._close()
        async with self._lock:  # a start that was under way has ended now
            await self._close()

    async def _close(self) -> None:
        keeper, self._keeper = self._keeper, None
        folder, self._folder = self._folder, None
        if keeper:
            await keeper.aclose()
        if folder:
            folder.close()

    async def restart(self) -> None:
        """Start the kernel afresh; all variables are lost, files stay."""
        async with self._lock:
            await self._started().restart()

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        if self._current:
            await self._current.interrupt()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def timeout(self) -> float | None:
        """Seconds a block may take from the next one on; None sets no limit."""
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: float | None) -> None:
        if seconds is not None and seconds <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, or None for no limit; it is {seconds!r}")
        self._timeout = seconds

    @property
    def isolation(self) -> Isolation:
        """What is enforced on the code now, as probed when the kernel started."""
        return self._keeper.isolation if self._keeper else Isolation(reason="not started")

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in.

        Raises:
            NotStarted: There is no kernel.
        """
        return self._started().plan.work_dir

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run; their aliases do, too."""
        program = self._keeper.plan.program if self._keeper else None
        if program is None or program.guarded:
            return ("python", "bash")
        return (program.language,)

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Listener = _ignore,
    ) -> CodeResult:
        """Run blocks in order until one fails.

        A block in an unknown language is skipped with a note, and fails nothing if others ran.

        Args:
            code_blocks: What to run.
            cancellation_token: Cancels the run, as cancelling the task does.
            on_event: Called with each event as it happens, on the event loop; must not block.

        Returns:
            The exit code is 0 if all is well; an error gives 1, the code of `SystemExit` or of the shell; a
            time-out 124; a kernel that died 128 + signal or its own code; nothing that could run 1.

        Raises:
            NotStarted: There is no kernel.
            KernelStartError: The kernel had died and could not be started again.
            CancelledError: The run was cancelled; the block has been stopped.
        """
        self._started()
        if cancellation_token and cancellation_token.is_cancelled():
            raise asyncio.CancelledError
        work = self._execute(tuple(code_blocks), guarded(on_event))
        if cancellation_token is None:
            return await work
        return await cancellation_token.link_future(asyncio.ensure_future(work))

    async def stream_code_blocks(
        self, code_blocks: Sequence[CodeBlock], cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[ExecutionEvent | CodeResult, None]:
        """Run blocks as `execute_code_blocks` does; yield each event as it happens and the result last.

        Closing the generator stops the block that is running.
        """
        events: asyncio.Queue[ExecutionEvent | None] = asyncio.Queue()
        run = asyncio.ensure_future(
            self.execute_code_blocks(code_blocks, cancellation_token, on_event=events.put_nowait)
        )
        run.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield await run
        finally:
            run.cancel()
            await uninterrupted(ended(run))

    async def evaluate(self, expression: str, *, timeout: float = 30.0) -> str | None:
        """Return the `repr` of a Python expression in the kernel; leaves no trace in its history.

        Args:
            expression: What to evaluate.
            timeout: Seconds to wait.

        Returns:
            None if it fails or takes too long.
        """
        async with self._lock:
            return await evaluate(await self._started().live(), expression, timeout)

    def on_late_output(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`; returns a function that ends this."""
        return self._late.add(listener)

    async def _execute(self, blocks: Sequence[CodeBlock], on_event: Listener) -> CodeResult:
        async with self._lock:
            results: list[BlockResult] = []
            for index, block in enumerate(blocks):
                results.append(await self._run_block(index, block, on_event))
                if results[-1].status not in {"ok", "skipped"}:
                    break
            return combine(results)

    async def _run_block(self, index: int, block: CodeBlock, on_event: Listener) -> BlockResult:
        if note := self._why_not(block):
            result = BlockResult(block=block, status="skipped", exit_code=0, note=note)
            on_event(BlockFinished("", index, result))
            return result
        keeper = self._started()
        kernel = await keeper.live()

        def on_change(block_id: str, change: OutputChange) -> None:
            on_event(BlockOutput(block_id, change))

        run = BlockRun(block, kernel, self.settings.limits, on_change)
        await run.begin(_kernel_code(block), keeper.take_news())
        self._current = run
        self._late.expect(run.id)
        on_event(BlockStarted(run.id, index, block))
        try:
            await run.attend(self._timeout)
        finally:
            self._current = None
            result = run.result()
            on_event(BlockFinished(run.id, index, result))
            if run.killed_kernel:
                keeper.replace_soon()
        return result

    def _why_not(self, block: CodeBlock) -> str:
        language = normalize(block.language)
        if not block.language or language in self.languages:
            return ""
        return f"Skipped a block in {block.language!r}: this executor runs {' and '.join(self.languages)}."

    def _started(self) -> KernelKeeper:
        if self._keeper is None:
            raise NotStarted(
                "this executor has no kernel: call `await executor.start()` first, or use "
                "`async with KernelCodeExecutor() as executor`"
            )
        return self._keeper


def _kernel_code(block: CodeBlock) -> str:
    if normalize(block.language) == "bash":
        return f'__import__("{in_kernel.MODULE}").run_shell({block.code!r})'
    return block.code
