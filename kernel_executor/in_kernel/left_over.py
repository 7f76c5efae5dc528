"""Ends what a kernel has started when it is gone, on a machine where nobody of ours looks after it.

A server ends its kernel's process group; a script of ours, or a server that code has started, is in a session of its
own. So a small process waits for the kernel's end, and then ends all that have inherited a mark from it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

MARK = "CODEAGENT_KERNEL"

WAITER = """
import os, select, signal, sys, time
kernel, mark = int(sys.argv[1]), sys.argv[2].encode()
try:
    select.select([os.pidfd_open(kernel)], [], [])
except (AttributeError, OSError):
    while os.path.exists("/proc/%d" % kernel):
        time.sleep(0.3)
for _ in range(20):
    found = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/environ" % name, "rb") as file:
                    marked = mark in file.read().split(b"\\0")
                if marked:
                    os.kill(int(name), signal.SIGKILL)
                    found += 1
            except OSError:
                pass
    if not found:
        break
    time.sleep(0.02)
"""
"""Killed again and again: what is being started meanwhile has the mark, too."""


def end_with_us() -> None:
    """Mark what is started from now on, and have it ended after us; where there is no /proc, do nothing."""
    if MARK in os.environ or not os.path.isdir("/proc/self"):  # noqa: PTH112 - any Python
        return
    mark = f"{os.getpid()}-{os.urandom(8).hex()}"
    environment = {name: value for name, value in os.environ.items() if name == "PATH"}
    with contextlib.suppress(OSError):  # no room for a process: then it is as without us
        subprocess.Popen(
            [sys.executable, "-I", "-c", WAITER, str(os.getpid()), f"{MARK}={mark}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        os.environ[MARK] = mark
