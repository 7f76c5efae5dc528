"""Starts a kernel in a container that runs, as one of its processes. Knows no messages and no engine."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from kernel_executor.containers.container import Container
from kernel_executor.containers.refusals import explained_by
from kernel_executor.containers.request import WORKSPACE
from kernel_executor.kernels.forking import Forking
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.kernels.launching import launch_in_folder
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sockets.router import Fate
from kernel_executor.stage.place import Place
from kernel_executor.starting.kernelspec import LAUNCHER, KernelProgram
from kernel_executor.starting.life import Life
from kernel_executor.starting.run_folder import RunFolder, put_starter
from kernel_executor.starting.said import Said
from kernel_executor.types import BlockResult


class ContainerKernel:
    """The process of a kernel in a container that nothing has forked."""

    def __init__(self, container: Container, command: list[str]) -> None:
        self._container = container
        self._said = Said()
        self._done = container.execute(command, lambda _, chunk: self._said.take(chunk))

    @property
    def said(self) -> str:
        """The end of what it wrote outside of blocks."""
        return str(self._said)

    @property
    def cause(self) -> str:
        """What its exit code does not tell, nobody knows."""
        return ""

    @property
    def fate(self) -> Fate:
        """Its variables end with it."""
        return "lost"

    async def has_ended(self) -> bool:
        """Return whether its end was told."""
        return self._done.done()

    async def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return await asyncio.shield(self._done)

    async def interrupt(self) -> None:
        """Send SIGINT to all in the container."""
        await self._container.interrupt_all()

    async def kill(self) -> None:
        """End it and everything it started."""
        if not self._done.done():
            await self._container.end(self._done)

    def reap(self) -> None:
        """Leave it to `remove`, which is awaited before another kernel starts: ending all must not end that one."""

    async def remove(self) -> None:
        """End what it left behind."""
        await self._container.end_all()


ContainerProcess = ContainerKernel | Life


def kernel_program(interpreter: Sequence[str]) -> KernelProgram:
    """Return the kernel's command line in a container.

    Args:
        interpreter: The words that start the interpreter there.
    """
    argv = (*interpreter, *LAUNCHER, "-f", "{connection_file}")
    return KernelProgram(argv=argv, language="python", env={}, guarded=True, interpreter=Interpreter())


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerKernelPlan:
    """All that is needed to start a kernel in a container, again and again.

    Args:
        container: The container.
        program: What to start.
        work_dir: Its working folder, on this machine.
        place: Where its files are.
        run_parent: A folder that is seen there under the same path.
        limits: Bounds of its output.
        isolation: What holds the container.
        forking: Has it forked; None starts each by itself.
        checkpoints: Whether its state is kept, so that it can come back.
    """

    container: Container
    program: KernelProgram
    work_dir: Path
    place: Place
    run_parent: Path
    limits: OutputLimits
    isolation: Isolation
    forking: Forking | None
    checkpoints: bool

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run in it."""
        return self.program.block_languages

    @property
    def gate(self) -> None:
        """A container's network is chosen when it is made."""
        return

    @property
    def stands_alone(self) -> bool:
        """Ending a kernel that nothing has forked ends all that runs in its container."""
        return self.forking is None

    @property
    def forks(self) -> Forking | None:
        """What takes checkpoints, where a root has forked the kernel."""
        return self.forking if self.checkpoints else None

    @property
    def why_no_replay(self) -> str:
        """Code may be run again when it has ended."""
        return ""

    def seen_at(self, path: Path) -> str | None:
        """Return a path in the stage as it is there."""
        return str(PurePosixPath(WORKSPACE, self.place.below, path.relative_to(self.place.files)))

    async def warmed(self) -> bool:
        """Wait until modules were imported for kernels to come."""
        return self.forking is not None and await self.forking.roots.preloaded()

    def take_news(self) -> str:
        """Return nothing: who holds a kernel sees it end."""
        return ""

    async def launch(self) -> Launched[ContainerProcess]:
        """Start the process, or have it forked.

        Raises:
            KernelStartError: It cannot be started.
        """
        if self.forking:
            return await self.forking.begin()
        # By a message: a signal takes the engine a tenth of a second.
        alone = replace(self.program, interrupt_mode="message")
        return await launch_in_folder(alone, self.work_dir, self.limits, self._start, run_parent=self.run_parent)

    async def _start(self, folder: RunFolder) -> ContainerKernel:
        put_starter(folder.path)
        return ContainerKernel(self.container, folder.command(self.program, self.limits, 0))

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the container has to do with its error."""
        return explained_by(result, isolation)

    async def admit(self, _process: ContainerProcess, _kernel: Kernel) -> Isolation:
        """Report what holds the container."""
        return self.isolation
