"""Starts kernels as local processes, bare or in a sandbox, and looks at what holds them. Knows no messages."""

from dataclasses import dataclass
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.kernels.forking import Forking
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.kernels.launching import launch_in_folder
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.sockets.router import Fate
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.life import Life
from kernel_executor.starting.run_folder import RunFolder, put_starter
from kernel_executor.starting.said import Said
from kernel_executor.types import BlockResult


class LocalKernel:
    """The process of a kernel on this machine that nothing has forked; keeps the end of its standard error."""

    def __init__(self, process: ManagedProcess) -> None:
        self._process = process
        self._said = Said.of(process.stderr)

    @property
    def pid(self) -> int:
        """Its number here; in a sandbox that of the inner process group's leader."""
        return self._process.pid

    @property
    def said(self) -> str:
        """The end of its standard error."""
        return str(self._said)

    @property
    def cause(self) -> str:
        """Why it was ended, if it used too much of the machine."""
        return self._process.cause

    @property
    def fate(self) -> Fate:
        """Its variables end with it."""
        return "lost"

    async def has_ended(self) -> bool:
        """Look at the process: the news of its end may still be on the way."""
        return self._process.poll() is not None

    async def wait(self) -> int:
        """Wait for its end; return its exit code, 128 + N if signal N ended it."""
        return await self._process.wait()

    async def interrupt(self) -> None:
        """Send SIGINT to it and to what it started."""
        self._process.interrupt()

    async def kill(self) -> None:
        """End it and everything it started."""
        self._process.kill()

    def reap(self) -> None:
        """End what it left behind, at once and for good."""
        self._process.reap()

    async def remove(self) -> None:
        """Do nothing: of a process that has ended nothing is left."""


LocalProcess = LocalKernel | Life


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKernelPlan:
    """All that is needed to start a kernel on this machine, again and again.

    Args:
        program: What to start.
        enclosure: Where it runs.
        limits: Bounds of its output.
        memory_limit: Address space in bytes; 0 sets none.
        forking: Has it forked; None starts each by itself.
        checkpoints: Whether its state is kept, so that it can come back.
    """

    program: KernelProgram
    enclosure: Enclosure
    limits: OutputLimits
    memory_limit: int = 0
    forking: Forking | None = None
    checkpoints: bool = True

    @property
    def work_dir(self) -> Path:
        """Its working folder."""
        return self.enclosure.work_dir

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run in it."""
        return self.program.block_languages

    @property
    def gate(self) -> Gate | None:
        """What decides which names of the network it reaches."""
        return self.enclosure.gate

    @property
    def stands_alone(self) -> bool:
        """Each has processes of its own."""
        return False

    @property
    def forks(self) -> Forking | None:
        """What takes checkpoints, where a root has forked the kernel."""
        return self.forking if self.checkpoints else None

    @property
    def why_no_replay(self) -> str:
        """Code may be run again in another one."""
        return ""

    def seen_at(self, path: Path) -> str | None:
        """Return a path as the kernel has it: the stage may stand in the place of the user's folder."""
        stage = self.enclosure.stage
        return str(stage.place.seen_at(path)) if stage else str(path)

    async def warmed(self) -> bool:
        """Wait until modules were imported for kernels to come."""
        return self.forking is not None and await self.forking.roots.preloaded()

    def take_news(self) -> str:
        """Return nothing: who holds a kernel sees it end."""
        return ""

    async def launch(self) -> Launched[LocalProcess]:
        """Start the process, or have it forked; takes milliseconds.

        Raises:
            KernelStartError: It cannot be started.
        """
        if self.forking:
            return await self.forking.begin()
        return await launch_in_folder(self.program, self.work_dir, self.limits, self._start)

    async def _start(self, folder: RunFolder) -> LocalKernel:
        if self.program.guarded:
            put_starter(folder.path)
        command = folder.command(self.program, self.limits, self.memory_limit)
        try:
            return LocalKernel(await ManagedProcess.start(command, self.enclosure, shared=[folder.path]))
        except OSError as error:
            raise KernelStartError(f"cannot start {command[0]}: {error}") from error

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the sandbox has to do with its error."""
        return self.enclosure.explained(result, isolation)

    async def admit(self, process: LocalProcess, _kernel: Kernel) -> Isolation:
        """Report what holds a kernel that was started; errors are those of `Enclosure.look_at`."""
        return self.enclosure.look_at(process.pid)
