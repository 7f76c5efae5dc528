"""A kernel on a server: started there or found there, looked after, ended if it is ours. Knows no messages."""

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kernel_executor.aio.tasks import uninterrupted
from kernel_executor.errors import KernelStartError
from kernel_executor.in_kernel.live import CANCEL, END
from kernel_executor.kernels.kernel import Kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.kernels.supervisor import STATE_LOST
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.remote.guarding import bring_guard
from kernel_executor.remote.rest import Api, ServerError
from kernel_executor.remote.server import Token
from kernel_executor.remote.starting import start_kernel
from kernel_executor.remote.transport import WebsocketTransport
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sockets.assembler import message_limits
from kernel_executor.sockets.router import Fate
from kernel_executor.types import BlockResult

QUIET = 5.0
"""Seconds without a word after which the server is asked, before a block, whether the kernel is still there."""

LOOK_EVERY = 15.0
"""Seconds between questions whether it is still there: of one that the server ends the websocket stays open."""

GUARD_ATTEMPTS = 5
"""Times our guard is sent to a kernel whose connection is cut meanwhile."""

NOT_OURS = "it does not stop, and was not started here: it is left running, and the code perhaps, too"
NOT_BEGUN = "the kernel was busy with what others run in it, and this block has not begun"
NOT_SEEN = "what holds the code there cannot be seen from here"
GONE = "the server ended it, perhaps because it was idle for long"


class RemoteKernel:
    """A kernel on a server, in the place of a process.

    Args:
        api: The server's.
        kernel_id: The kernel.
        is_ours: Whether it was started here, and is to be ended here.
    """

    def __init__(self, api: Api, kernel_id: str, *, is_ours: bool) -> None:
        self.id = kernel_id
        self.is_ours = is_ours
        self._api = api
        self._fate: Fate = "lost"
        self._cause = ""
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: WebsocketTransport | None = None
        self._watch = asyncio.ensure_future(self._look_now_and_then())

    def reached_by(self, transport: WebsocketTransport) -> None:
        """Know the way to it."""
        self._transport = transport

    @property
    def transport(self) -> WebsocketTransport:
        """The way to it."""
        assert self._transport is not None  # noqa: S101 - it is known before anybody can ask
        return self._transport

    @property
    def said(self) -> str:
        """What it writes outside of blocks is the server's to keep."""
        return ""

    @property
    def cause(self) -> str:
        """What became of it; a clause."""
        return self._cause

    @property
    def fate(self) -> Fate:
        """What became of its variables."""
        return self._fate

    def end(self, cause: str, fate: Fate) -> None:
        """Note that it has ended, or is given up; what was noted first stays."""
        if not self._ended.done():
            self._cause, self._fate = cause, fate
            self._ended.set_result(None)
        self._watch.cancel()

    async def has_ended(self) -> bool:
        """Ask the server, if nothing was heard of it for a while."""
        heard = self._transport.heard if self._transport else 0.0
        if not self._ended.done() and asyncio.get_running_loop().time() - heard > QUIET:
            await self._look()
        return self._ended.done()

    async def is_idle(self) -> bool:
        """Return whether the server takes it to be idle."""
        with suppress(ServerError):
            return ((await self._api.kernel(self.id)) or {}).get("execution_state") == "idle"
        return False

    async def _look_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._look()

    async def _look(self) -> None:
        with suppress(ServerError):  # whether it can be reached is the transport's to find out
            if await self._api.kernel(self.id) is None:
                self.end(GONE, "lost")

    async def wait(self) -> int:
        """Wait for its end; nobody tells the exit code."""
        await asyncio.shield(self._ended)
        return 1

    async def interrupt(self) -> None:
        """Have the server interrupt it, unless what it runs is another's."""
        if not self.is_ours and self.transport.waiting:
            return
        with suppress(ServerError):  # then it is interrupted again, and given up in the end
            await self._api.interrupt(self.id)

    async def kill(self) -> None:
        """End it, if it is ours; let go of it, otherwise."""
        if self._ended.done():
            if self._fate == "lost" and self.is_ours:
                await self._remove()
        elif self.is_ours:
            told = await self._remove()
            self.end(told or "it was ended", "unknown" if told else "lost")
        elif waiting := self._transport.waiting if self._transport else []:
            await self.transport.send("control", CANCEL, uuid.uuid4().hex, {"ids": waiting})
            self.end(NOT_BEGUN, "kept")
        else:
            self.end(NOT_OURS, "kept")

    async def _remove(self) -> str:
        if self._transport and self._transport.is_guarded and not self._ended.done():
            await self._transport.send("control", END, uuid.uuid4().hex, {})
        try:
            await self._api.end(self.id)
        except ServerError as error:
            return f"it could not be ended: {error}"
        return ""

    def reap(self) -> None:
        """End it on a loop that is closing, where nobody called `stop`: a server keeps its kernels."""
        if self.is_ours and not self._ended.done():
            self._api.end_now(self.id)

    async def remove(self) -> None:
        """Do nothing: the server has removed it."""


@dataclass(slots=True, kw_only=True)
class RemoteKernelPlan:
    """All that is needed to start kernels on a server, or to come back to one, again and again.

    Args:
        api: The server's.
        token: Who we are there.
        name: Of the kernelspec.
        language: Of the kernelspec.
        path: The kernel's folder, as the server names it.
        env: Variables for a gateway.
        kernel_id: One that runs already and is not ours; None starts one.
        work_dir: The user's folder, on this machine.
        limits: Bounds of a block's output.
        patience: Seconds without a connection after which it is given up.
    """

    api: Api
    token: Token = field(repr=False)
    name: str
    language: str
    path: str
    env: Mapping[str, str]
    kernel_id: str | None
    work_dir: Path
    limits: OutputLimits
    patience: float
    is_guarded: bool = False
    last_id: str = ""
    _given_up: RemoteKernel | None = None  # it may live: it could not be reached
    _news: str = ""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run in it: a script needs what our guard brings along."""
        return ("python", "bash") if self.is_guarded else (self.language,)

    @property
    def gate(self) -> None:
        """What it reaches of the network is the server's to decide."""
        return

    @property
    def stands_alone(self) -> bool:
        """Servers have room for another one."""
        return False

    @property
    def forks(self) -> None:
        """No checkpoint is taken there."""
        return

    def seen_at(self, _: Path) -> None:
        """Nothing of this machine is seen there."""
        return

    @property
    def why_no_replay(self) -> str:
        """A kernel that was not started here is not replaced."""
        return "" if self.kernel_id is None else "the kernel was not started here, and is not replaced by another one"

    async def warmed(self) -> bool:
        """Return False: each kernel begins with nothing."""
        return False

    def take_news(self) -> str:
        """Return, once, what became of a kernel that could not be reached."""
        news, self._news = self._news, ""
        return news

    async def launch(self) -> Launched[RemoteKernel]:
        """Start a kernel, or come back to one, and connect to it.

        Raises:
            KernelStartError: The server refused, cannot be reached, or has no such kernel.
        """
        try:
            process = await self._found()
        except ServerError as error:
            raise KernelStartError(str(error)) from error
        try:
            transport = await WebsocketTransport.open(
                self.api.server,
                self.token,
                process.id,
                message_limits(self.limits),
                patience=self.patience,
                on_end=process.end,
                is_idle=process.is_idle,
            )
        except BaseException as error:
            await uninterrupted(self._discard(process))
            if isinstance(error, ConnectionError):
                raise KernelStartError(f"no channel to kernel {process.id} on {self.api.server}: {error}") from None
            raise
        process.reached_by(transport)
        self.last_id = process.id
        return Launched(process, transport, "signal", lambda: self._leave(process))

    async def _found(self) -> RemoteKernel:
        left, self._given_up = self._given_up, None
        kernel_id = self.kernel_id or (left.id if left else None)
        if kernel_id is not None and await self._is_there(kernel_id, left):
            # Until it answers it is not ours to end: what runs in it may be what nobody knows the end of.
            return RemoteKernel(self.api, kernel_id, is_ours=False)
        started = await start_kernel(self.api, str(uuid.uuid4()), self.name, self.path, self.env)
        return RemoteKernel(self.api, started, is_ours=True)

    async def _is_there(self, kernel_id: str, left: RemoteKernel | None) -> bool:
        try:
            found = await self.api.kernel(kernel_id)
        except ServerError:
            self._given_up = left
            raise
        if found is not None:
            return True
        if self.kernel_id is not None:
            raise ServerError(f"{self.api.server} has no kernel {kernel_id}", 404)
        self._news = f"The kernel was gone when the server could be reached again; {STATE_LOST}"
        return False

    def _leave(self, process: RemoteKernel) -> None:
        """Remember a kernel that may live on: the next one is that one, if it is still there."""
        if self.kernel_id is None and (process.fate == "unknown" or not process.is_ours):
            self._given_up = process  # the second: it was there again, and has not answered yet

    async def _discard(self, process: RemoteKernel) -> None:
        await process.kill()
        self._leave(process)

    async def admit(self, process: RemoteKernel, kernel: Kernel) -> Isolation:
        """Bring our guard into it, and report that what holds it is not ours."""
        process.is_ours = self.kernel_id is None
        self.is_guarded = self.language == "python" and await self._guarded(process, kernel)
        process.transport.is_guarded = self.is_guarded
        return Isolation(place=str(self.api.server), reason=NOT_SEEN)

    async def _guarded(self, process: RemoteKernel, kernel: Kernel) -> bool:
        """Bring our guard into it, again if a cut took the answer: without it every later cut loses a block."""
        transport = process.transport
        for _ in range(GUARD_ATTEMPTS):
            cuts = transport.cuts
            if await bring_guard(kernel, transport.session, self.limits, owned=process.is_ours):
                return True
            if transport.cuts == cuts:
                return False  # it has answered: it is no ipykernel
        return False

    def explained(self, result: BlockResult, _isolation: Isolation) -> BlockResult:
        """Return a block's result as it is."""
        return result

    async def aclose(self) -> None:
        """End what could not be ended before, if that can be done now."""
        left, self._given_up = self._given_up, None
        if left:
            with suppress(ServerError):
                await self.api.end(left.id)


async def find_kernel(api: Api, name: str | None, kernel_id: str | None) -> tuple[str, str]:
    """Return the name and the language of a kernel that is asked for.

    Raises:
        KernelStartError: The server has none of that name or id, refused, or cannot be reached.
    """
    try:
        found = await api.kernel(kernel_id) if kernel_id else {}
        usual, languages = await api.kernelspecs()
    except ServerError as error:
        raise KernelStartError(str(error)) from error
    if found is None:
        raise KernelStartError(f"{api.server} has no kernel {kernel_id}")
    wanted = str(found.get("name") or "") or name or usual
    if wanted not in languages and not kernel_id:
        names = ", ".join(sorted(languages)) or "none"
        raise KernelStartError(f"{api.server} has no kernel named {wanted!r}. It has: {names}.")
    return wanted, languages.get(wanted, "python")
