"""What forks of the kernel write: text by the descriptor that the kernel relays, displays as ipykernel does, by TCP.

ipykernel sends text by TCP, too, with a connection for each piece; and where there is no network at all, not even
loopback (Landlock), a kernel that listens does not start: ZeroMQ ends the process.
"""

from __future__ import annotations

import os
import socket
from typing import Any

DESCRIPTORS = {"stdout": 1, "stderr": 2}


def is_fork(stream: Any) -> bool:
    """Return whether we are in a fork of the process that made a stream."""
    return not stream._is_master_process()  # noqa: SLF001 - as the stream itself asks


def write_to_parent(stream: Any, text: str) -> int:
    """Write to a stream of the kernel's in a fork: whole lines, or what the kernel prints comes between pieces."""
    stream.of_fork += text
    if "\n" in text or "\r" in text:
        flush_to_parent(stream)
    return len(text)


def flush_to_parent(stream: Any) -> None:
    """Write what is left of a line."""
    rest, stream.of_fork = memoryview(stream.of_fork.encode(errors="replace")), ""
    while rest:
        rest = rest[os.write(DESCRIPTORS[stream.name], rest) :]


def forget_in_forks() -> None:
    """Have the kernel listen to no fork where there is no network; what they display is not shown."""
    try:
        socket.socket(socket.AF_INET).close()
    except OSError:
        from ipykernel.iostream import IOPubThread

        send = IOPubThread._really_send  # noqa: SLF001 - no other way leads there

        def send_ours(thread: Any, *arguments: Any, **options: Any) -> None:
            if thread._is_master_process():  # noqa: SLF001
                send(thread, *arguments, **options)

        IOPubThread._setup_pipe_in = lambda _: None  # noqa: SLF001
        IOPubThread._really_send = send_ours  # noqa: SLF001
