"""Opens a listening socket in another network namespace. Run as a file, by `listening`; imports nothing of ours.

Standard input is a Unix socket: it takes the listening socket as a descriptor, or else the reason why there is none.
To enter a network namespace a process needs rights in the user namespace that owns it, so it enters that first; only a
process with a single thread can, which is why this is one of its own.
"""

from __future__ import annotations

import _socket as socket  # without selectors and enum: 6 ms
import errno
import fcntl
import os
import sys
import time

GET_USER_NAMESPACE = 0xB701
GET_INTERFACE_FLAGS = 0x8913
NEW_USER, NEW_NETWORK = 0x1000_0000, 0x4000_0000
UP = 1

INTERFACE = b"lo".ljust(40, b"\0")
"""`struct ifreq`: a name of 16 bytes, then what is asked for."""

PENDING = 128
"""Connections that the system keeps until they are accepted."""


def main(arguments: list[str]) -> None:
    """Listen: a descriptor of the network namespace, the port, and how many seconds its loopback may take."""
    network, port, seconds = int(arguments[0]), int(arguments[1]), float(arguments[2])
    channel = socket.socket(fileno=0)
    try:
        enter(network)
        listener = listen(port, seconds)
    except OSError as error:
        channel.send(f"{error.strerror or error}".encode("utf-8", "replace"))
        return
    rights = listener.fileno().to_bytes(4, sys.byteorder)
    channel.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def enter(network: int) -> None:
    """Enter a network namespace, by way of the user namespace that owns it."""
    owner = fcntl.ioctl(network, GET_USER_NAMESPACE)
    own = os.stat("/proc/self/ns/user")  # noqa: PTH116 - no pathlib here
    found = os.fstat(owner)
    if (found.st_dev, found.st_ino) != (own.st_dev, own.st_ino):  # one's own cannot be entered
        set_namespace(owner, NEW_USER)
    set_namespace(network, NEW_NETWORK)


def set_namespace(descriptor: int, kind: int) -> None:
    """Enter a namespace."""
    if sys.version_info >= (3, 12):
        os.setns(descriptor, kind)
        return
    import ctypes

    if ctypes.CDLL(None, use_errno=True).setns(descriptor, kind) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


def listen(port: int, seconds: float) -> socket.socket:
    """Listen on loopback as soon as that is up: its owner may just be bringing it up."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    deadline = time.monotonic() + seconds
    while not is_up(listener):
        if time.monotonic() > deadline:
            raise OSError(errno.ENETDOWN, "its loopback interface is down")
        time.sleep(0.001)
    listener.bind(("127.0.0.1", port))
    listener.listen(PENDING)
    return listener


def is_up(any_socket: socket.socket) -> bool:
    """Return whether the loopback interface of a socket's namespace is up."""
    told = fcntl.ioctl(any_socket, GET_INTERFACE_FLAGS, INTERFACE)
    return bool(int.from_bytes(told[16:18], sys.byteorder) & UP)


if __name__ == "__main__":
    main(sys.argv[1:])
