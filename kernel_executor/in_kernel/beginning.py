"""What a process of a kernel does as the first thing: tell that it is there, and how it is to end. Knows no kernel."""

from __future__ import annotations

import array
import contextlib
import os
import socket

FIRST_TO_GO = 1_000
"""For the system when memory runs out: the kernel, which can be brought back."""

LATER_TO_GO = 800
"""What it is brought back from."""

MOST = 65_536  # bytes of an order


def be_ended(score: int) -> None:
    """Set how soon the system is to end this process when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write(str(score))


def die_with_parent() -> None:
    """End with the process that started us.

    ipykernel's own poller needs a second and the interpreter lock, which C code may hold forever.
    """
    import ctypes
    import signal

    with contextlib.suppress(AttributeError, OSError):  # not Linux
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def announce(line: socket.socket, reason: str = "") -> None:
    """Announce this process to those that wait for it; the system adds its number, as it is for them.

    Args:
        line: The line to them.
        reason: Why no checkpoint of it can ever be taken, if that is so: then it need not be asked for one.
    """
    with contextlib.suppress(OSError):  # nobody waits any more
        line.send(b"here " + reason.encode())


def receive(line: socket.socket) -> tuple[bytes, socket.socket | None]:
    """Receive one order, and the socket that comes with it; nothing when the other end is closed."""
    room = array.array("i").itemsize
    try:
        order, ancillary, _, _ = line.recvmsg(MOST, socket.CMSG_SPACE(room))
    except OSError:
        return b"", None
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % room])
    os_level = [_closed_on_exec(descriptor) for descriptor in found]
    return order, socket.socket(fileno=os_level[0]) if os_level else None


def _closed_on_exec(descriptor: int) -> int:
    os.set_inheritable(descriptor, False)  # noqa: FBT003
    return descriptor
