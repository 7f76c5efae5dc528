"""Starts roots in a container that runs. Knows no kernels and no engine."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.containers.container import LAST_PATIENCE, Container
from kernel_executor.containers.memory import MemoryWatch
from kernel_executor.errors import KernelStartError
from kernel_executor.folders.safe_files import open_folder
from kernel_executor.outputs.exit_codes import KILLED
from kernel_executor.sockets.connection import CREDENTIALS
from kernel_executor.starting.forked import Forked
from kernel_executor.starting.line import Gone, Seen, readable
from kernel_executor.starting.root import FIRST_ANSWER, Root
from kernel_executor.starting.roots import Roots
from kernel_executor.starting.run_folder import ROOT_PREFIX, create_root_folder
from kernel_executor.starting.said import Said

ORDERS = "orders"
"""Name of the socket that a root connects to: by an engine's own streams no socket can be passed on to kernels."""

ROOM = len(f"/{ROOT_PREFIX}12345678/{ORDERS}")
"""Bytes that its path adds to that of the folder which all of a container is in; kernels' sockets add fewer."""


class Unseen(KernelStartError):  # noqa: N818 - who catches it goes on
    """The processes of a container have no numbers here, or are not ours to signal: we are in another one, say."""


class ContainerRoot:
    """The process of a root in a container.

    Args:
        container: The container.
        command: Its exit code, as the engine tells it.
        seen: The process, as we see it.
        watch: Looks after the container's memory; None if that has no limit.
    """

    def __init__(
        self, container: Container, command: "asyncio.Future[int]", seen: Seen, watch: MemoryWatch | None
    ) -> None:
        self._container = container
        self._command = command
        self._seen = seen
        self._is_reaped = False
        self._is_over = asyncio.Event()
        """Set when it has ended, or may not be ended by us."""
        asyncio.get_running_loop().add_reader(seen.descriptor, self._is_over.set)
        self._watching = asyncio.create_task(watch.look_on()) if watch else None
        self._ending = asyncio.create_task(self._end())

    @property
    def cause(self) -> str:
        """What its exit code does not tell, nobody knows."""
        return ""

    def why_ended(self, _: int) -> str:
        """Return nothing: the engine keeps the limits, and tells nobody."""
        return ""

    def poll(self) -> int | None:
        """Return the exit code, as far as it is known yet, or None while it lives."""
        if self._ending.done() and not self._ending.cancelled():
            return self._ending.result()
        # The engine may take seconds to tell, and a call that asked a dead root for a kernel meanwhile failed.
        return KILLED if self._is_reaped or self._seen.has_ended else None

    async def wait(self) -> int:
        """Wait for its end, and for that of all that runs in the container; return its exit code."""
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        try:
            await self._is_over.wait()
        finally:
            asyncio.get_running_loop().remove_reader(self._seen.descriptor)
            if self._watching:
                self._watching.cancel()
                await uninterrupted(ended(self._watching))
        await self._container.end(self._command)
        return await asyncio.shield(self._command)

    def resume(self) -> None:
        """Have it go on, if code has stopped it."""
        if not self._is_reaped:
            self._seen.resume()

    def kill(self) -> None:
        """End it; its kernels go with it, and `wait` sees off what they have started.

        Code that has the right to may have made it another user's: then it ends with all in the container.
        """
        if not self._is_reaped:
            patience = LAST_PATIENCE if self._seen.kill() else 0
            asyncio.get_running_loop().call_later(patience, self._is_over.set)

    def reap(self) -> None:
        """End it for the last time."""
        self.kill()
        if not self._is_reaped:
            self._is_reaped = True
            self._seen.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRootPlan:
    """All that is needed to start a root in a container, again and again.

    Args:
        container: The container.
        interpreter: The words that start the interpreter there.
        numbers: Limits, as `in_kernel/root.py` takes them.
        work_dir: The kernels' working folder, on this machine.
        run_parent: A folder that is seen there under the same path.
        memory_limit: Bytes that the container may use; None if there is no limit.
    """

    container: Container
    interpreter: Sequence[str]
    numbers: Sequence[int]
    work_dir: Path
    run_parent: Path
    memory_limit: int | None

    def shown(self) -> None:
        """Return nothing: what a container shows is decided when it is made."""

    async def start(self) -> Root:
        """Start one.

        Raises:
            KernelStartError: It does not start.
            Unseen: Its processes cannot be seen from here.
        """
        async with AsyncExitStack() as stack:
            folder = create_root_folder(self.work_dir, self.run_parent, room=len(f"/{ORDERS}"))
            said, forked = Said(), Forked()
            stack.callback(folder.remove)
            with listen_in(folder.path) as listener:
                words = [*self.interpreter, str(folder.script), str(folder.path / ORDERS), *map(str, self.numbers)]
                command = self.container.execute(words, lambda _, chunk: said.take(chunk))
                stack.push_async_callback(self.container.end, command)
                channel = await _connected(listener, command, said)
            stack.callback(channel.close)
            seen = _seen(channel)
            watch = MemoryWatch(seen.pid, self.memory_limit, forked) if self.memory_limit else None
            process = ContainerRoot(self.container, command, seen, watch)
            stack.pop_all()
        return Root(process, channel, forked, folder=self.run_parent, said=said, remove=folder.remove)


async def open_roots(plan: ContainerRootPlan, preload: Sequence[str], stack: AsyncExitStack) -> Roots | None:
    """Start the first root; return None where the processes of a container cannot be seen.

    Args:
        plan: How to start one.
        preload: Modules that roots import while they have nothing else to do.
        stack: Ends what is started.

    Raises:
        KernelStartError: It does not start.
    """
    roots = Roots(plan, preload)
    stack.push_async_callback(roots.aclose)
    try:
        await roots.live()
    except Unseen:
        return None
    return roots


def listen_in(path: Path) -> socket.socket:
    """Listen in a folder, by its descriptor: code of an earlier kernel may have put a link in its place.

    Raises:
        OSError: So it has.
    """
    with ExitStack() as stack, closing(open_folder(path)) as folder:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listener.settimeout(0)
        listener.bind(f"/proc/self/fd/{folder.descriptor}/{ORDERS}")
        listener.listen(1)
        stack.pop_all()
        return listener


async def _connected(listener: socket.socket, command: "asyncio.Future[int]", said: Said) -> socket.socket:
    """Wait until the root has connected; return our end."""
    coming = asyncio.create_task(readable(listener))
    try:
        await asyncio.wait((coming, command), timeout=FIRST_ANSWER, return_when=asyncio.FIRST_COMPLETED)
    finally:
        coming.cancel()
        await uninterrupted(ended(coming))
    try:
        return listener.accept()[0]
    except BlockingIOError:
        raise KernelStartError(f"the kernel ended while starting: {str(said) or 'it said nothing'}") from None


def _seen(channel: socket.socket) -> Seen:
    """Return the process at the other end, if we see it and may signal it."""
    size = CREDENTIALS.size
    pid = int(CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0])
    try:
        seen = Seen.of(pid)
    except (Gone, ValueError) as error:  # its number is 0: it has none here
        raise Unseen(f"the processes of the container are not seen from here: {error}") from error
    if not seen.is_ours:
        seen.close()
        raise Unseen("the processes of the container cannot be signalled from here")
    return seen
