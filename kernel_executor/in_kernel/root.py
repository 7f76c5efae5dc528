"""Forks kernels, and ends what they leave behind: the first process in what holds them. One thread; knows no messages.

Run as a script by the kernel's interpreter, from the copy in its folder. Orders come by a socket that no kernel holds;
each is one packet of JSON:

- `{"start": [argument, ...]}`, with a socket for the kernel itself: fork a kernel that is started so.
- `{"sweep": [number, ...]}`: end all children but these, and theirs, until none is left; answered by `{"swept": true}`.
- `{"clear": true}`: empty the file systems in memory, for a kernel that begins with nothing.
- `{"preload": [name, ...]}`: import modules, one at a time, while there is nothing else to do; answered by
  `{"preloaded": true}`.

Of each child that ends it tells: `{"ended": number, "code": exit code}`, 128 + N if signal N ended it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import site
import socket
import sys
from collections.abc import Iterable, Mapping
from typing import Any

if __name__ != "__main__":
    from . import beginning, checkpoints, start
    from .clearing import clear, home

ROUNDS = 200
"""Of ending what is left; who forks faster than that is ended with the root itself."""

ALWAYS = (
    "IPython.core.completer",
    "IPython.core.interactiveshell",
    "IPython.core.magics",
    "IPython.core.profiledir",
    "IPython.core.history",
    "IPython.core.payloadpage",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "sqlite3",
    "tornado.platform.asyncio",
    "unicodedata",
    "zmq.eventloop.zmqstream",
)
"""What each kernel imports at its start; not `matplotlib_inline.config`, which would keep the first kernel's shell."""


class Root:
    """The root's state.

    Args:
        channel: Where orders come from.
        in_memory: File systems in memory that only this sandbox has.
    """

    def __init__(self, channel: socket.socket, in_memory: list[str]) -> None:
        self._channel = channel
        self._in_memory = in_memory
        self._wakes, self._woken = os.pipe()
        for end in (self._wakes, self._woken):
            os.set_blocking(end, False)
        self._to_load: list[str] = []

    def wait_for_kernel(self) -> tuple[list[str], socket.socket] | None:
        """Follow orders until we are a kernel's process; return how it is to be started, or None at the end."""
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal that is ignored wakes nobody
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        while True:
            sources: list[Any] = [self._channel, self._wakes]
            ready, _, _ = select.select(sources, [], [], 0 if self._to_load else None)
            if self._wakes in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakes, 4_096)
            self._tell_ended()
            if self._channel in ready:
                text, line = beginning.receive(self._channel)
                if not text:
                    return None
                order = json.loads(text)
                if "start" in order and line and self._fork():
                    return order["start"], line
                self._follow(order)
                if line:
                    line.close()
            elif self._to_load:
                _load(self._to_load.pop(0))
                if not self._to_load:
                    self._send({"preloaded": True})

    def _fork(self) -> bool:
        """Fork; return whether we are the fork, which has nothing of ours left."""
        gc.freeze()  # else each fork's collector would write to all pages with objects, and share none of them
        try:
            pid = os.fork()
        except OSError:  # no room for a process: its socket is closed, which tells it
            return False
        if pid:
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._wakes, self._woken):
            os.close(end)
        self._channel.close()
        return True

    def _follow(self, order: dict[str, Any]) -> None:
        if "sweep" in order:
            self._sweep(frozenset(order["sweep"]))
            self._send({"swept": True})
        if "clear" in order:
            clear(self._in_memory, home())
        self._to_load += order.get("preload", [])

    def _sweep(self, staying: frozenset[int]) -> None:
        for _ in range(ROUNDS):
            others = [pid for pid in children() if pid not in staying]
            if not others:
                return
            for pid in others:  # ours, until we have waited for them: no number is another process's meanwhile
                os.kill(pid, signal.SIGKILL)
            for pid in others:  # what they had started is ours now, and next
                self._tell_end(*os.waitpid(pid, 0))
        os._exit(1)

    def _tell_ended(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self._tell_end(*ended)

    def _tell_end(self, pid: int, status: int) -> None:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        self._send({"ended": pid, "code": code})

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # its owner is gone, and we are next
            self._channel.send(json.dumps(message).encode())


def _load(name: str) -> None:
    if name.startswith("matplotlib"):  # it is read when that is imported; ipykernel sets it in each kernel
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    with contextlib.suppress(Exception):  # not installed, or broken: the code that needs it will be told
        importlib.import_module(name)


def children() -> Iterable[int]:
    """Return the numbers of our children, those that have ended included."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
    except OSError:  # a kernel built without that file
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _is_ours(name)]  # noqa: PTH208


def _is_ours(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return int(file.read().rpartition(")")[2].split()[1]) == os.getpid()
    except (OSError, ValueError, IndexError):
        return False


def main(arguments: list[str]) -> None:
    """Be the root, and in its forks a kernel.

    Args:
        arguments: The channel's descriptor, or the path of the socket where it is to be had; then head, tail, display
            and displays limits and the address space, as `start.main` takes them, and the file systems in memory that
            only this sandbox has.
    """
    channel = _channel(arguments[0])
    os.set_inheritable(channel.fileno(), False)  # noqa: FBT003
    os.environ.pop("JPY_PARENT_PID", None)  # its forks are the children of this process, and see to that themselves
    beginning.be_ended(beginning.LATER_TO_GO)
    _adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ALWAYS:
        with contextlib.suppress(ImportError):  # of another version
            importlib.import_module(name)
    in_memory, installed = arguments[6:], _installed()
    found = Root(channel, in_memory).wait_for_kernel()
    if found is None:
        os._exit(0)
    begin, line = found
    os.setsid()
    _reseed()
    _look_again(installed)
    beginning.die_with_parent()
    beginning.announce(line, checkpoints.why_never())
    sys.argv = [sys.argv[0], *begin]
    start.main([*arguments[1:6], *begin], line, in_memory)


def _channel(word: str) -> socket.socket:
    if word.isdigit():
        return socket.socket(fileno=int(word))
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(word)
    return channel


def _reseed() -> None:
    """Seed NumPy's random numbers, if it was imported before the fork; Python sees to its own."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()


def _installed() -> Mapping[str, int]:
    """Return the folders that packages are installed in, and when that was done last."""
    found: dict[str, int] = {}
    with contextlib.suppress(AttributeError):  # that of an old virtualenv knows less
        for folder in [*([site.getusersitepackages()] if site.ENABLE_USER_SITE else []), *site.getsitepackages()]:
            with contextlib.suppress(OSError):
                found[folder] = os.stat(folder).st_mtime_ns  # noqa: PTH116
    return found


def _look_again(before: Mapping[str, int]) -> None:
    """Look for packages where an interpreter would that starts now: code in a container may have installed some."""
    now = _installed()
    if now != before and not sys.flags.no_site:
        sys.path[:] = [path for path in sys.path if path not in now]
        for folder in now:
            site.addsitedir(folder)


def _adopt_orphans() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


if __name__ == "__main__":
    # As in `start`: the folder of our package takes the script's place, and the working folder its in turn.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - any Python
    module = importlib.import_module("codeagent_kernel.root")
    del sys.path[0]
    module.main(sys.argv[1:])
