"""Runs code where all that is Linux's alone is missing, in a process of its own. Imports nothing of ours.

It says no more than that our modules ask for nothing that macOS has not: what it has instead is not here.
"""

import ctypes
import io
import os
import platform
import re
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

MISSING: dict[Any, str] = {
    os: (
        "pidfd_open copy_file_range O_PATH O_TMPFILE setns unshare memfd_create eventfd splice sched_getaffinity"
        " sched_setaffinity posix_fadvise posix_fallocate pipe2 waitid P_PIDFD getrandom"
        " setresuid getresuid execveat CLONE_NEWUSER MFD_CLOEXEC"
    ),
    signal: "pidfd_send_signal sigtimedwait sigwaitinfo SIGPWR SIGSTKFLT SIGPOLL SIGRTMIN SIGRTMAX",
    select: "epoll EPOLLIN EPOLLOUT EPOLLERR EPOLLHUP",
    socket: "AF_NETLINK AF_PACKET AF_VSOCK AF_ALG SO_PEERCRED SOCK_CLOEXEC SOCK_NONBLOCK SCM_CREDENTIALS",
    resource: "prlimit RLIMIT_OFILE RLIMIT_NICE",
}
"""Names by module."""

OF_LINUX = re.compile(r"(renameat2|prctl|memfd_create|pidfd_\w+|unshare|setns|capset|copy_file_range)$")
"""Functions of the C library."""


class CLibrary(ctypes.CDLL):
    """A C library without Linux's functions; `syscall` is there, with other calls under the same numbers."""

    def __getattr__(self, name: str) -> Any:
        if OF_LINUX.match(name):
            raise AttributeError(name)
        if name == "syscall":
            raise AssertionError("another system's call of this number was about to be made")
        return super().__getattr__(name)


def without_proc(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that takes a path first and finds nothing in /proc."""

    def guarded(path: Any = ".", *arguments: Any, **named: Any) -> Any:
        name = os.fspath(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if re.match("/proc(/|$)", os.fsdecode(name)):
            raise FileNotFoundError(2, "No such file or directory", name)
        return function(path, *arguments, **named)

    return guarded


def hide() -> None:
    """Take away what macOS has not."""
    # What others have loaded by now stays theirs: they choose their own parts by the system's name.
    import asyncio  # noqa: F401
    import sysconfig
    import urllib.request  # noqa: F401

    import psutil  # noqa: F401
    import zmq  # noqa: F401

    sysconfig.get_config_vars()
    for module, names in MISSING.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    for name in ("open", "stat", "lstat", "listdir", "scandir", "readlink", "access"):
        setattr(os, name, without_proc(getattr(os, name)))
    io.open = without_proc(io.open)
    __builtins__.open = io.open
    selectors.DefaultSelector = selectors.PollSelector  # type: ignore[misc, assignment]
    ctypes.CDLL = CLibrary  # type: ignore[misc]
    sys.platform = "darwin"
    platform.system = lambda: "Darwin"
    platform.machine = lambda: os.environ.get("MACHINE", "arm64")


def on_macos(code: str, *words: str, machine: str = "arm64") -> list[str]:
    """Run code where macOS's ways are the only ones; return the lines that it wrote."""
    command = [sys.executable, __file__, code, *words]
    environment = {**os.environ, "MACHINE": machine}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    hide()
    exec(compile(sys.argv[1], "<code>", "exec"), {"__name__": "__main__"})
