"""One life of a managed kernel: ready, requests, interrupt, death. Knows no blocks, outputs, time limits or places."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.errors import KernelStartError
from kernel_executor.kernels.launched import Held, KernelProcess, Launched, Process
from kernel_executor.network.gate import Gate
from kernel_executor.outputs.message import Channel, Message
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sockets.router import KernelDeath, Router, Taker
from kernel_executor.types import BlockResult

START_TIMEOUT = 60.0  # seconds; a cold start takes 0.6 s here, 6 s with bytecode off (measured)
ASK_AGAIN = 0.5  # seconds between kernel_info requests to a kernel that sends no welcome
CONNECTION_LOST = "the connection to it was lost"
DRAIN = 0.1  # seconds to read what a dying kernel had already sent


Answers = asyncio.Queue[Message | KernelDeath]


class Forks(Protocol):
    """What takes checkpoints of kernels and brings them back."""

    async def take(self, kernel: "Kernel") -> Held:
        """Take a checkpoint of a kernel that runs nothing.

        Raises:
            NoCheckpoint: It cannot be taken; the message tells why.
        """
        ...

    async def launch(self, held: Any, *, keeps_files: bool) -> Launched[Any]:
        """Start a kernel from a checkpoint, which stays.

        Args:
            held: The checkpoint.
            keeps_files: Whether files stay that were made since in memory that is the sandbox's own.

        Raises:
            KernelStartError: It does not start.
        """
        ...


class KernelPlan(Protocol[Process]):
    """All that is needed to start a kernel, again and again."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run in it."""
        ...

    @property
    def work_dir(self) -> Path:
        """The user's folder, on this machine."""
        ...

    @property
    def gate(self) -> Gate | None:
        """What decides which names of the network kernels reach; None if they reach none."""
        ...

    @property
    def stands_alone(self) -> bool:
        """Whether a kernel must have ended before the next one starts."""
        ...

    @property
    def forks(self) -> Forks | None:
        """What takes checkpoints and brings them back; None if nothing does."""
        ...

    @property
    def why_no_replay(self) -> str:
        """Why code is never run again to take back what failed; empty if it may be."""
        ...

    def seen_at(self, path: Path) -> str | None:
        """Return a path in the stage, or of this machine, as the kernel has it; None if it is on another one."""
        ...

    async def launch(self) -> Launched[Process]:
        """Start the process, and connect to it.

        Raises:
            KernelStartError: It cannot be started.
        """
        ...

    async def admit(self, process: Process, kernel: "Kernel") -> Isolation:
        """Prepare a kernel that answers, and report what holds it.

        Raises:
            KernelStartError: It is gone, or not held as it was meant to be.
        """
        ...

    async def warmed(self) -> bool:
        """Wait until a kernel that is launched has more in it than those before had; return False if that never is."""
        ...

    def take_news(self) -> str:
        """Return, once, what became of the kernel before the one that was launched, if variables are at stake."""
        ...

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what holds the kernel has to do with its error."""
        ...


class Kernel:
    """A running kernel. Made by `start_kernel`; everything here belongs to the loop that started it."""

    def __init__(self, launched: Launched[Any], on_late: Callable[[Message], None]) -> None:
        self.process: Any = launched.process
        self._process: KernelProcess = launched.process
        self._let_go = launched.let_go
        self._interrupt_mode = launched.interrupt_mode
        self._on_late = on_late
        self._is_welcomed = False
        self._answers = Answers()  # to what is asked while it starts
        self._router = Router(launched.transport, self._on_orphan, lambda: self._process.cause)
        self._exit_watch = asyncio.create_task(self._watch_exit())
        self.isolation = Isolation()

    @property
    def death(self) -> KernelDeath | None:
        """How it ended, or None if it could be reached when last heard of."""
        return self._router.death

    async def check(self) -> bool:
        """Return whether it lives, by looking at the process: the news of its death may still be on the way."""
        if await self._process.has_ended():
            await asyncio.wait({self._exit_watch})
        return self.death is None

    def _on_orphan(self, message: Message) -> None:
        if message.type == "iopub_welcome":
            if not self._is_welcomed:
                self._answers.put_nowait(message)  # who waits for it alone would wait until it is asked again
            self._is_welcomed = True
        else:
            self._on_late(message)

    async def _watch_exit(self) -> None:
        try:
            code = await self._process.wait()
            self._process.reap()
            await asyncio.sleep(DRAIN)
        except asyncio.CancelledError:
            self._abandon()  # the loop is closing without `stop`: nobody will end this kernel if not we
            raise
        self._router.fail(KernelDeath(code, self._process.cause, self._process.fate))

    def _abandon(self) -> None:
        self._process.reap()
        self._router.close()
        self._let_go()

    async def request(self, msg_type: str, content: dict[str, Any], take: Taker, channel: Channel = "shell") -> str:
        """Send a request and hand all it causes to `take`; `release` the id when done."""
        return await self._router.request(channel, msg_type, content, take)

    async def post(self, msg_type: str, content: dict[str, Any]) -> None:
        """Send a message on the shell channel whose answers nobody waits for."""
        await self._router.post("shell", msg_type, content)

    def release(self, msg_id: str) -> None:
        """Stop collecting for a request."""
        self._router.release(msg_id)

    async def ask(
        self, msg_type: str, timeout: float, channel: Channel = "shell"
    ) -> dict[str, Any] | KernelDeath | None:
        """Send a request without content, and wait for the reply alone.

        Args:
            msg_type: Its type.
            timeout: Seconds to wait.
            channel: Where it is sent.

        Returns:
            The reply's content, which executed code may have made up; how the kernel ended, or None if neither came.
        """
        answer: asyncio.Future[dict[str, Any] | KernelDeath] = asyncio.get_running_loop().create_future()

        def take(message: Message | KernelDeath) -> None:
            if not answer.done() and (isinstance(message, KernelDeath) or message.is_reply):
                answer.set_result(message if isinstance(message, KernelDeath) else message.content)

        msg_id = await self.request(msg_type, {}, take, channel)
        try:
            await asyncio.wait({answer}, timeout=timeout)
        finally:
            self.release(msg_id)
        return answer.result() if answer.done() else None

    async def wait_ready(self) -> None:
        """Wait until a request would be answered and its outputs seen.

        An answer alone is not enough: IOPub may not be connected yet (the first block hung in 5 of 16 starts);
        `iopub_welcome` says that it is (0 of 8). A kernel that sends none is asked until it is seen to go idle.

        Raises:
            KernelStartError: The process ended.
        """
        answers, asked = self._answers, list[str]()
        answered = asyncio.ensure_future(self._answered(answers))
        try:
            while not answered.done():  # an answer to any of them will do: one may take longer than we wait
                asked.append(await self.request("kernel_info_request", {}, answers.put_nowait))
                await asyncio.wait({answered}, timeout=ASK_AGAIN)
            answered.result()
        finally:
            answered.cancel()
            for msg_id in asked:
                self.release(msg_id)

    async def _answered(self, answers: Answers) -> None:
        replied = idle = False
        while not (replied and (idle or self._is_welcomed)):
            message = await answers.get()
            if isinstance(message, KernelDeath):
                raise KernelStartError(
                    f"the kernel ended while starting, {message.reason or f'exit code {message.exit_code}'}: "
                    f"{self._process.said or 'it said nothing'}"
                )
            replied = replied or message.is_reply
            idle = idle or message.is_idle

    async def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the kernel and everything it started, as its kernelspec wants it done.

        The request after the signal is a poke: a cell in top-level `await` ignores SIGINT until its loop wakes
        (10 s and more; 0.02 s with the poke, measured).
        """
        if self._interrupt_mode == "message":
            # The reply comes after the signal: a poke that is there before it wakes nobody.
            await self.ask("interrupt_request", ASK_AGAIN, "control")
        else:
            await self._process.interrupt()
        await self._router.post("shell", "kernel_info_request", {})

    def give_up(self) -> None:
        """Count it as gone, for what it says does not come through any more; `aclose` ends it."""
        self._router.fail(KernelDeath(1, CONNECTION_LOST))

    async def kill(self) -> None:
        """End the process and everything it started; open requests are told when its last words are read."""
        await self._process.kill()

    async def aclose(self) -> None:
        """End the process, if it lives, and let go of everything, even on a loop that is closing and cancels us."""
        try:
            await self._process.kill()
            await self._process.wait()
            self._router.close()
            self._exit_watch.cancel()
            await asyncio.wait({self._exit_watch})
            await self._process.remove()
        finally:
            self._router.close()
            self._let_go()


async def start_kernel(
    plan: KernelPlan[Any], on_late: Callable[[Message], None], launch: Callable[[], Awaitable[Launched[Any]]]
) -> Kernel:
    """Start a kernel, wait until it answers, and look at what holds it.

    Args:
        plan: How it is to be held.
        on_late: Called with messages that belong to no open request.
        launch: Starts the process: the plan's own way, or from a checkpoint.

    Raises:
        KernelStartError: It ended, did not answer in time, or is not held as it was meant to be.
    """
    launched = await launch()
    kernel = Kernel(launched, on_late)
    process = launched.process
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await kernel.wait_ready()
            kernel.isolation = await plan.admit(process, kernel)
    except BaseException as error:
        # Whatever stops the start, a cancellation included, must not leave a process behind.
        await uninterrupted(kernel.aclose())
        if isinstance(error, TimeoutError):
            raise KernelStartError(
                f"the kernel did not answer within {START_TIMEOUT:.0f} s: {process.said or 'it said nothing'}"
            ) from error
        raise
    return kernel
