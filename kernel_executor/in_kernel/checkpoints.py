"""Forks the kernel between two requests, and makes the fork a kernel again when it is wanted. Knows ipykernel 7.

A checkpoint is such a fork: it waits, with all variables, for orders on a socket of its own. Each order is answered by
one more fork, which becomes a kernel with new sockets around the same shell; so a checkpoint can be used many times.

The loop is left for the fork, so that no coroutine is half done. Nothing of the old sockets and loops is closed in the
fork but their descriptors: their objects would tell a ZeroMQ whose threads are gone, or take what the live kernel waits
for out of an epoll that both have.
"""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import json
import os
import random
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import CHECKPOINT, CHECKPOINT_REPLY, beginning, same_loop
from .clearing import clear, paths
from .forked_apart import copy_memory, copy_pipes, is_file, reopen_files, write_out
from .mappings import areas
from .native_threads import native_threads
from .old_kernel import take_apart
from .standing_down import idle_pools, renew_pools, stand_down
from .trusting import OwnResources, code_descriptors, open_descriptors, own_descriptors, running_threads, why_no_fork

VERSIONS = ((7, 1), (8, 0))
"""Of ipykernel: from which, and up to which, a kernel can be brought back. Ones that were not tried are not.

7.0 keeps in each thread whose output it relays, and in a kernel that came back none of its variables of the context.
"""


class Checkpoints:
    """Makes checkpoints of the kernel of this process; there is one.

    Args:
        app: ipykernel's application, not yet initialized.
        line: Where the sockets of checkpoints come from.
        in_memory: File systems in memory that only this sandbox has.
    """

    def __init__(self, app: Any, line: socket.socket, in_memory: Sequence[str]) -> None:
        self._app = app
        self._in_memory = in_memory
        self._line = line
        line.settimeout(0)  # what is to come is there when it is asked for
        self._before = open_descriptors()
        self._own: OwnResources | None = None
        self._asked: tuple[Any, Any, Any] | None = None
        self._streams: tuple[Any, ...] = ()
        """ipykernel's own: code may have put others in their place, which write to them."""
        self._gone: list[Any] = []
        """What belonged to the kernels that this one was forked from: it must not be collected, see above."""
        self._shares = False
        """Whether there was memory at the last fork that forks share."""
        self.context = contextvars.copy_context()
        """What a kernel that was brought back is to be started in: code may have set variables of it."""

    def attach(self) -> None:
        """Take requests for checkpoints from now on."""
        self._streams = self._streams or (sys.stdout, sys.stderr)
        self._app.kernel.shell_handlers[CHECKPOINT] = self._take
        self._app.shell.events.register("pre_execute", self._look_first)

    def _look_first(self) -> None:
        """Count as the kernel's own what is open when its first code begins: its threads open some of it themselves."""
        self._app.shell.events.unregister("pre_execute", self._look_first)
        self._own = OwnResources(
            descriptors={each: to for each, to in open_descriptors().items() if each not in self._before},
            threads=frozenset(thread.ident for thread in threading.enumerate()),
            native=native_threads(),
            line=self._line.fileno(),
            sockets=self._app.ip,
        )

    def _take(self, stream: Any, ident: Any, request: Any) -> None:
        if self._own is None:
            self._look_first()
        self._asked, self.context = (stream, ident, request), contextvars.copy_context()
        self._app.io_loop.add_callback(self._app.io_loop.stop)

    def make(self) -> bool:
        """Make what was asked for when the loop was left; return False if it was left for good.

        In a kernel that was brought back, return True, too: everything is set up for it to start.
        """
        while self._asked:
            (stream, ident, request), self._asked = self._asked, None
            reason = self._why_not()
            order, line = beginning.receive(self._line)  # in any case: the next one is another's
            if not reason and (not order or line is None):
                reason = "its socket did not come"
            is_fork = False
            try:
                is_fork = not reason and self._fork()
            except Exception as error:  # noqa: BLE001 - code may have changed what we use; the kernel must live on
                reason = f"it could not be forked ({error})"
            if is_fork and line:
                self._begin_again(line)
                return True
            if line:
                line.close()
            self._reply(stream, ident, request, reason)
            self._app.io_loop.start()
        return False

    def _reply(self, stream: Any, ident: Any, request: Any, reason: str) -> None:
        content = {"status": "ok", "reason": reason}
        self._app.session.send(stream, CHECKPOINT_REPLY, content, request, ident)

    def _why_not(self) -> str:
        """Return why there can be no checkpoint now; what is idle beside the code has stood down then."""
        try:
            own, mapped = self._own or OwnResources(), areas()  # once: 4 ms with pandas, pyplot and scikit-learn
            self._shares = any(area.is_shared for area in mapped)
            stand_down(self._app.shell, mapped, alone=not any(running_threads(own)))
            return why_no_fork(own, mapped, self._app.io_loop.asyncio_loop)
        except Exception as error:  # noqa: BLE001 - it looks at what is anybody's; the kernel must live on
            return f"it could not be looked at ({type(error).__name__}: {error})"

    def _fork(self) -> bool:
        """Leave a checkpoint; return whether we are it.

        Raises:
            OSError: There is none.
        """
        for stream in (sys.stdout, sys.stderr, *self._streams):
            stream.flush()
        if any(map(is_file, self._code_descriptors())):
            write_out()
        idle = idle_pools()
        if not _fork_orphan(self._come_apart):
            return False
        renew_pools(idle)
        return True

    def _begin_again(self, line: socket.socket) -> None:
        """Be a checkpoint; return in the kernels that are brought back from it.

        Args:
            line: Where orders come from.
        """
        try:
            self._come_back(line)
        except BaseException:  # noqa: BLE001 - whatever it is: two kernels with the same sockets would be worse than none
            try:  # not through Python's stream: it leads into a pipe that is closed, and the error of that ran on
                os.write(self._streams[1]._original_stdstream_copy, traceback.format_exc().encode())  # noqa: SLF001
            finally:
                os._exit(1)

    def _come_back(self, line: socket.socket) -> None:
        self._line.close()
        beginning.be_ended(beginning.LATER_TO_GO)
        beginning.die_with_parent()
        self._close_own()
        files = paths(self._in_memory)
        beginning.announce(line)
        order, line = self._wait(line)
        beginning.be_ended(beginning.FIRST_TO_GO)
        beginning.announce(line)
        if files is not None and not order["keeps_files"]:
            clear(self._in_memory, files)
        self._line, self._own = line, None
        line.settimeout(0)
        self._before = open_descriptors()
        self._revive(order["connection_file"])
        self.attach()

    def _wait(self, line: socket.socket) -> tuple[dict[str, Any], socket.socket]:
        """Wait to be wanted, in the checkpoint; return only in a fork of it, with the order and its line."""
        while True:
            order, new = beginning.receive(line)
            if not order:
                os._exit(0)
            if new is None:
                continue
            is_fork = False
            with contextlib.suppress(OSError):  # the new line is closed, which tells that
                is_fork = _fork_orphan(self._come_apart)
            if is_fork:
                line.close()
                beginning.die_with_parent()
                return json.loads(order), new
            new.close()

    def _code_descriptors(self) -> dict[int, str]:
        return code_descriptors(self._own or OwnResources())

    def _come_apart(self) -> None:
        """Have for ourselves what was shared at the fork; Arrow has opened other pipes in it by now."""
        opened = self._code_descriptors()
        reopen_files(filter(is_file, opened))
        copy_pipes(opened)
        if self._shares:
            copy_memory([area for area in areas() if area.is_shared])

    def _close_own(self) -> None:
        """Close what belongs to the kernel that was forked: its sockets would stay open when it has ended."""
        take_apart(self._app, self._streams)
        keep = {getattr(stream, "_original_stdstream_copy", -1) for stream in self._streams}
        own = own_descriptors(self._own) if self._own else frozenset()
        for descriptor in own - keep:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _revive(self, connection_file: str) -> None:
        """Make again all that a kernel needs to be talked to, around the shell that is there."""
        app = self._app
        if not same_loop.is_known(app.io_loop.asyncio_loop):
            self._gone.append(app.io_loop)
        same_loop.renew(app.io_loop.asyncio_loop)
        atexit.unregister(app.close)
        atexit.unregister(app.iopub_thread.stop)
        app.context, app.session.pid = None, os.getpid()
        app.connection_file = connection_file
        for name in ("shell", "iopub", "stdin", "control", "hb"):
            setattr(app, f"{name}_port", 0)
        app.init_connection_file()
        app.init_sockets()
        app.init_heartbeat()
        app.log_connection_info()
        type(app.kernel).clear_instance()
        app.displayhook.pub_socket = app.iopub_socket
        app.displayhook.session = app.session
        with _in_new_context():
            for stream in self._streams:
                _renew(stream, app)
        app.init_kernel()
        app.shell = app.kernel.shell
        app.shell.kernel = app.shell.parent = app.kernel
        _adopt_comms(app.kernel)


def _adopt_comms(kernel: Any) -> None:
    """Have what widgets say go out by the new sockets."""
    import comm

    manager: Any = comm.get_comm_manager()
    for each in manager.comms.values():
        each.kernel = kernel


def why_never() -> str:
    """Return why no checkpoint can be taken with this ipykernel, a clause; empty if one can."""
    import ipykernel

    version = tuple(ipykernel.version_info[:2])
    if not VERSIONS[0] <= version < VERSIONS[1]:
        return f"ipykernel {ipykernel.__version__} was not tried"
    return ""


def _fork_orphan(come_apart: Callable[[], None]) -> bool:
    """Fork a process whose parent is the root; return whether we are it. Random numbers go on as they would have.

    Args:
        come_apart: Called in it before its parent goes on.

    Raises:
        OSError: There is none.
    """
    state = random.getstate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: they were looked at
        middle = os.fork()
        if middle:
            if os.waitpid(middle, 0)[1]:
                raise OSError("something in it could not be copied")
            return False
        middle = os.getpid()
        try:
            come_apart()
            if os.fork():
                os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, there must not be two kernels
            os._exit(1)
    os.setsid()  # what is sent to the kernel's group is not meant for us
    while os.getppid() == middle:  # or its end would be that of our parent
        os.sched_yield()
    random.setstate(state)
    return True


@contextlib.contextmanager
def _in_new_context() -> Iterator[None]:
    """Start threads in an empty context: what they relay belongs to no earlier cell."""
    start = threading.Thread.start

    def start_alone(thread: threading.Thread) -> None:
        contextvars.Context().run(start, thread)

    threading.Thread.start = start_alone  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]


def _renew(stream: Any, app: Any) -> None:
    """Equip a stream of ipykernel's with what is new: locks that a thread may have held, its thread, its pipe."""
    if not hasattr(stream, "_buffer_lock"):  # a kernelspec may leave Python's own in their place
        return
    stream.pub_thread, stream.session, stream._io_loop = app.iopub_thread, app.session, app.iopub_thread.io_loop  # noqa: SLF001
    stream._master_pid = os.getpid()  # noqa: SLF001
    stream._flush_pending = stream._subprocess_flush_pending = False  # noqa: SLF001
    stream._buffer_lock = threading.RLock()  # noqa: SLF001
    stream._relaying = threading.Lock()  # noqa: SLF001
    stream.of_fork = ""
    if not stream._should_watch:  # noqa: SLF001
        return
    reads, writes = os.pipe()
    os.dup2(writes, stream._original_stdstream_fd)  # noqa: SLF001
    os.close(writes)
    stream._fid = reads  # noqa: SLF001
    stream.watch_fd_thread = threading.Thread(target=stream._watch_pipe_fd, daemon=True)  # noqa: SLF001
    stream.watch_fd_thread.start()
