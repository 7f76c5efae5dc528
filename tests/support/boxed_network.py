"""Code in bubblewrap with a network by name, from outside: a sandbox at its gate, its listener, and the proxy.

Also a program of its own, because what an ordinary user does needs a process of that user: reads what to do as JSON,
writes what the code printed.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel_executor.network.listening import PORT, open_listener
from kernel_executor.network.names import Verdict, parse
from kernel_executor.network.proxy import Proxy
from kernel_executor.sandbox import bubblewrap_start

USER = "--unshare-user"
NETWORK = "--unshare-net"
NAMESPACES = (USER, NETWORK, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--disable-userns")

FILES = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")
OTHERS = ("--die-with-parent", "--new-session", "--cap-drop", "ALL")

PYTHON = "/usr/bin/python3"
"""One that everybody may run."""


@dataclass(frozen=True)
class Box:
    """A process in bubblewrap that waits at its gate."""

    process: "subprocess.Popen[str]"
    pid: int
    gate: int

    def said(self) -> str:
        """Let it begin; return what it prints."""
        os.write(self.gate, b"!")
        output, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return output


@contextlib.contextmanager
def box(command: Sequence[str], namespaces: Sequence[str] = NAMESPACES) -> Iterator[Box]:
    """Start a command in bubblewrap, up to its gate."""
    program = bubblewrap_start.find()
    assert program
    info, info_writer = os.pipe()
    gate_reader, gate = os.pipe()
    proxy = f"http://127.0.0.1:{PORT}"
    words = ["--info-fd", str(info_writer), "--block-fd", str(gate_reader), *namespaces, *FILES, *OTHERS]
    words += ["--setenv", "http_proxy", proxy, "--setenv", "no_proxy", ""]
    process = subprocess.Popen(
        [program, *words, "--", *command],
        pass_fds=(info_writer, gate_reader),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    os.close(info_writer)
    os.close(gate_reader)
    try:
        with os.fdopen(info, "rb") as told:
            pid = json.load(told)["child-pid"]
        try:
            yield Box(process, pid, gate)
        finally:
            if process.poll() is None:  # at the gate it does not end with its parent yet
                os.kill(pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
        os.close(gate)


async def said_inside(code: str, names: Sequence[str]) -> str:
    """Run Python code in bubblewrap that reaches some names; return what it prints."""
    allowed = parse(names)

    async def decide(host: str, port: int) -> Verdict:
        return allowed.verdict(host, port)

    with box([PYTHON, "-I", "-c", code]) as made:
        listener = await asyncio.to_thread(open_listener, made.pid, made.process.pid)
        proxy = await Proxy.serve(listener, decide)
        try:
            return await asyncio.to_thread(made.said)
        finally:
            await proxy.aclose()


def main() -> None:
    """Do what standard input says."""
    wanted = json.load(sys.stdin)
    sys.stdout.write(asyncio.run(said_inside(wanted["code"], wanted["names"])))


if __name__ == "__main__":
    main()
