"""Runs code blocks, one after another, in a managed kernel that is brought back when it goes.

Owns the kernel's lifecycle as users see it. Knows nothing of models, prompts, notebooks or widgets.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from kernel_executor.cancellation import CancellationToken
from kernel_executor.enclosure import absolute_paths, existing_paths, known_mode
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.functions import FunctionLike, Functions, check_module_name
from kernel_executor.functions_folder import open_functions_here
from kernel_executor.in_order import unheard
from kernel_executor.isolation import Isolation
from kernel_executor.kernel_runner import KernelRunner
from kernel_executor.ladder import time_limit
from kernel_executor.listeners import LateOutputs, Listener
from kernel_executor.managed import ManagedRunner, deliver_if_well
from kernel_executor.outputs import OutputLimits
from kernel_executor.pip_install import NO_NETWORK
from kernel_executor.planning import KernelSettings, make_plan, program_of
from kernel_executor.sandbox import SandboxMode
from kernel_executor.search_paths import distrust, trust_again
from kernel_executor.types import CodeBlock, CodeResult, RollBack
from kernel_executor.work_folder import open_work_folder


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
        hidden: Files and folders of `work_dir` that sandboxed code does not see; they need not exist yet.
        env: Further variables for the kernel; ours pass only by an allow-list.
        limits: How much output of one block is kept.
        memory_limit: Address space of the kernel in bytes; None sets no limit.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
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
        hidden: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
        memory_limit: int | None = None,
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
    ) -> None:
        self.timeout = timeout
        self.settings: Final = KernelSettings(
            work_dir=work_dir,
            kernel_name=kernel_name,
            sandbox=known_mode(sandbox),
            readable=existing_paths(readable),
            writable=existing_paths(writable),
            devices=existing_paths(devices),
            hidden=absolute_paths(hidden),
            env=dict(env or {}),
            limits=limits or OutputLimits(),
            memory_limit=memory_limit,
            functions=tuple(functions),
            functions_module=check_module_name(functions_module),
        )
        self._functions = Functions.of(self.settings.functions)
        self._late = LateOutputs()
        self._managed = ManagedRunner(self._open, type(self).__name__)

    async def start(self) -> None:
        """Start the kernel; nothing happens if it is started.

        Raises:
            KernelStartError: The kernel does not exist or does not start.
            SandboxUnavailable: `sandbox="bubblewrap"` was asked for and does not work here.
        """
        await self._managed.start()

    async def _open(self, stack: AsyncExitStack) -> KernelRunner:
        folder = open_work_folder(self.settings.work_dir)
        stack.callback(folder.close)
        distrust(folder.path)
        stack.callback(trust_again, folder.path)
        settings = self.settings
        program = await program_of(settings)
        if self._functions.names:
            module = await open_functions_here(
                self._functions, settings.functions_module, folder.path, program.argv[0], stack
            )
            env, readable = module.environment(settings.env), (*settings.readable, module.path)
            settings = replace(settings, env=env, readable=readable)
        plan = await make_plan(settings, program, folder.path, stack)
        return await KernelRunner.open(plan, settings.limits, self._late, NO_NETWORK, plan.enclosure.stage)

    async def stop(self) -> None:
        """End the kernel and everything it started; a block that runs ends as `interrupted`. May be called twice."""
        await self._managed.stop()

    async def restart(self) -> None:
        """Start the kernel afresh; all variables are lost, files stay."""
        async with self._managed.lock:
            await self._managed.runner.restart()

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        if self._managed.opened:
            await self._managed.opened.interrupt()

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
        self._timeout = time_limit(seconds)

    @property
    def isolation(self) -> Isolation:
        """What is enforced on the code now, as probed when the kernel started."""
        return self._managed.opened.isolation if self._managed.opened else Isolation(reason="not started")

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in.

        Raises:
            NotStarted: There is no kernel.
        """
        return self._managed.runner.work_dir

    @property
    def stage_dir(self) -> Path:
        """Where the code's files are until they are delivered, on this machine; `work_dir` without a sandbox.

        Raises:
            NotStarted: It was not started.
        """
        return self._managed.stage_dir(self.work_dir)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run; their aliases do, too."""
        return self._managed.opened.languages if self._managed.opened else ("python", "bash")

    @property
    def keeps_variables(self) -> bool:
        """Variables stay from block to block."""
        return True

    @property
    def instructions(self) -> str:
        """What a model is to know of it: which functions it may use, where files can be written."""
        return self._managed.instructions(self._functions.prompt(self.settings.functions_module))

    async def execute_code_blocks(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Listener = unheard,
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
        return await self._managed.execute(code_blocks, cancellation_token, self._timeout, on_event)

    async def execute_attempt(
        self,
        code_blocks: Sequence[CodeBlock],
        cancellation_token: CancellationToken | None = None,
        *,
        on_event: Listener = unheard,
    ) -> CodeResult:
        """Run blocks as `execute_code_blocks` does, but deliver the files they made only if all ended well."""
        return await self._managed.execute(
            code_blocks, cancellation_token, self._timeout, on_event, deliver=deliver_if_well
        )

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
        return await self._managed.take_files(names, into)

    @property
    def held_files(self) -> tuple[HeldFile, ...]:
        """What stayed where code works, and why."""
        return self._managed.held_files

    async def roll_back(self) -> RollBack | None:
        """Take back what the last call made of the variables if it failed; None if there is nothing to take back.

        Raises:
            NotStarted: It was not started.
            KernelStartError: A fresh kernel was needed and did not start.
        """
        return await self._managed.roll_back()

    def stream_code_blocks(
        self, code_blocks: Sequence[CodeBlock], cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[ExecutionEvent | CodeResult, None]:
        """Run blocks as `execute_code_blocks` does; yield each event as it happens and the result last.

        Closing the generator stops the block that is running.
        """
        return self._managed.stream(code_blocks, cancellation_token, self._timeout)

    async def evaluate(self, expression: str, *, timeout: float = 30.0) -> str | None:
        """Return the `repr` of a Python expression in the kernel; leaves no trace in its history.

        Args:
            expression: What to evaluate.
            timeout: Seconds to wait.

        Returns:
            None if it fails or takes too long.
        """
        async with self._managed.lock:
            return await self._managed.runner.evaluate(expression, timeout)

    def on_late_output(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every `LateOutput`; returns a function that ends this."""
        return self._late.add(listener)
