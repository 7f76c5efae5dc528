"""The base of executors whose variables can be kept and brought back. Knows no kernel."""

from typing import Protocol, runtime_checkable

from kernel_executor.errors import NoCheckpoint
from kernel_executor.lifecycle.base import ManagedExecutor, Runner
from kernel_executor.lifecycle.runner import BlockRunner, StatefulRunner
from kernel_executor.types import Checkpoint


@runtime_checkable
class CheckpointingRunner(StatefulRunner, Protocol):
    """A runner that keeps the variables of a moment and brings them back."""

    async def checkpoint(self) -> Checkpoint:
        """Keep the variables as they are now.

        Raises:
            NoCheckpoint: They cannot be kept; the message tells why.
        """
        ...

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Bring back the variables of a checkpoint.

        Raises:
            NoCheckpoint: It is not there any more.
            KernelStartError: No kernel could be made of it.
        """
        ...


class WithCheckpoints(ManagedExecutor[Runner]):
    """An executor that keeps variables and brings them back, if it runs code in a kernel."""

    async def checkpoint(self) -> Checkpoint:
        """Keep the variables as they are now, to be brought back later; takes milliseconds.

        Returns:
            What `restore` brings back, as often as is wanted. The newest 20 are kept, as long as there is memory.

        Raises:
            NotStarted: It was not started.
            NoCheckpoint: They cannot be kept; the message tells why: a thread or a process is running, say.
        """
        async with self._lock:
            return await _checkpointing(self._runner).checkpoint()

    async def restore(self, checkpoint: Checkpoint) -> None:
        """Bring back the variables of a checkpoint; files stay as they are.

        Args:
            checkpoint: What `checkpoint` has returned.

        Raises:
            NotStarted: It was not started.
            NoCheckpoint: It is not there any more.
            KernelStartError: No kernel could be made of it.
        """
        async with self._lock:
            await _checkpointing(self._runner).restore(checkpoint)


def _checkpointing(runner: BlockRunner) -> CheckpointingRunner:
    if not isinstance(runner, CheckpointingRunner):
        raise NoCheckpoint("scripts have no variables that could be kept: use an image with ipykernel")
    return runner
