"""What may be asked of an executor while a call runs. Knows no kernel."""

from typing import Protocol, runtime_checkable

from kernel_executor.lifecycle.runner import BlockRunner
from kernel_executor.snapshots import KernelSnapshot


@runtime_checkable
class InspectedRunner(BlockRunner, Protocol):
    """A runner that can be looked at while a block runs."""

    async def inspect(self) -> KernelSnapshot:
        """Return what it is doing, and disturb nothing."""
        ...


class Meanwhile:
    """The part of an executor that does not wait for the call that runs."""

    _opened: BlockRunner | None

    async def interrupt(self) -> None:
        """Interrupt the block that is running, if one is; it ends as `interrupted`."""
        if self._opened:
            await self._opened.interrupt()

    async def inspect(self) -> KernelSnapshot:
        """Return what the kernel is doing: what runs, where it is, which variables there are. Disturbs nothing.

        It takes milliseconds, or a second where the kernel does not answer because C code keeps its interpreter. An
        executor without a kernel knows nothing of that.
        """
        return await self._opened.inspect() if isinstance(self._opened, InspectedRunner) else KernelSnapshot()
