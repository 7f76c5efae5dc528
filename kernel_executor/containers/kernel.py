"""Starts a kernel in a container that runs, as one of its processes. Knows no messages and no engine."""

import asyncio
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from kernel_executor.containers.container import Container
from kernel_executor.containers.refusals import explained_by
from kernel_executor.containers.request import WORKSPACE
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.kernels.launching import launch_in_folder
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sockets.router import Fate
from kernel_executor.stage.place import Place
from kernel_executor.starting.kernelspec import LAUNCHER, KernelProgram
from kernel_executor.starting.run_folder import RunFolder, put_starter
from kernel_executor.starting.said import STDERR_KEPT
from kernel_executor.types import BlockResult


class ContainerKernel:
    """The process of a kernel in a container."""

    def __init__(self, container: Container, command: list[str]) -> None:
        self._container = container
        self._kept = bytearray()
        self._done = container.execute(command, self._keep)

    def _keep(self, _: Literal["stdout", "stderr"], chunk: bytes) -> None:
        self._kept += chunk
        del self._kept[:-STDERR_KEPT]

    @property
    def said(self) -> str:
        """The end of what it wrote outside of blocks."""
        return bytes(self._kept).decode(errors="replace").strip()

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
        """Send SIGINT to all in the container; it takes a tenth of a second, a message to the kernel takes none."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerKernelPlan:
    """All that is needed to start a kernel in a container, again and again.

    Args:
        container: The container.
        python: The interpreter there.
        work_dir: Its working folder, on this machine.
        place: Where its files are.
        run_parent: A folder that is seen there under the same path.
        limits: Bounds of its output.
        isolation: What holds the container.
    """

    container: Container
    python: str
    work_dir: Path
    place: Place
    run_parent: Path
    limits: OutputLimits
    isolation: Isolation

    @property
    def program(self) -> KernelProgram:
        """The kernel's command line there."""
        argv = (self.python, *LAUNCHER, "-f", "{connection_file}")
        return KernelProgram(
            argv=argv, language="python", env={}, guarded=True, interpreter=Interpreter(), interrupt_mode="message"
        )

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
        """Ending a kernel ends all that runs in its container."""
        return True

    @property
    def forks(self) -> None:
        """No checkpoint is taken there."""
        return

    @property
    def why_no_replay(self) -> str:
        """Code may be run again when it has ended."""
        return ""

    def seen_at(self, path: Path) -> str | None:
        """Return a path in the stage as it is there."""
        return str(PurePosixPath(WORKSPACE, self.place.below, path.relative_to(self.place.files)))

    async def warmed(self) -> bool:
        """Return False: each kernel begins with nothing."""
        return False

    def take_news(self) -> str:
        """Return nothing: who holds a kernel sees it end."""
        return ""

    async def launch(self) -> Launched[ContainerKernel]:
        """Start the process."""
        return await launch_in_folder(self.program, self.work_dir, self.limits, self._start, run_parent=self.run_parent)

    async def _start(self, folder: RunFolder) -> ContainerKernel:
        put_starter(folder.path)
        return ContainerKernel(self.container, folder.command(self.program, self.limits, 0))

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the container has to do with its error."""
        return explained_by(result, isolation)

    async def admit(self, _process: ContainerKernel, _kernel: Kernel) -> Isolation:
        """Report what holds the container."""
        return self.isolation
