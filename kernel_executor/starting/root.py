"""The root of a sandbox, seen from outside: the process that forks kernels there, and the orders to it.

Knows no messages and no kernel's state. What runs inside is `in_kernel/root.py`.
"""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from kernel_executor import in_kernel
from kernel_executor.errors import KernelStartError
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.starting.life import KILLED, Life
from kernel_executor.starting.line import Gone, Seen, announced, line, send
from kernel_executor.starting.run_folder import RootFolder, create_root_folder
from kernel_executor.starting.said import Said

FIRST_ANSWER = 60.0
"""Seconds until the first kernel is there: the root imports ipykernel before, 0.2 s here, 6 s with bytecode off."""

ANSWER = 10.0
"""Seconds until a root that has answered before forks another one, or has ended what was left: some milliseconds, and
tens of them where there is 1 GB. A root that code stops again and again is ended then, and all with it."""

RELIEF = 2.0
"""Seconds that ending a kernel may take to give its memory back; what is too much after that ends the root, too."""


class Root:
    """A root that runs. Made by `start`; belongs to the loop that started it."""

    def __init__(self, channel: socket.socket, folder: RootFolder) -> None:
        self._folder = folder
        self._channel = channel
        self._process: ManagedProcess
        self._lives: dict[int, Life] = {}
        self._kept: dict[int, tuple[Seen, Callable[[], None]]] = {}
        self._sweeps: list[asyncio.Future[None]] = []
        self._coming = 0  # kernels and checkpoints that are being forked, and have no number yet
        self._unswept: list[asyncio.Future[None]] = []
        self.preloaded = asyncio.Event()
        self._has_answered = False
        self._relieved = 0.0
        """When kernels were ended because all together used too much; 0 if they do not any more."""
        self._said: Said
        self._watch: asyncio.Task[None]

    @classmethod
    async def start(cls, command: Sequence[str], numbers: Sequence[int], enclosure: Enclosure) -> Self:
        """Start a root.

        Args:
            command: The interpreter and its options.
            numbers: Limits, as `in_kernel/root.py` takes them.
            enclosure: Where it runs.

        Raises:
            KernelStartError: It cannot be started.
        """
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        folder = create_root_folder(enclosure.work_dir)
        root = cls(ours, folder)
        script = str(folder.path / in_kernel.MODULE / "root.py")
        arguments = [*command, script, str(its.fileno()), *map(str, numbers), *enclosure.in_memory]
        try:
            root._process = await ManagedProcess.start(
                arguments, enclosure, shared=[folder.path], pass_fds=(its.fileno(),), relief=root
            )
        except BaseException as error:
            root._let_go()
            if isinstance(error, OSError):
                raise KernelStartError(f"cannot start {command[0]}: {error}") from error
            raise
        finally:
            its.close()
        root._said = Said(root._process.stderr)
        root._watch = asyncio.create_task(root._watch_end())
        asyncio.get_running_loop().add_reader(ours, root._read)
        return root

    @property
    def folder(self) -> Path:
        """A folder that it and its kernels share with us."""
        return self._folder.path

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
        self._lives[life.inside] = life
        return life

    def keep(self, seen: Seen, close: Callable[[], None]) -> None:
        """Spare a checkpoint when what kernels leave is ended.

        Args:
            seen: Its process.
            close: Ends it, if nobody has done so when the loop closes.
        """
        self._kept[seen.inside] = (seen, close)

    def let_go(self, inside: int) -> None:
        """Keep a process no longer."""
        self._kept.pop(inside, None)
        self._lives.pop(inside, None)

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
        staying = [*self._kept, *(number for number, life in self._lives.items() if not life.is_over)]
        self._process.resume()
        try:
            self._channel.send(json.dumps({"sweep": staying}).encode())
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
        return not self._kept and all(life.is_over for life in self._lives.values())

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
        elif isinstance(ended, int) and isinstance(code, int) and (life := self._lives.get(ended)):
            life.told(code)

    async def _watch_end(self) -> None:
        try:
            code = await self._process.wait()
        except asyncio.CancelledError:
            self._process.reap()  # the loop is closing, and nobody will end it if not we
            self._let_go_of_all()
            raise
        self._process.reap()
        for life in tuple(self._lives.values()):
            life.root_ended(code, self._process.cause)
        for done in (*self._sweeps, *self._unswept):
            if not done.done():
                done.set_result(None)

    def numbers(self) -> frozenset[int]:
        """Return the numbers, here, of the checkpoints; called in the thread that watches."""
        return frozenset(seen.pid for seen, _ in tuple(self._kept.values()))

    def end(self) -> None:
        """End the checkpoints; called in the thread that watches."""
        for seen, _ in tuple(self._kept.values()):
            seen.kill()

    def _let_go_of_all(self) -> None:
        """Release what is here of it and of all that it has forked, when nobody else will any more."""
        for _, close in tuple(self._kept.values()):
            close()
        for life in tuple(self._lives.values()):
            life.root_ended(KILLED, "")
            life.close()
        self._let_go()

    def relieve(self, cause: str) -> bool:
        """End the kernels before the root with its checkpoints; called in the thread that watches."""
        if not cause:
            self._relieved = 0.0
            return True
        if self._relieved:  # what was ended is still giving its memory back, or it was not enough
            return time.monotonic() < self._relieved + RELIEF
        living = [life for life in tuple(self._lives.values()) if not life.is_over]
        if not living:
            return False
        self._relieved = time.monotonic()
        for life in living:
            life.end_for(cause)
        return True

    def kill(self) -> None:
        """End it and all that it has forked."""
        self._process.kill()

    async def aclose(self) -> None:
        """End it and all that it has forked."""
        self._process.kill()
        await self._process.wait()
        await asyncio.wait({self._watch})
        asyncio.get_running_loop().remove_reader(self._channel)
        self._let_go()

    def _let_go(self) -> None:
        """Release what is here of it; may be done twice."""
        self._channel.close()
        self._folder.remove()
