"""Has kernels forked by a root, takes checkpoints, starts kernels from these. Knows no blocks and no history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_executor.errors import KernelStartError, NoCheckpoint
from kernel_executor.in_kernel import CHECKPOINT
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.kernels.launching import launch_in_folder
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sockets.router import KernelDeath
from kernel_executor.starting.held import Held
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.life import Life
from kernel_executor.starting.line import Gone
from kernel_executor.starting.root import Root
from kernel_executor.starting.roots import Roots
from kernel_executor.starting.run_folder import RunFolder

ANSWER = 2.0
"""Seconds for a kernel that runs nothing to fork, 10 ms with 1 GB. One that only seems to run nothing, because a thread
holds it or code has made up its reply, keeps the next call waiting for so long."""


@dataclass(frozen=True, slots=True)
class Forking:
    """Has kernels forked, and brings them back from checkpoints.

    Args:
        roots: What forks the kernels.
        program: The kernels' program.
        work_dir: Their working folder.
        limits: Bounds of their output.
    """

    roots: Roots
    program: KernelProgram
    work_dir: Path
    limits: OutputLimits

    async def begin(self) -> Launched[Life]:
        """Have a kernel forked that has run nothing; takes milliseconds.

        Raises:
            KernelStartError: It does not start.
        """
        root = await self.roots.for_fresh_kernel()

        async def fork(folder: RunFolder) -> Life:
            return await root.begin(folder.kernel_arguments(self.program))

        return await self._launch(root, fork)

    async def take(self, kernel: Kernel) -> Held:
        """Take a checkpoint of a kernel that runs nothing.

        Raises:
            NoCheckpoint: It cannot be taken; the message tells why.
        """
        root = await self.roots.live()
        life: Life = kernel.process
        if life.why_no_checkpoint:  # not asked: late output of ipykernel 6 would belong to the question
            raise NoCheckpoint(life.why_no_checkpoint)
        await root.settled()
        try:
            ours = life.offer()
        except Gone as error:
            raise NoCheckpoint(f"the kernel has ended ({error})") from error
        try:
            with root.coming():
                await _fork(kernel)
                return await Held.take(root, ours)
        except BaseException as error:
            ours.close()
            if isinstance(error, Gone):
                raise NoCheckpoint(f"its process ended at once ({error})") from error
            raise

    async def launch(self, held: Held, *, keeps_files: bool) -> Launched[Life]:
        """Start a kernel from a checkpoint, which stays; see `Held.revive`.

        Raises:
            KernelStartError: It does not start.
        """
        root = await self.roots.live()

        async def revive(folder: RunFolder) -> Life:
            try:
                return await held.revive(folder.connection_file, keeps_files=keeps_files)
            except Gone as error:
                raise KernelStartError(f"its variables could not be brought back: {error}") from error

        return await self._launch(root, revive)

    async def _launch(self, root: Root, start: Callable[[RunFolder], Awaitable[Life]]) -> Launched[Life]:
        return await launch_in_folder(
            self.program, self.work_dir, self.limits, start, run_parent=root.folder, number=lambda life: life.pid
        )


async def _fork(kernel: Kernel) -> None:
    """Have a kernel fork a checkpoint.

    Raises:
        NoCheckpoint: It does not; the message tells why.
    """
    answer = await kernel.ask(CHECKPOINT, ANSWER)
    if answer is None:
        raise NoCheckpoint(f"the kernel did not answer within {ANSWER:.0f} s")
    if isinstance(answer, KernelDeath):
        raise NoCheckpoint(f"the kernel ended ({answer})")
    if reason := _reason(answer):
        raise NoCheckpoint(reason)


def _reason(content: dict[str, Any]) -> str:
    # Executed code may have made it up: only a text is one.
    reason = content.get("reason", "the kernel knows of no checkpoints")
    return reason if isinstance(reason, str) else "the kernel does not say why"
