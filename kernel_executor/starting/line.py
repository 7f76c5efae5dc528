"""The line to one process: a socket that brings its number, as it is for us, from the system. Knows no orders."""

import array
import asyncio
import os
import select
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kernel_executor.sockets.connection import CREDENTIALS


class Gone(Exception):  # noqa: N818 - who catches it goes on
    """Nobody is at the other end, or does not answer."""


def line() -> tuple[socket.socket, socket.socket]:
    """Return our end of a new line, and the other one."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(0)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, its


def send(channel: socket.socket, order: bytes, attached: socket.socket) -> None:
    """Send an order and a socket.

    Raises:
        Gone: Nobody takes it.
    """
    rights = array.array("i", [attached.fileno()])
    try:
        channel.sendmsg([order], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except OSError as error:
        raise Gone(str(error)) from error


async def announced(ours: socket.socket, seconds: float) -> tuple[int, str]:
    """Wait until the process at the other end tells that it is there.

    Args:
        ours: Our end.
        seconds: How long to wait.

    Returns:
        Its number, and why no checkpoint of it can ever be taken, if that is so.

    Raises:
        Gone: It has ended, or is not there in time.
    """
    try:
        async with asyncio.timeout(seconds):
            await readable(ours)
    except TimeoutError:
        raise Gone(f"it was not there after {seconds:.0f} s") from None
    try:
        text, ancillary, _, _ = ours.recvmsg(256, socket.CMSG_SPACE(CREDENTIALS.size))
    except OSError as error:
        raise Gone(str(error)) from error
    for level, kind, data in ancillary:
        if text and (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(CREDENTIALS.unpack(data[: CREDENTIALS.size])[0]), text.decode(errors="replace")[5:]
    raise Gone("it ended before it was there")


async def readable(source: socket.socket) -> None:
    """Wait until there is something to be read, or at a listener, until somebody connects."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(source, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(source)


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that has told that it is there.

    Args:
        pid: Its number here.
        inside: Its number in there, where others are counted.
        descriptor: Its descriptor, which can never mean another process.
    """

    pid: int
    inside: int
    descriptor: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """Open the descriptor of a process.

        Raises:
            Gone: It has ended.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except OSError as error:
            raise Gone(str(error)) from error
        try:
            status = Path(f"/proc/{pid}/status").read_bytes()
            numbers = next(row for row in status.splitlines() if row.startswith(b"NSpid:"))
            return cls(pid, int(numbers.split()[-1]), descriptor)
        except (OSError, StopIteration) as error:
            os.close(descriptor)
            raise Gone(str(error)) from error

    @property
    def has_ended(self) -> bool:
        """Whether it has."""
        poller = select.poll()
        poller.register(self.descriptor, select.POLLIN)
        return bool(poller.poll(0))

    def kill(self) -> bool:
        """End it; return False if we may not: code that has the right to has made it another user's."""
        return self._send(signal.SIGKILL)

    def resume(self) -> None:
        """Have it go on, if code has stopped it."""
        self._send(signal.SIGCONT)

    @property
    def is_ours(self) -> bool:
        """Whether we may send it signals."""
        return self._send(0)

    def _send(self, number: int) -> bool:
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except PermissionError:
            return False
        except ProcessLookupError:
            pass  # it has ended, which is seen elsewhere
        return True

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)
