"""Gets a socket that listens inside the network namespace of another process. Knows namespaces; no proxy, no names.

The socket belongs to the namespace that it was made in, whoever holds it: connections are made inside and accepted
outside, and no process of ours is in there. A helper makes it, because only a process with a single thread can enter a
user namespace. 13 to 18 ms from call to return on a quiet machine; 8 of them are Python's own start, 2 the import of
`ctypes`, which is needed before Python 3.12.
"""

import os
import select
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.processes.helpers import parent_of, start_helper

PORT = 3128
"""Where the proxy is found inside: the port that proxies have had since Squid."""

SCRIPT = Path(__file__).with_name("listening_process.py")

TIMEOUT = 20.0
"""Seconds for the helper: an interpreter on a slow network disk takes some."""

LOOPBACK = 5.0
"""Seconds until loopback is up inside: bubblewrap tells the process's number a moment before."""

REASON = 1_000
"""Bytes of a reason that are read."""


def open_listener(pid: int, parent: int, port: int = PORT) -> socket.socket:
    """Return a TCP socket that listens at 127.0.0.1 in a process's network namespace; blocks some milliseconds.

    Args:
        pid: The process's number, e.g. of one that bubblewrap has made and that waits at its gate.
        parent: That of its parent: if it has another one, the number is reused.
        port: Where it listens.

    Raises:
        KernelStartError: It cannot be opened; the message says why.
    """
    try:
        with _network_of(pid, parent) as network:
            return _opened_by_helper(network, port)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error


@contextmanager
def _network_of(pid: int, parent: int) -> Iterator[int]:
    """Open the network namespace of this very process, never that of another one with its number."""
    process = os.pidfd_open(pid)
    try:
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if parent_of(pid) != parent or _has_ended(process):
                raise _failed("its process has ended")
            if os.path.samestat(os.fstat(network), Path("/proc/self/ns/net").stat()):
                # Whoever is on this machine could use the proxy, with the rights that were meant for the sandbox.
                raise _failed("it has no network namespace of its own")
            yield network
        finally:
            os.close(network)
    finally:
        os.close(process)


def _opened_by_helper(network: int, port: int) -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(TIMEOUT)
        with its:
            arguments = (str(network), str(port), str(LOOPBACK))
            process = start_helper(SCRIPT, its, arguments, pass_fds=[network])
        try:
            reason, descriptors, _, _ = socket.recv_fds(ours, REASON, 1)
            process.wait(TIMEOUT)
        finally:
            process.kill()
            process.wait()
    if not descriptors:
        raise _failed(reason.decode(errors="replace") or f"the helper ended with {process.returncode}")
    listener = socket.socket(fileno=descriptors[0])
    listener.set_inheritable(False)  # one that is received is, and `recv_fds` ignores its flags in Python 3.11
    return listener


def _has_ended(process: int) -> bool:
    poller = select.poll()
    poller.register(process, select.POLLIN)
    return bool(poller.poll(0))


def _failed(reason: str) -> KernelStartError:
    return KernelStartError(
        f"the sandbox's network cannot be opened to the proxy: {reason}. Without `network=` the sandbox needs none"
    )
