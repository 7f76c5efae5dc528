"""Launches a kernel that is reached by sockets in a private folder of its own. Knows not in what the process runs."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from kernel_executor.aio.tasks import acquired, uninterrupted
from kernel_executor.errors import KernelStartError
from kernel_executor.kernels.launched import KernelProcess, Launched, Process
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sockets.assembler import message_limits
from kernel_executor.sockets.transport import SocketTransport
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.run_folder import RunFolder, create_run_folder


async def launch_in_folder(
    program: KernelProgram,
    work_dir: Path,
    limits: OutputLimits,
    start: Callable[[RunFolder], Awaitable[Process]],
    *,
    run_parent: Path | None = None,
    number: Callable[[Process], int] | None = None,
) -> Launched[Process]:
    """Make a run folder, start a process with its connection file, and connect to it.

    Args:
        program: What is started.
        work_dir: Its working folder.
        limits: Bounds of a block's output.
        start: Starts the process with the connection file of a run folder.
        run_parent: Where the run folder lies; None is the folder for temporary files.
        number: Gives the number of the process that has the kernel's sockets; None if that is not known.

    Raises:
        KernelStartError: It cannot be started.
    """
    try:
        folder = create_run_folder(program, work_dir, run_parent)
    except OSError as error:  # the disk is full; or the root whose folder it lies in has just ended
        raise KernelStartError(f"no folder can be made for the kernel's sockets: {error}") from error
    try:
        process = await acquired(start(folder), _discard)
    except BaseException:
        folder.remove()
        raise
    try:
        transport = SocketTransport(folder.connection, message_limits(limits), number(process) if number else None)
    except BaseException:  # no more file descriptors, say
        await uninterrupted(_discard(process))
        folder.remove()
        raise
    return Launched(process, transport, program.interrupt_mode, folder.remove)


async def _discard(process: KernelProcess) -> None:
    process.reap()
    await process.wait()
    await process.remove()
