"""Starts a kernel as a local process, bare or in bubblewrap, and looks at what holds it. Knows no messages."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kernel_executor.errors import KernelStartError
from kernel_executor.kernels.kernel import Kernel, Launched
from kernel_executor.kernels.kernelspec import KernelProgram
from kernel_executor.kernels.launching import launch_in_folder
from kernel_executor.kernels.run_folder import RunFolder
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.sockets.router import Fate
from kernel_executor.types import BlockResult

STDERR_KEPT = 8_192  # bytes: the end of what a kernel said before it failed


class LocalKernel:
    """The process of a kernel on this machine; keeps the end of what it writes to standard error."""

    def __init__(self, process: ManagedProcess) -> None:
        self._process = process
        self._stderr = bytearray()
        if process.stderr:
            # In a thread: a kernel must not block on a full pipe while our loop is busy.
            arguments = (process.stderr, self._stderr)
            threading.Thread(target=_keep_end, args=arguments, daemon=True, name="kernel-stderr").start()

    @property
    def pid(self) -> int:
        """Its number here; in a sandbox that of the inner process group's leader."""
        return self._process.pid

    @property
    def said(self) -> str:
        """The end of its standard error."""
        return bytes(self._stderr).decode(errors="replace").strip()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKernelPlan:
    """All that is needed to start a kernel on this machine, again and again.

    Args:
        program: What to start.
        enclosure: Where it runs.
        limits: Bounds of its output.
        memory_limit: Address space in bytes; 0 sets none.
    """

    program: KernelProgram
    enclosure: Enclosure
    limits: OutputLimits
    memory_limit: int = 0

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
    def why_no_replay(self) -> str:
        """Code may be run again in another one."""
        return ""

    def take_news(self) -> str:
        """Return nothing: who holds a kernel sees it end."""
        return ""

    async def launch(self) -> Launched[LocalKernel]:
        """Start the process; takes milliseconds.

        Raises:
            KernelStartError: It cannot be started.
        """
        return await launch_in_folder(self.program, self.work_dir, self.limits, self._start)

    async def _start(self, folder: RunFolder) -> LocalKernel:
        command = folder.command(self.program, self.limits, self.memory_limit)
        try:
            return LocalKernel(await ManagedProcess.start(command, self.enclosure, shared=[folder.path]))
        except OSError as error:
            raise KernelStartError(f"cannot start {command[0]}: {error}") from error

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the sandbox has to do with its error."""
        return self.enclosure.explained(result, isolation)

    async def admit(self, process: LocalKernel, _kernel: Kernel) -> Isolation:
        """Report what holds a kernel that was started; errors are those of `Enclosure.look_at`."""
        return self.enclosure.look_at(process.pid)


def _keep_end(pipe: IO[bytes], kept: bytearray) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), 65_536):
            kept += chunk
            del kept[:-STDERR_KEPT]
