"""The base of our executors: what runs blocks, between start and stop, one call at a time. Knows no kernel, no script.

A class of its own for each place where code runs would repeat this page; a new one fills in `_open`.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from kernel_executor.aio.cancellation import CancellationToken
from kernel_executor.aio.tasks import cancellable, streamed, uninterrupted
from kernel_executor.errors import NotStarted
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.functions.functions import FunctionLike, Functions, check_module_name
from kernel_executor.lifecycle.again import RunsAgain
from kernel_executor.lifecycle.explaining import Explaining
from kernel_executor.lifecycle.fetching import Fetching
from kernel_executor.lifecycle.in_order import run_in_order, unheard
from kernel_executor.lifecycle.listeners import LateOutputs, Listener, guarded
from kernel_executor.lifecycle.meanwhile import Meanwhile
from kernel_executor.lifecycle.runner import (
    NO_GATE,
    BlockRunner,
    Deliver,
    StatefulRunner,
    as_allowed,
    begin_call,
    check_loop,
    deliver_always,
    deliver_if_well,
    end_call,
    end_grants,
)
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.types import (
    USUAL_TIMEOUT,
    BlockResult,
    CodeBlock,
    CodeResult,
    RollBack,
    Timeout,
    UsualTimeout,
    time_limit,
)

Runner = TypeVar("Runner", bound=BlockRunner)


class ManagedExecutor(Explaining, Fetching, Meanwhile, RunsAgain, Generic[Runner]):
    """Runs code blocks in something that is started and stopped; the base of our executors.

    Use it as `async with ... as executor`. It belongs to the event loop it is started on. Calls made at the same time
    run one after another.

    Args:
        timeout: Seconds a block may take; None sets no limit.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
    """

    def __init__(self, *, timeout: float | None, functions: Sequence[FunctionLike], functions_module: str) -> None:
        self._timeout = time_limit(timeout)
        self._functions = Functions.of(tuple(functions))
        self._functions_module = check_module_name(functions_module)
        self._late = LateOutputs()
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._opened: Runner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @abstractmethod
    async def _open(self, stack: AsyncExitStack) -> Runner:
        """Make the runner; what is to be undone when it is closed goes on the stack."""

    async def start(self) -> None:
        """Start it; nothing happens if it is started.

        Raises:
            KernelStartError: What runs the code does not exist or does not start.
            SandboxUnavailable: A sandbox was insisted on and does not work here.
        """
        if self._opened:
            return
        async with self._lock:
            if self._opened is None:
                async with AsyncExitStack() as stack:  # takes back what was made, if something fails
                    self._opened, self._loop = await self._open(stack), asyncio.get_running_loop()
                    self._stack = stack.pop_all()

    async def stop(self) -> None:
        """End everything that was started; a block that runs ends as `interrupted`. May be called twice."""
        await uninterrupted(self._stop())

    async def _stop(self) -> None:
        await self._end_runner()
        async with self._lock:  # the call that was under way has ended now, or the start
            await self._end_runner()
            stack, self._stack = self._stack, AsyncExitStack()
            await stack.aclose()

    async def _end_runner(self) -> None:
        runner, self._opened = self._opened, None
        if runner:
            await runner.aclose()

    async def restart(self) -> None:
        """Start afresh; all variables are lost, files stay.

        Raises:
            NotStarted: It was not started.
        """
        async with self._lock:
            await self._runner.restart()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def _runner(self) -> Runner:
        if self._opened is None:
            raise NotStarted(
                f"this executor has not been started: call `await executor.start()` first, or use "
                f"`async with {type(self).__name__}() as executor`"
            )
        return self._opened

    @property
    def timeout(self) -> float | None:
        """Seconds a block may take where a call says nothing else; None sets no limit."""
        return self._timeout

    @property
    def isolation(self) -> Isolation:
        """What is enforced on the code, as probed at the start."""
        return as_allowed(self._opened) if self._opened else Isolation(reason="not started")

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run; their aliases do, too."""
        return self._opened.languages if self._opened else ("python", "bash")

    @property
    def keeps_variables(self) -> bool:
        """Whether variables stay from block to block, or only files do."""
        return isinstance(self._opened, StatefulRunner)

    @property
    def instructions(self) -> str:
        """What a model is to know of it: which functions it may use, where files can be written."""
        stage = self._opened.stage if self._opened else None
        functions = self._functions.prompt(self._functions_module)
        return "\n".join(filter(None, [functions, stage.place.instructions if stage else ""]))

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in, on this machine.

        Raises:
            NotStarted: It was not started.
        """
        return self._runner.work_dir

    @property
    def stage_dir(self) -> Path:
        """Where the code's files are until they are delivered, on this machine; `work_dir` without a sandbox.

        Raises:
            NotStarted: It was not started.
        """
        stage = self._runner.stage
        return stage.place.files if stage else self.work_dir

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        timeout: Timeout = USUAL_TIMEOUT,
        on_event: Listener = unheard,
    ) -> CodeResult:
        """Run blocks in order until one fails, then deliver the files they made.

        A block in an unknown language is skipped with a note, and fails nothing if others ran.

        Args:
            code_blocks: What to run.
            cancellation_token: Cancels the run, as cancelling the task does.
            timeout: Seconds each block may take; None sets no limit, by default the executor's own.
            on_event: Called with each event as it happens, on the event loop; must not block.

        Returns:
            The exit code is 0 if all is well; an error gives 1, the code of `SystemExit`, of the shell or of the
            script; a time-out 124, a script that was cancelled 125; a kernel that died, or a script that a signal
            ended, 128 + signal or its own code; nothing that could run 1.

        Raises:
            NotStarted: It was not started.
            KernelStartError: The kernel had died and could not be started again.
            CancelledError: The run was cancelled; the block has been stopped.
        """
        work = self._execution(code_blocks, timeout, deliver_always)
        return await cancellable(work(on_event), cancellation_token)

    async def execute_attempt(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        timeout: Timeout = USUAL_TIMEOUT,
        on_event: Listener = unheard,
    ) -> CodeResult:
        """Run blocks as `execute_code_blocks` does, but deliver the files they made only if all ended well."""
        work = self._execution(code_blocks, timeout, deliver_if_well)
        return await cancellable(work(on_event), cancellation_token)

    def stream_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        timeout: Timeout = USUAL_TIMEOUT,
    ) -> AsyncGenerator[ExecutionEvent | CodeResult, None]:
        """Run blocks as `execute_code_blocks` does; yield each event as it happens and the result last.

        Closing the generator stops the block that is running.
        """
        return streamed(self._execution(code_blocks, timeout, deliver_always), cancellation_token)

    def _execution(
        self, code_blocks: Sequence[CodeBlock], timeout: Timeout, deliver: Deliver
    ) -> Callable[[Listener], Coroutine[Any, Any, CodeResult]]:
        """Return an execution that is to be given its listener."""
        limit = self._timeout if isinstance(timeout, UsualTimeout) else time_limit(timeout)
        blocks = tuple(code_blocks)
        return lambda on_event: self._execute(blocks, limit, guarded(on_event), deliver)

    async def _execute(
        self, blocks: Sequence[CodeBlock], timeout: float | None, on_event: Listener, deliver: Deliver
    ) -> CodeResult:
        async def run_block(index: int, block: CodeBlock) -> BlockResult:
            return await self._runner.run_block(index, block, timeout, on_event)

        _ = self._runner  # not started is an error at once
        check_loop(self._loop)
        async with self._lock:
            runner, stage = self._runner, self._runner.stage
            result: CodeResult | None = None
            try:
                if stage:
                    await stage.refresh()
                await begin_call(runner)
                try:
                    result = await run_in_order(blocks, runner.languages, run_block, on_event)
                finally:
                    end_call(runner, result)
                    if stage and (files := await deliver(stage, result)):
                        on_event(files)
            finally:
                end_grants(runner)
            return result

    def allow_network(self, name: str, *, lasting: bool = True) -> None:
        """Allow code to reach one more name of the network from now on.

        Args:
            name: As in the list that `network=` takes, e.g. `data.example.org`.
            lasting: False allows it until the next call has ended.

        Raises:
            NotStarted: It was not started.
            ValueError: It is no name, or the executor was made without a network.
        """
        if self._runner.gate is None:
            raise ValueError(NO_GATE)
        self._runner.gate.allow(name, lasting=lasting)

    async def allow_change(self, name: str, *, lasting: bool = True) -> None:
        """Allow code to change a file of the user's in the work folder: what it makes of it is delivered.

        Args:
            name: Its path in the folder.
            lasting: False allows it until the next call has ended.

        Raises:
            NotStarted: It was not started.
            ValueError: There is no such file, or code without a sandbox changes what it likes.
        """
        async with self._lock:
            if self._runner.stage is None:
                raise ValueError(f"{name!r}: code is not kept from changing files here")
            await self._runner.stage.lending.lend(name, lasting=lasting)

    async def evaluate(self, expression: str, *, timeout: float = 30.0) -> str | None:
        """Return the `repr` of a Python expression, in the kernel or in a script of its own; leaves no trace there.

        Args:
            expression: What to evaluate.
            timeout: Seconds to wait.

        Returns:
            None if it fails or takes too long.
        """
        async with self._lock:
            return await self._runner.evaluate(expression, timeout)

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables if it failed; None if there is nothing to take back.

        Raises:
            NotStarted: It was not started.
            KernelStartError: A fresh kernel was needed and did not start.
        """
        async with self._lock:
            runner = self._runner
            return await runner.roll_back() if isinstance(runner, StatefulRunner) else None

    @property
    def held_files(self) -> tuple[HeldFile, ...]:
        """What stayed where code works, and why."""
        stage = self._opened.stage if self._opened else None
        return stage.held if stage else ()

    async def take_files(self, names: Sequence[str], into: Path | None = None) -> FilesDelivered:
        """Copy files that stayed where code works into the work folder, because the user asks for them.

        Args:
            names: Their paths, as `FilesDelivered.held` names them.
            into: Another folder, which exists.

        Returns:
            What was copied, and what was not, with the reason.

        Raises:
            NotStarted: It was not started.
        """
        async with self._lock:
            stage = self._runner.stage
            return await stage.take(names, into) if stage else FilesDelivered()

    def on_late_output(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`, of which scripts have none; returns a function that ends this."""
        return self._late.add(listener)
