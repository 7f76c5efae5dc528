"""Runs each code block as a script in a process of its own, on this machine, in a sandbox where one works.

AutoGen's LocalCommandLineCodeExecutor. Blocks share the files of the work folder and nothing else.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, Self

from kernel_executor.cancellation import CancellationToken
from kernel_executor.enclosure import Enclosure, absolute_paths, enclose, existing_paths, known_mode
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.functions import FunctionLike, Functions, check_module_name
from kernel_executor.functions_folder import open_functions_here
from kernel_executor.in_order import unheard
from kernel_executor.isolation import Isolation
from kernel_executor.ladder import time_limit
from kernel_executor.launch import ask_python
from kernel_executor.listeners import Listener
from kernel_executor.managed import ManagedRunner, deliver_if_well
from kernel_executor.outputs import OutputLimits
from kernel_executor.pip_install import NO_NETWORK
from kernel_executor.processes import ManagedProcess
from kernel_executor.sandbox import SandboxMode
from kernel_executor.scripts.local import LocalScript, languages
from kernel_executor.scripts.runner import ScriptFolder, ScriptRunner, names_in
from kernel_executor.scripts.script import Script
from kernel_executor.search_paths import distrust, trust_again
from kernel_executor.types import CodeBlock, CodeResult, RollBack
from kernel_executor.work_folder import open_work_folder


class VirtualEnvironment(Protocol):
    """A virtual environment, as `venv.EnvBuilder().ensure_directories()` describes it."""

    @property
    def env_exe(self) -> str:
        """Its interpreter."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSettings:
    """What a user asked for; the fields are arguments of `LocalCommandLineCodeExecutor`."""

    work_dir: str | Path | None = None
    functions: tuple[FunctionLike, ...] = ()
    functions_module: str = "functions"
    cleanup_temp_files: bool = True
    virtual_env_context: VirtualEnvironment | None = None
    sandbox: SandboxMode = "auto"
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: OutputLimits = field(default_factory=OutputLimits)

    @property
    def python(self) -> str:
        """The interpreter of Python scripts."""
        return self.virtual_env_context.env_exe if self.virtual_env_context else sys.executable


class LocalCommandLineCodeExecutor:
    """Runs each code block as a script in a process of its own; blocks share files, no variables.

    Use it as `async with LocalCommandLineCodeExecutor() as executor`. A first line `# filename: name.py` names the
    script's file in the work folder, which then stays there.

    Args:
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
        cleanup_temp_files: False keeps scripts that have no name of their own.
        virtual_env_context: A virtual environment whose Python runs the code, by default ours.
        sandbox: `auto` uses bubblewrap where it works, `bubblewrap` insists, `none` runs the code bare.
        readable: Further files and folders that sandboxed code may read.
        writable: Files and folders that it may change.
        devices: Device files it may use; a sandbox hides them.
        hidden: Files and folders of `work_dir` that sandboxed code does not see; they need not exist yet.
        env: Further variables for the code; ours pass only by an allow-list.
        limits: How much output of one block is kept.
    """

    def __init__(  # noqa: PLR0917 - AutoGen takes them by position
        self,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
        cleanup_temp_files: bool = True,
        virtual_env_context: VirtualEnvironment | None = None,
        *,
        sandbox: SandboxMode = "auto",
        readable: Sequence[str | Path] = (),
        writable: Sequence[str | Path] = (),
        devices: Sequence[str | Path] = (),
        hidden: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
    ) -> None:
        self.timeout = timeout
        self.settings: Final = ScriptSettings(
            work_dir=work_dir,
            functions=tuple(functions),
            functions_module=check_module_name(functions_module),
            cleanup_temp_files=cleanup_temp_files,
            virtual_env_context=virtual_env_context,
            sandbox=known_mode(sandbox),
            readable=existing_paths(readable),
            writable=existing_paths(writable),
            devices=existing_paths(devices),
            hidden=absolute_paths(hidden),
            env=dict(env or {}),
            limits=limits or OutputLimits(),
        )
        self._functions = Functions.of(self.settings.functions)
        self._managed = ManagedRunner(self._open, type(self).__name__)

    async def start(self) -> None:
        """Make ready; nothing happens if it is.

        Raises:
            KernelStartError: The interpreter does not run, or a function's package cannot be installed.
            SandboxUnavailable: `sandbox="bubblewrap"` was asked for and does not work here.
        """
        await self._managed.start()

    async def stop(self) -> None:
        """End everything; a block that runs ends as `interrupted`. May be called twice."""
        await self._managed.stop()

    async def restart(self) -> None:
        """Do nothing: no state but files stays between blocks.

        Raises:
            NotStarted: It was not started.
        """
        _ = self._managed.runner

    async def interrupt(self) -> None:
        """Stop the block that is running, if one is; it ends as `interrupted`."""
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
        """What is enforced on the code, as probed at the start."""
        return self._managed.opened.isolation if self._managed.opened else Isolation(reason="not started")

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in.

        Raises:
            NotStarted: There is none yet.
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
        return languages()

    @property
    def keeps_variables(self) -> bool:
        """Only files stay."""
        return False

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
        """Run blocks in order until one fails; arguments are those of `KernelCodeExecutor.execute_code_blocks`.

        Returns:
            The exit code is 0 if all is well, else that of the script; a time-out gives 124, in the event of a
            cancelled block stands 125, 128 + N if signal N ended it; nothing that could run gives 1.

        Raises:
            NotStarted: It was not started.
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
        """Return the `repr` of a Python expression, in a script of its own.

        Args:
            expression: What to evaluate.
            timeout: Seconds to wait.

        Returns:
            None if it fails or takes too long.
        """
        async with self._managed.lock:
            return await self._managed.runner.evaluate(expression, timeout)

    def on_late_output(self, _listener: Listener) -> Callable[[], None]:
        """Do nothing: a script leaves nothing running that could write later."""
        return lambda: None

    async def _open(self, stack: AsyncExitStack) -> ScriptRunner:
        settings = self.settings
        folder = open_work_folder(settings.work_dir)
        stack.callback(folder.close)
        distrust(folder.path)
        stack.callback(trust_again, folder.path)
        if self._functions.names:
            module = await open_functions_here(
                self._functions, settings.functions_module, folder.path, settings.python, stack
            )
            env, readable = module.environment(settings.env), (*settings.readable, module.path)
            settings = replace(settings, env=env, readable=readable)
        interpreter = await ask_python(settings.python, {})
        enclosure = await enclose(
            settings, folder.path, interpreter, [Path(settings.python).parent], env={}, stack=stack
        )
        taken = frozenset(entry.name for entry in folder.path.iterdir())
        granted = names_in(folder.path, settings.writable)
        return ScriptRunner(
            ScriptFolder(folder.path, enclosure.stage, taken, granted, keep=not settings.cleanup_temp_files),
            limits=settings.limits,
            languages=languages(),
            launch=partial(_launch, settings.python, enclosure),
            isolation=await _look_at(enclosure),
            no_network=NO_NETWORK,
        )


async def _launch(python: str, enclosure: Enclosure, script: Script) -> LocalScript:
    return await LocalScript.start(script, python, enclosure)


async def _look_at(enclosure: Enclosure) -> Isolation:
    """Start something that waits, and look at what holds it: every script is started the same way."""
    waiting = ["/bin/sh", "-c", "echo; exec sleep 60"]
    process = await ManagedProcess.start(waiting, enclosure, stdout=subprocess.PIPE)
    try:
        if process.stdout:  # what it says tells that bubblewrap is done with its preparations
            await asyncio.to_thread(process.stdout.readline)
        return enclosure.look_at(process.pid)
    finally:
        process.bury()
        process.close_pipes()
