"""Launches a kernel that is reached by sockets in a private folder of its own. Knows not in what the process runs."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from kernel_executor.aio.tasks import acquired, uninterrupted
from kernel_executor.kernels.kernel import KernelProcess, Launched, Process
from kernel_executor.kernels.kernelspec import KernelProgram
from kernel_executor.kernels.run_folder import RunFolder, create_run_folder
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sockets.assembler import message_limits
from kernel_executor.sockets.transport import SocketTransport


async def launch_in_folder(
    program: KernelProgram,
    work_dir: Path,
    limits: OutputLimits,
    start: Callable[[RunFolder], Awaitable[Process]],
    *,
    run_parent: Path | None = None,
) -> Launched[Process]:
    """Make a run folder, start a process with its connection file, and connect to it.

    Args:
        program: What is started.
        work_dir: Its working folder.
        limits: Bounds of a block's output.
        start: Starts the process with the connection file of a run folder.
        run_parent: Where the run folder lies; None is the folder for temporary files.

    Raises:
        KernelStartError: It cannot be started.
    """
    folder = create_run_folder(program, work_dir, run_parent)
    try:
        process = await acquired(start(folder), _discard)
    except BaseException:
        folder.remove()
        raise
    try:
        transport = SocketTransport(folder.connection, message_limits(limits))
    except BaseException:  # no more file descriptors, say
        await uninterrupted(_discard(process))
        folder.remove()
        raise
    return Launched(process, transport, program.interrupt_mode, folder.remove)


async def _discard(process: KernelProcess) -> None:
    process.reap()
    await process.wait()
    await process.remove()
