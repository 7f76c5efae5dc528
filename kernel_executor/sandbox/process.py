"""Starts, signals and ends one process and all it starts, bare or inside bubblewrap. Knows no sockets and no code."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Self

from kernel_executor.aio.tasks import in_thread
from kernel_executor.errors import KernelStartError
from kernel_executor.processes.watchdog import WATCHDOG
from kernel_executor.sandbox import bubblewrap_start
from kernel_executor.sandbox.confinement import Enclosure, Sandbox
from kernel_executor.sandbox.mount_table import is_set_up

MARKER = "CODEAGENT_KERNEL_ID"
"""Variable by which stray processes of unsandboxed code are found again; Jenkins finds its own so."""

SET_UP = 20.0
"""Seconds until a sandbox is made: 4 ms on a quiet machine."""

FILTERED = 5.0
"""Seconds until its filter is put on after that: 6 ms and at most 46 on two cores with ten times too much to do."""

NOT_FILTERED = (
    "bubblewrap did not put the system call filter on; without it no code is run in the sandbox. Install a newer "
    'bubblewrap, use a container, or choose sandbox="none"'
)

PARENT = "JPY_PARENT_PID"
"""Jupyter's variable for the parent's number: ipykernel ends with it. In a pid namespace it would end at once."""


class ManagedProcess:
    """A local process in a session of its own. Made by `start`; belongs to the loop that started it."""

    def __init__(self, process: "subprocess.Popen[bytes]", pid: int, marker: bytes) -> None:
        self._process = process
        self._pid: int | None = pid
        self._marker = marker
        loop = asyncio.get_running_loop()
        self._exit_code: asyncio.Future[int] = loop.create_future()
        arguments = (process, self._exit_code, loop)
        # A thread notices the end in milliseconds; a heartbeat takes 1 s.
        threading.Thread(target=_report_exit, args=arguments, daemon=True, name="process-exit").start()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        enclosure: Enclosure,
        *,
        shared: Sequence[Path] = (),
        stdout: int = subprocess.DEVNULL,
    ) -> Self:
        """Start a process; its standard error is a pipe that somebody must read.

        Args:
            command: What to run.
            enclosure: Where it runs.
            shared: Folders of ours that are writable inside a sandbox.
            stdout: As for `subprocess.Popen`.

        Raises:
            OSError: It cannot be started.
        """
        sandbox = await in_thread(partial(enclosure.plan, shared))
        if sandbox is not None:
            words = [*sandbox.arguments(), "--", *command]
            launched = await _launch_in_bubblewrap(words, enclosure.environment, stdout)
            managed = cls(launched.process, launched.pid, b"")
            WATCHDOG.guard(launched.pid, parent=launched.process.pid)
            try:
                await in_thread(partial(_check, launched, sandbox))
            except BaseException:
                managed.reap()
                managed.close_pipes()
                raise
            finally:
                os.close(launched.gate)
            return managed
        marker = uuid.uuid4().hex
        environment = {**enclosure.environment, MARKER: marker, PARENT: str(os.getpid())}
        process = _spawn(command, environment, stdout, work_dir=enclosure.work_dir)
        WATCHDOG.guard(process.pid, parent=os.getpid())
        return cls(process, process.pid, f"{MARKER}={marker}".encode())

    @property
    def pid(self) -> int:
        """Its number seen from here, in a sandbox that of the inner process group's leader; 0 when it is gone."""
        return self._pid or 0

    @property
    def stdout(self) -> IO[bytes] | None:
        """Its standard output, if that is a pipe."""
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes] | None:
        """Its standard error."""
        return self._process.stderr

    def poll(self) -> int | None:
        """Return the exit code, or None while the process lives."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for the process to end; return its exit code, 128 + N if signal N ended it."""
        code = await asyncio.shield(self._exit_code)
        return 128 - code if code < 0 else code

    def interrupt(self) -> None:
        """Send SIGINT to the process group: the process and what it started, never bubblewrap's monitor."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGINT)

    def kill(self) -> None:
        """End the process and everything it started."""
        if self._pid is not None:
            # In a sandbox it is the first process of the namespace, and all others go with it; bubblewrap itself is
            # left to see them off, so that nothing is left when `wait` returns. It may lead no group yet.
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(self._pid, signal.SIGKILL)
        if self._marker:
            self._end_strays()

    def reap(self) -> None:
        """End the process and all it started, for the last time: later its number may be another process's."""
        self.kill()
        self._pid = None

    def close_pipes(self) -> None:
        """Close our ends of its pipes, when nobody will read them any more."""
        for pipe in filter(None, (self.stdout, self.stderr)):
            pipe.close()

    def _end_strays(self) -> None:
        """End processes that left the kernel's session, and those they start while we look."""
        ended: set[int] = set()
        for _ in range(100):  # more rounds only for who forks faster than we kill
            found = set(_marked_processes(self._marker)) - ended
            if not found:
                return
            ended |= found
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdout: int,
    *,
    work_dir: Path,
    pass_fds: tuple[int, ...] = (),
) -> "subprocess.Popen[bytes]":
    # On the loop's own thread: --die-with-parent follows the spawning thread, not the process.
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=work_dir,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=pass_fds,
    )


@dataclass(frozen=True, slots=True)
class _Launched:
    """A sandbox that is made, and waits.

    Args:
        process: bubblewrap.
        pid: The sandbox's first process; bubblewrap's own where that has failed.
        gate: What is written there lets the command begin.
    """

    process: "subprocess.Popen[bytes]"
    pid: int
    gate: int


async def _launch_in_bubblewrap(arguments: Sequence[str], environment: Mapping[str, str], stdout: int) -> _Launched:
    info, info_writer = os.pipe()
    gate_reader, gate = os.pipe()
    try:
        program = bubblewrap_start.find() or "/usr/bin/bwrap"  # it was there a moment ago
        words = ["--info-fd", str(info_writer), "--block-fd", str(gate_reader), *arguments]
        own = bubblewrap_start.own_environment(environment)
        with bubblewrap_start.opened_filter() as filters:
            command = bubblewrap_start.command(program, words, environment, filters)
            process = _spawn(command, own, stdout, work_dir=Path("/"), pass_fds=(info_writer, gate_reader, *filters))
    except BaseException:
        os.close(gate)
        os.close(info)
        raise
    finally:
        os.close(info_writer)
        os.close(gate_reader)
    with os.fdopen(info, "rb") as reader:
        try:
            # To the end: bwrap blocks on a full pipe, and the JSON may come in pieces.
            text = await in_thread(reader.read)
        except BaseException:  # cancelled: the loop is closing
            with process:
                process.kill()  # before its gate is closed, which would let it begin
            os.close(gate)
            raise
    # Without it bubblewrap has failed; its exit code and stderr tell why.
    return _Launched(process, json.loads(text)["child-pid"] if text.strip() else process.pid, gate)


def _check(launched: _Launched, sandbox: Sandbox) -> None:
    """Wait until the sandbox is made, look at what is seen in it, let its command begin, and look for its filter.

    The filter comes last in a sandbox, after what the gate holds back: it would refuse bubblewrap's own mounts. With
    that filter, or not at all, bubblewrap starts the command; its first process is the one that we know.
    """
    _wait(launched, lambda: _let_begin(launched, sandbox), SET_UP, f"bubblewrap was not ready after {SET_UP:.0f} s")
    _wait(launched, lambda: sandbox.is_filtered(launched.pid), FILTERED, NOT_FILTERED)


def _let_begin(launched: _Launched, sandbox: Sandbox) -> bool:
    """Start the command if the sandbox is made and shows what it must show."""
    if not is_set_up(launched.pid):
        return False
    sandbox.check_files(launched.pid)
    os.write(launched.gate, b"!")
    return True


def _wait(launched: _Launched, is_done: Callable[[], bool], seconds: float, failure: str) -> None:
    """Wait until something is done, or the process has ended.

    Raises:
        KernelStartError: It takes longer.
    """
    deadline = time.monotonic() + seconds
    while launched.process.poll() is None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if is_done():
                return
        if time.monotonic() > deadline:
            raise KernelStartError(failure)
        time.sleep(0.001)


def _report_exit(
    process: "subprocess.Popen[bytes]", exit_code: "asyncio.Future[int]", loop: asyncio.AbstractEventLoop
) -> None:
    code = process.wait()

    def tell() -> None:
        if not exit_code.done():
            exit_code.set_result(code)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(tell)


def _marked_processes(marker: bytes) -> Iterator[int]:
    """Find processes that left the kernel's session but carry its marker; in a sandbox there are none outside."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)
        except OSError:
            continue  # gone meanwhile, or not ours to read
