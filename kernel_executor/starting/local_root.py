"""Starts roots on this machine, bare or in a sandbox. Knows no kernels."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from kernel_executor.errors import KernelStartError
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.policy import SandboxPolicy
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.starting.forked import Forked
from kernel_executor.starting.root import Root
from kernel_executor.starting.run_folder import create_root_folder
from kernel_executor.starting.said import Said


@dataclass(frozen=True, slots=True)
class LocalRootPlan:
    """All that is needed to start a root on this machine, again and again.

    Args:
        interpreter: The words that start the interpreter.
        numbers: Limits, as `in_kernel/root.py` takes them.
        enclosure: Where it runs.
    """

    interpreter: Sequence[str]
    numbers: Sequence[int]
    enclosure: Enclosure

    def shown(self) -> SandboxPolicy | None:
        """Return what one that starts now would see."""
        return self.enclosure.shown()

    async def start(self) -> Root:
        """Start one.

        Raises:
            KernelStartError: It cannot be started.
        """
        folder, forked = create_root_folder(self.enclosure.work_dir), Forked()
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [*self.interpreter, str(folder.script), str(its.fileno()), *map(str, self.numbers)]
        with its:
            try:
                process = await ManagedProcess.start(
                    [*command, *self.enclosure.in_memory],
                    self.enclosure,
                    shared=[folder.path],
                    pass_fds=(its.fileno(),),
                    relief=forked,
                )
            except BaseException as error:
                ours.close()
                folder.remove()
                if isinstance(error, OSError):
                    raise KernelStartError(f"cannot start {command[0]}: {error}") from error
                raise
        return Root(process, ours, forked, folder=folder.path, said=Said.of(process.stderr), remove=folder.remove)
