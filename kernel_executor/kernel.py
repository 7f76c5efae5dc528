"""One life of a managed kernel: start, ready, requests, interrupt, death. Knows no blocks, outputs or time limits."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_executor.errors import KernelStartError
from kernel_executor.launch import KernelProgram
from kernel_executor.outputs import OutputLimits
from kernel_executor.provisioner import ManagedProvisioner
from kernel_executor.router import CONNECTION_LOST, Inbox, KernelDeath, Router
from kernel_executor.run_folder import RunFolder, create_run_folder
from kernel_executor.sandbox import SandboxPolicy, bubblewrap_arguments
from kernel_executor.tasks import uninterrupted
from kernel_executor.transport import ZmqTransport
from kernel_executor.wire import Message

START_TIMEOUT = 60.0  # seconds; a cold start takes 0.6 s here, 6 s with bytecode off (measured)
ASK_AGAIN = 0.5  # seconds between kernel_info requests to a kernel that sends no welcome
DRAIN = 0.1  # seconds to read what a dying kernel had already sent


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelPlan:
    """All that is needed to start a kernel, again and again.

    Args:
        program: What to start.
        work_dir: Its working folder.
        environment: Its variables.
        policy: What it may touch; None runs it bare.
        limits: Bounds of its output.
        memory_limit: Address space in bytes; 0 sets none.
    """

    program: KernelProgram
    work_dir: Path
    environment: Mapping[str, str]
    policy: SandboxPolicy | None
    limits: OutputLimits
    memory_limit: int = 0


class Kernel:
    """A running kernel. Made by `start_kernel`; everything here belongs to the loop that started it."""

    def __init__(self, provisioner: ManagedProvisioner, folder: RunFolder, on_late: Callable[[Message], None]) -> None:
        self._provisioner = provisioner
        self._folder = folder
        self._on_late = on_late
        self._welcomed = asyncio.Event()
        self._router = Router(ZmqTransport(folder.connection), self._on_orphan)
        self._mourner = asyncio.create_task(self._mourn())

    @property
    def pid(self) -> int:
        """The process to look at from outside; in a sandbox the leader of the inner process group."""
        return self._provisioner.pid or 0

    @property
    def run_dir(self) -> Path:
        """The folder of its sockets."""
        return self._folder.path

    @property
    def death(self) -> KernelDeath | None:
        """How it ended, or None if it could be reached when last heard of."""
        return self._router.death

    async def check(self) -> bool:
        """Say whether it lives, by looking at the process: the news of its death may still be on the way."""
        if await self._provisioner.poll() is not None:
            await asyncio.wait({self._mourner})
        return self.death is None

    def _on_orphan(self, message: Message) -> None:
        if message.type == "iopub_welcome":
            self._welcomed.set()
        else:
            self._on_late(message)

    async def _mourn(self) -> None:
        try:
            code = await self._provisioner.wait() or 0
            self._provisioner.bury()
            await asyncio.sleep(DRAIN)
        except asyncio.CancelledError:
            self._abandon()  # the loop is closing without `stop`: nobody will end this kernel if not we
            raise
        self._router.fail(KernelDeath(128 - code if code < 0 else code))

    def _abandon(self) -> None:
        self._provisioner.bury()
        self._router.abandon()
        self._folder.remove()

    async def request(self, msg_type: str, content: dict[str, Any]) -> tuple[str, Inbox]:
        """Send a request on the shell channel; `release` it when done."""
        return await self._router.request("shell", msg_type, content)

    def release(self, msg_id: str) -> None:
        """Stop collecting for a request."""
        self._router.release(msg_id)

    async def wait_ready(self) -> None:
        """Wait until a request would be answered and its outputs seen.

        An answer alone is not enough: IOPub may not be connected yet (the first block hung in 5 of 16 starts);
        `iopub_welcome` says that it is (0 of 8). A kernel that sends none is asked until it is seen to go idle.

        Raises:
            KernelStartError: The process ended.
        """
        while True:
            msg_id, inbox = await self.request("kernel_info_request", {})
            try:
                async with asyncio.timeout(ASK_AGAIN):
                    await self._answered(inbox)
                    return
            except TimeoutError:
                continue
            finally:
                self.release(msg_id)

    async def _answered(self, inbox: Inbox) -> None:
        replied = idle = False
        while not (replied and (idle or self._welcomed.is_set())):
            message = await inbox.get()
            if isinstance(message, KernelDeath):
                raise KernelStartError(
                    f"the kernel ended while starting, exit code {message.exit_code}: "
                    f"{self._provisioner.stderr or 'it said nothing'}"
                )
            replied = replied or message.is_reply
            idle = idle or message.is_idle

    async def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the kernel and everything it started.

        The request after the signal is a poke: a cell in top-level `await` ignores SIGINT until its loop wakes
        (10 s and more; 0.02 s with the poke, measured).
        """
        await self._provisioner.send_signal(signal.SIGINT)
        await self._router.post("shell", "kernel_info_request", {})

    def give_up(self) -> None:
        """Count it as gone, for what it says does not come through any more; `aclose` ends it."""
        self._router.fail(KernelDeath(1, CONNECTION_LOST))

    async def kill(self) -> None:
        """End the process and everything it started; open requests are told when its last words are read."""
        await self._provisioner.kill()

    async def aclose(self) -> None:
        """End the process, if it lives, and let go of everything."""
        await self._provisioner.kill()
        await self._provisioner.wait()
        await self._router.aclose()
        self._mourner.cancel()
        await asyncio.wait({self._mourner})
        await self._provisioner.cleanup()
        self._folder.remove()


async def start_kernel(plan: KernelPlan, on_late: Callable[[Message], None]) -> Kernel:
    """Start a kernel and wait until it answers.

    Args:
        plan: What to start and how.
        on_late: Called with messages that belong to no open request.

    Raises:
        KernelStartError: It ended or did not answer in time.
    """
    provisioner = ManagedProvisioner()
    folder = await _launch(plan, provisioner)
    kernel = Kernel(provisioner, folder, on_late)
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await kernel.wait_ready()
    except BaseException as error:
        # Whatever stops the start, a cancellation included, must not leave a process behind.
        await uninterrupted(kernel.aclose())
        if isinstance(error, TimeoutError):
            raise KernelStartError(
                f"the kernel did not answer within {START_TIMEOUT:.0f} s: {provisioner.stderr or 'it said nothing'}"
            ) from error
        raise
    return kernel


async def _launch(plan: KernelPlan, provisioner: ManagedProvisioner) -> RunFolder:
    """Start the process; takes milliseconds."""
    folder = create_run_folder(plan.program, plan.work_dir)
    sandbox = bubblewrap_arguments(plan.policy, folder.path) if plan.policy else None
    command = folder.command(plan.program, plan.limits, plan.memory_limit)
    launch = provisioner.launch_kernel(command, env=plan.environment, cwd=str(plan.work_dir), sandbox=sandbox)
    try:
        await uninterrupted(launch)
    except BaseException as error:
        provisioner.bury()
        folder.remove()
        if isinstance(error, OSError):
            raise KernelStartError(f"cannot start {command[0]}: {error}") from error
        raise
    return folder
