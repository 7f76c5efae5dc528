"""The root of a sandbox, seen from outside: the process that forks kernels there, and the orders to it.

Knows no messages, no kernel's state, and not where it runs. What runs inside is `in_kernel/root.py`.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from kernel_executor.errors import KernelStartError
from kernel_executor.starting.forked import Forked
from kernel_executor.starting.life import Life
from kernel_executor.starting.line import Gone, Seen, announced, line, send
from kernel_executor.starting.said import Said

FIRST_ANSWER = 60.0
"""Seconds until the first kernel is there: the root imports ipykernel before, 0.2 s here, 6 s with bytecode off."""

ANSWER = 10.0
"""Seconds until a root that has answered before forks another one, or has ended what was left: some milliseconds, and
tens of them where there is 1 GB. A root that code stops again and again is ended then, and all with it."""


class RootProcess(Protocol):
    """The process of a root, wherever it runs."""

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, if it used too much of the machine; known when it has ended."""
        ...

    def why_ended(self, exit_code: int) -> str:
        """Return what the exit code of something in there means here; empty if it tells nothing of limits."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, or None while it lives."""
        ...

    async def wait(self) -> int:
        """Wait for its end; return its exit code. Nothing that it has forked is left then."""
        ...

    def resume(self) -> None:
        """Have it go on, if code has stopped it."""
        ...

    def kill(self) -> None:
        """End it and all that it has forked."""
        ...

    def reap(self) -> None:
        """Do so for the last time: later its number may be another process's."""
        ...


class Root:
    """A root that runs; belongs to the loop that it is made on.

    Args:
        process: Its process.
        channel: Our end of the line that orders go by.
        forked: What it has forked: nothing yet.
        folder: Where its kernels' run folders lie.
        said: What it writes to its standard error.
        remove: Removes what was made here for it; called when it has ended, perhaps twice.
    """

    def __init__(
        self,
        process: RootProcess,
        channel: socket.socket,
        forked: Forked,
        *,
        folder: Path,
        said: Said,
        remove: Callable[[], None],
    ) -> None:
        self._process = process
        self._channel = channel
        self._forked = forked
        self.folder = folder
        self._said = said
        self._remove = remove
        self._sweeps: list[asyncio.Future[None]] = []
        self._coming = 0  # kernels and checkpoints that are being forked, and have no number yet
        self._unswept: list[asyncio.Future[None]] = []
        self.preloaded = asyncio.Event()
        self._has_answered = False
        self._watch = asyncio.create_task(self._watch_end())
        channel.settimeout(0)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._read)

    @property
    def said(self) -> str:
        """The end of its standard error, and that of its kernels."""
        return str(self._said)

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, if it used too much of the machine."""
        return self._process.cause

    def why_ended(self, code: int) -> str:
        """Return what an exit code means here, a clause; empty if it tells nothing of limits."""
        return self._process.why_ended(code)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    async def begin(self, arguments: Sequence[str]) -> Life:
        """Fork a kernel.

        Args:
            arguments: Its own arguments, with its connection file.

        Raises:
            KernelStartError: It does not come.
        """
        ours, its = line()
        self._process.resume()
        try:
            with its:
                send(self._channel, json.dumps({"start": list(arguments)}).encode(), its)
            with self.coming():
                life = self.take_in(*await announced(ours, ANSWER if self._has_answered else FIRST_ANSWER), ours)
        except BaseException as error:
            ours.close()
            if isinstance(error, Gone):
                if not self.has_ended:
                    self._process.kill()  # it is stopped, or has no room for a process: another one may do better
                raise KernelStartError(f"the kernel ended while starting: {self.said or error}") from error
            self.sweep()  # a kernel that comes now has nobody
            raise
        self._has_answered = True
        return life

    def take_in(self, pid: int, why_no_checkpoint: str, ours: socket.socket) -> Life:
        """Look after a kernel that has announced itself.

        Args:
            pid: Its number here.
            why_no_checkpoint: Why none of it can ever be taken, if that is so.
            ours: Our end of the line to it.

        Raises:
            Gone: It has ended.
        """
        life = Life(self, Seen.of(pid), ours, why_no_checkpoint)
        self._forked.add(life)
        return life

    def keep(self, seen: Seen, close: Callable[[], None]) -> None:
        """Spare a checkpoint when what kernels leave is ended; see `Forked.keep`."""
        self._forked.keep(seen, close)

    def let_go(self, inside: int) -> None:
        """Keep a process no longer."""
        self._forked.let_go(inside)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Put off sweeps: a process is being forked, and would be taken for what was left."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            if not self._coming:
                unswept, self._unswept = self._unswept, []
                for done in unswept:
                    self._sweep(done)

    def sweep(self) -> "asyncio.Future[None]":
        """Order all to be ended that no living kernel and no checkpoint has; return the future of that."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._coming:
            self._unswept.append(done)
        else:
            self._sweep(done)
        return done

    def _sweep(self, done: "asyncio.Future[None]") -> None:
        self._process.resume()
        try:
            self._channel.send(json.dumps({"sweep": self._forked.staying()}).encode())
            self._sweeps.append(done)
        except OSError:
            self._process.kill()
            done.set_result(None)

    async def swept(self, done: "asyncio.Future[None]") -> None:
        """Wait for a sweep, and end the root if it does not come to an end."""
        await asyncio.wait({done, self._watch}, timeout=ANSWER, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            self._process.kill()

    async def settled(self) -> None:
        """Wait until no sweep is under way: it would end a process that another one forks meanwhile."""
        for done in tuple(self._sweeps):
            await self.swept(done)

    @property
    def is_unused(self) -> bool:
        """Whether no kernel and no checkpoint of it is there."""
        return self._forked.is_nothing

    def clear(self) -> None:
        """Have the file systems in memory emptied that only its sandbox has."""
        with suppress(OSError):  # it has ended: whoever wants a kernel hears of it
            self._channel.send(json.dumps({"clear": True}).encode())

    def preload(self, modules: Sequence[str]) -> None:
        """Have modules imported while there is nothing else to do; `preloaded` tells when kernels will have them."""
        with suppress(OSError):  # it has ended: whoever wants a kernel hears of it
            self._channel.send(json.dumps({"preload": list(modules)}).encode())

    def _read(self) -> None:
        """Take in what it tells."""
        while True:
            try:
                text = self._channel.recv(65_536)
            except BlockingIOError:
                return
            except OSError:
                text = b""
            if not text:
                asyncio.get_running_loop().remove_reader(self._channel)
                return
            with suppress(ValueError, RecursionError):
                self._take(json.loads(text))

    def _take(self, told: Any) -> None:
        # Where code may trace other processes it can take the root's own end, and say anything.
        if not isinstance(told, dict):
            return
        ended, code = told.get("ended"), told.get("code")
        if "preloaded" in told:
            self.preloaded.set()
        elif "swept" in told and self._sweeps:
            done = self._sweeps.pop(0)
            if not done.done():
                done.set_result(None)
        elif isinstance(ended, int) and isinstance(code, int) and (life := self._forked.life(ended)):
            life.told(code)

    async def _watch_end(self) -> None:
        try:
            code = await self._process.wait()
        except asyncio.CancelledError:
            self._process.reap()  # the loop is closing, and nobody will end it if not we
            self._let_go()
            raise
        self._process.reap()
        self._forked.root_ended(code, self._process.cause)
        for done in (*self._sweeps, *self._unswept):
            if not done.done():
                done.set_result(None)

    def kill(self) -> None:
        """End it and all that it has forked."""
        self._process.kill()

    async def aclose(self) -> None:
        """End it and all that it has forked; on a loop that is closing, which cancels us, at least let go of it."""
        try:
            self._process.kill()
            await self._process.wait()
            await asyncio.wait({self._watch})
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Release what is here of it and of all that it has forked; may be done twice."""
        self._forked.close()  # a checkpoint that came while we were stopped has nobody else
        if self._channel.fileno() >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(self._channel)
        self._channel.close()
        self._remove()
