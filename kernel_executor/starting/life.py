"""One kernel that a root has forked, as a process: its end, its interrupts, and the line to it. Knows no messages."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import Protocol

from kernel_executor.sockets.router import Fate
from kernel_executor.starting.line import Seen, line, send

TOLD = 1.0
"""Seconds to hear from the root with which exit code a process has ended: it tells at once, unless code stops it."""

KILLED = 128 + signal.SIGKILL

WITH_ITS_ROOT = "the process that it was forked from was ended"


class Roots(Protocol):
    """What a kernel needs of its root."""

    @property
    def said(self) -> str:
        """The end of its standard error."""
        ...

    @property
    def cause(self) -> str:
        """Why it was ended itself, a clause, if it used too much of the machine."""
        ...

    def why_ended(self, code: int) -> str:
        """Return what an exit code means here; empty if it tells nothing of limits."""
        ...

    def sweep(self) -> "asyncio.Future[None]":
        """Order all to be ended that no living kernel and no checkpoint has."""
        ...

    async def swept(self, done: "asyncio.Future[None]") -> None:
        """Wait for that."""
        ...

    def let_go(self, inside: int) -> None:
        """Keep a process no longer."""
        ...

    def kill(self) -> None:
        """End the root with all that it has forked."""
        ...


class Life:
    """A kernel's process.

    Args:
        root: What has forked it.
        seen: The process.
        ours: Our end of the line to it.
        why_no_checkpoint: Why none of it can ever be taken, if that is so.
    """

    def __init__(self, root: Roots, seen: Seen, ours: socket.socket, why_no_checkpoint: str = "") -> None:
        self._root = root
        self.why_no_checkpoint = why_no_checkpoint
        self._seen = seen
        self._line = ours
        self._cause = ""
        self._code: int | None = None
        self._is_closed = False
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._swept: asyncio.Future[None] | None = None
        self._loop.add_reader(seen.descriptor, self._notice_end)

    @property
    def pid(self) -> int:
        """Its number here."""
        return self._seen.pid

    @property
    def inside(self) -> int:
        """Its number in there."""
        return self._seen.inside

    @property
    def is_over(self) -> bool:
        """Whether its end was told, or it is to be ended."""
        return self._ended.done() or self._swept is not None

    @property
    def said(self) -> str:
        """The end of what kernels of its root wrote to standard error."""
        return self._root.said

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, where its exit code does not tell."""
        return self._cause

    @property
    def fate(self) -> Fate:
        """Its variables end with it; who has a checkpoint knows better."""
        return "lost"

    def told(self, code: int) -> None:
        """Take in with which exit code it has ended."""
        self._code = code
        if self._seen.has_ended:
            self._end(code)

    def root_ended(self, code: int, cause: str) -> None:
        """Take in that its root has ended, and it with that."""
        self._cause = self._cause or cause or WITH_ITS_ROOT
        self._end(self._code if self._code is not None else code)

    def end_for(self, cause: str) -> None:
        """End it for what it uses of the machine; may be called from another thread."""
        self._cause = cause
        self._kill()

    def _kill(self) -> None:
        if not self._is_closed and not self._seen.kill():  # if closed, its descriptor may be another file's
            self._root.kill()

    def _notice_end(self) -> None:
        self._loop.remove_reader(self._seen.descriptor)
        if self._code is None:
            self._loop.call_later(TOLD, self._end_untold)
        else:
            self._end(self._code)

    def _end_untold(self) -> None:
        if not self._root.cause:  # else all of the sandbox is being ended, and its end tells: nothing is left then
            self._end(KILLED)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._loop.remove_reader(self._seen.descriptor)
            self._cause = self._cause or self._root.cause or self._root.why_ended(code)
            self._ended.set_result(code)

    async def has_ended(self) -> bool:
        """Look at the process: the news of its end may still be on the way."""
        return self._is_closed or self._seen.has_ended

    async def wait(self) -> int:
        """Wait for its end; return its exit code, 128 + N if signal N ended it."""
        return await asyncio.shield(self._ended)

    async def interrupt(self) -> None:
        """Send SIGINT to its process group: to it and what it started."""
        if not await self.has_ended():  # ours to signal as long as its root has not waited for it
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._seen.pid, signal.SIGINT)

    async def kill(self) -> None:
        """End it; what it started is ended when its end was told."""
        if not self._ended.done():
            self._kill()

    def reap(self) -> None:
        """End it and what it left behind, at once and for good."""
        if self._swept is None:
            self._kill()
            self._swept = self._root.sweep()

    async def remove(self) -> None:
        """Wait until nothing is left of it, and let go of it."""
        self.reap()
        if self._swept:
            await self._root.swept(self._swept)
        self.close()

    def close(self) -> None:
        """Release what is here of it, as it is; may be called twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._seen.descriptor)
        self._root.let_go(self.inside)
        self._line.close()
        self._seen.close()

    def offer(self) -> socket.socket:
        """Send the kernel the socket of a checkpoint that it will be asked for; return our end.

        Raises:
            Gone: It takes none any more.
        """
        ours, its = line()
        try:
            with its:
                send(self._line, b"checkpoint", its)
        except BaseException:
            ours.close()
            raise
        return ours
