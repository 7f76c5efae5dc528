"""Sees to it that what we start ends with us, whatever executed code has done to prevent it.

bubblewrap asks the system to be ended with its parent (`--die-with-parent`). As the same user, code can trace the
first process of its sandbox and take that request back; it then outlived an owner that was killed. So a process of
our own, outside of every sandbox, waits for our end and kills those first processes, and with them all others.

It is started by a thread with the first process that is to be guarded, so that nobody waits for it: 0.4 to 1.2 ms in
the caller, then 60 µs a process; the watchdog is ready 50 ms later, after 10 ms of work, and keeps 4 MB (measured). If
it is ended itself, another one takes its place.
"""

import contextlib
import os
import select
import socket
import threading
import time
from pathlib import Path

from kernel_executor.processes.helpers import parent_of, start_helper

SCRIPT = Path(__file__).with_name("watchdog_process.py")

MESSAGE = b"p"

REPLACED = 50
"""How often a watchdog that was ended is replaced: Python may not start there at all."""

PAUSE = 0.1
"""Seconds before that."""


class Watchdog:
    """Guards processes against outliving ours; there is one in each process, `WATCHDOG`."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._guarded: dict[int, int] = {}  # process descriptors by process number
        self._channel: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def guard(self, pid: int, parent: int) -> None:
        """End a process, and if it is the first of a sandbox all in there, when ours has ended, however it does.

        Args:
            pid: Its number.
            parent: That of its parent, which has not waited for it: if it has another one, the number is reused.
        """
        if not hasattr(os, "pidfd_open"):
            return  # not Linux
        # It has ended already, or Python is about to.
        with self._lock, contextlib.suppress(OSError, RuntimeError):
            self._forget_ended()
            descriptor = os.pidfd_open(pid)
            if parent_of(pid) != parent:
                os.close(descriptor)
                return
            self._guarded[pid] = descriptor
            self._send(descriptor)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep_one_alive, daemon=True, name="watchdog")
                self._thread.start()

    @property
    def guarded(self) -> frozenset[int]:
        """The numbers of the processes that are guarded and live."""
        with self._lock:
            self._forget_ended()
            return frozenset(self._guarded)

    def renew(self) -> None:
        """Guard nothing: a fork has no part in what its parent has started, and needs a watchdog of its own."""
        for descriptor in self._guarded.values():
            os.close(descriptor)
        if self._channel:
            self._channel.close()
        self._begin()

    def _forget_ended(self) -> None:
        poller = select.poll()
        for descriptor in self._guarded.values():
            poller.register(descriptor, select.POLLIN)
        ended = {descriptor for descriptor, _ in poller.poll(0)}
        for pid, descriptor in [*self._guarded.items()]:
            if descriptor in ended:
                os.close(self._guarded.pop(pid))

    def _send(self, descriptor: int) -> None:
        if self._channel:
            with contextlib.suppress(OSError):  # it was ended just now: the next one gets them all
                socket.send_fds(self._channel, [MESSAGE], [descriptor])

    def _keep_one_alive(self) -> None:
        with contextlib.suppress(OSError):  # no memory, say: the next process that is guarded is another chance
            self._keep_starting()

    def _keep_starting(self) -> None:
        for _ in range(REPLACED):
            ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours:
                ours.settimeout(0)  # one that is stopped must not stop us
                with its:
                    with self._lock:  # before it is there to hear it: we may be gone by then
                        self._channel = ours
                        self._introduce()
                    process = start_helper(SCRIPT, its)
                process.wait()
                with self._lock:
                    self._channel = None
            time.sleep(PAUSE)

    def _introduce(self) -> None:
        owner = os.pidfd_open(os.getpid())
        try:
            for descriptor in (owner, *self._guarded.values()):
                self._send(descriptor)
        finally:
            os.close(owner)


WATCHDOG = Watchdog()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WATCHDOG.renew)
