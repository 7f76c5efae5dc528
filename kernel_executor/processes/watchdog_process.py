"""Ends processes when another process has ended, however it did. Run as a file, by `watchdog`; never imported.

Standard input is a socket. It brings process descriptors, one a message: first that of the process to watch, then
those of the processes that must not outlive it. A descriptor, unlike a number, can never mean another process.
Its end is no sign of the owner's: a fork of the owner may hold the other end open, so the owner's descriptor is.
"""

import contextlib
import os
import select
import signal
import socket

MESSAGE = b"p"


def main() -> None:
    """Wait for the owner's end, then end what is left."""
    channel = socket.socket(fileno=0)
    [owner] = _receive(channel) or [-1]
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    poller.register(owner, select.POLLIN)
    watched: set[int] = set()
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if channel.fileno() in ready:
            received = _receive(channel)
            if not received:
                poller.unregister(channel)
            for process in received:
                watched.add(process)
                poller.register(process, select.POLLIN)
        if owner in ready:
            break
        for process in ready & watched:  # it has ended: nothing is to grow here
            poller.unregister(process)
            watched.remove(process)
            os.close(process)
    for process in [*watched, *_unread(channel)]:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)


def _receive(channel: socket.socket) -> list[int]:
    """Wait for the next message; return its descriptors, none if the owner's end was closed."""
    try:
        return socket.recv_fds(channel, len(MESSAGE), 1)[1]
    except OSError:
        return []


def _unread(channel: socket.socket) -> list[int]:
    """Return what the owner had sent just before its end."""
    channel.settimeout(0)
    found = []
    while received := _receive(channel):
        found += received
    return found


if __name__ == "__main__":
    main()
