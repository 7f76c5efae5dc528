"""Runs code in a container: in a kernel where its image has ipykernel, else as scripts.

AutoGen's DockerCommandLineCodeExecutor, with a kernel. Works with Docker and with podman's service.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

from kernel_executor.cancellation import CancellationToken
from kernel_executor.containers.opening import open_container
from kernel_executor.containers.settings import PIDS_LIMIT, ContainerSettings
from kernel_executor.enclosure import absolute_paths, existing_paths
from kernel_executor.environment import without_secrets
from kernel_executor.events import ExecutionEvent, FilesDelivered, HeldFile
from kernel_executor.functions import FunctionLike, Functions, check_module_name
from kernel_executor.in_order import unheard
from kernel_executor.isolation import Isolation
from kernel_executor.kernel_runner import KernelRunner
from kernel_executor.ladder import time_limit
from kernel_executor.listeners import LateOutputs, Listener
from kernel_executor.managed import ManagedRunner, deliver_if_well
from kernel_executor.outputs import OutputLimits
from kernel_executor.scripts.runner import ScriptRunner
from kernel_executor.types import CodeBlock, CodeResult, RollBack


class DockerCommandLineCodeExecutor:
    """Runs code blocks in a container: in a kernel if its image has ipykernel, else each as a script of its own.

    Use it as `async with DockerCommandLineCodeExecutor() as executor`. The container sees the work folder as
    /workspace, where your files are copies; new data is delivered. It has no network and no
    capabilities unless you say otherwise.

    Args:
        image: Its image; pulled if it is not here.
        container_name: Its name; None makes one up.
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes.
        bind_dir: The same folder as the engine sees it, if that runs elsewhere; then blocks run as scripts.
        auto_remove: Whether `stop` removes the container, or only ends it.
        stop_container: False lets it run on after `stop`; then name a `work_dir`, for a private one is deleted. The
            folder that stands for it there (in `$XDG_CACHE_HOME/codeagent-nb/stages`) stays, for you to remove.
        device_requests: Devices, e.g. `[docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])]`.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
        extra_volumes: Further volumes, as the docker SDK takes them; they count as not isolated.
        extra_hosts: Further names of hosts, with their addresses.
        init_command: A shell command that is run in the container before anything else; what it leaves running ends
            with the first script, or with the kernel.
        delete_tmp_files: False keeps scripts that have no name of their own.
        network: The container's network mode, e.g. `bridge`.
        writable: Files and folders in `work_dir` that code may change.
        hidden: Files and folders of `work_dir` that code does not see; they need not exist yet.
        cap_add: Capabilities the container keeps. It runs as your own user, whom Docker gives few of them; without
            KILL, a process that became another user's is ended only with the whole container.
        memory_limit: Bytes; None sets no limit.
        pids_limit: Processes; None sets no limit.
        cpus: Processors; None sets no limit.
        env: Variables for the code.
        limits: How much output of one block is kept.
    """

    def __init__(
        self,
        image: str = "python:3-slim",
        container_name: str | None = None,
        *,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        bind_dir: str | Path | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        device_requests: Sequence[Any] | None = None,
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
        extra_volumes: Mapping[str, Mapping[str, str]] | None = None,
        extra_hosts: Mapping[str, str] | None = None,
        init_command: str | None = None,
        delete_tmp_files: bool = True,
        network: str = "none",
        writable: Sequence[str | Path] = (),
        hidden: Sequence[str | Path] = (),
        cap_add: Sequence[str] = (),
        memory_limit: int | None = None,
        pids_limit: int | None = PIDS_LIMIT,
        cpus: float | None = None,
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
    ) -> None:
        self.timeout = timeout
        self.settings: Final = ContainerSettings(
            image=image,
            container_name=container_name,
            work_dir=work_dir,
            bind_dir=None if bind_dir is None else Path(bind_dir),
            auto_remove=auto_remove,
            stop_container=stop_container,
            device_requests=tuple(device_requests or ()),
            functions=tuple(functions),
            functions_module=check_module_name(functions_module),
            extra_volumes=dict(extra_volumes or {}),
            extra_hosts=dict(extra_hosts or {}),
            init_command=init_command,
            delete_tmp_files=delete_tmp_files,
            network=network,
            writable=existing_paths(writable),
            hidden=absolute_paths(hidden),
            cap_add=tuple(cap_add),
            memory_limit=memory_limit,
            pids_limit=pids_limit,
            cpus=cpus,
            env=without_secrets(env or {}),
            limits=limits or OutputLimits(),
        )
        self._functions = Functions.of(self.settings.functions)
        self._late = LateOutputs()
        self._managed: ManagedRunner[KernelRunner | ScriptRunner] = ManagedRunner(self._open, type(self).__name__)

    async def start(self) -> None:
        """Start the container, and the kernel in it; nothing happens if it is started.

        Raises:
            KernelStartError: No engine answers, the container or the kernel does not start, or `init_command` fails.
        """
        await self._managed.start()

    async def stop(self) -> None:
        """End the container; a block that runs ends as `interrupted`. May be called twice."""
        await self._managed.stop()

    async def restart(self) -> None:
        """Start the kernel afresh, if there is one; all variables are lost, files stay."""
        async with self._managed.lock:
            if isinstance(self._managed.runner, KernelRunner):
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
        """What holds the container, as it was seen from inside before any code ran."""
        return self._managed.opened.isolation if self._managed.opened else Isolation(reason="not started")

    @property
    def work_dir(self) -> Path:
        """The folder the code runs in, on this machine.

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
        return ("python", "bash")

    @property
    def keeps_variables(self) -> bool:
        """Whether there is a kernel; known once it is started."""
        return isinstance(self._managed.opened, KernelRunner)

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

        Arguments, result and errors are those of `KernelCodeExecutor.execute_code_blocks`, or without a kernel those
        of `LocalCommandLineCodeExecutor.execute_code_blocks`.
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
        """Return the `repr` of a Python expression, in the kernel or in a script of its own.

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

    async def _open(self, stack: AsyncExitStack) -> KernelRunner | ScriptRunner:
        return await open_container(self.settings, self._functions, self._late, stack)
