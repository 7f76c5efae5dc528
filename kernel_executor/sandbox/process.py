"""Starts, signals and ends one process and all it starts, bare or in a sandbox. Knows no sockets and no code."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Protocol, Self

from kernel_executor.aio.tasks import in_thread
from kernel_executor.limits.watch import NoSpares, ResourceWatch, Spares
from kernel_executor.network.proxy import Proxy
from kernel_executor.processes.watchdog import WATCHDOG
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.launching import launch, spawn

MARKER = "CODEAGENT_KERNEL_ID"
"""Variable by which stray processes of unsandboxed code are found again; Jenkins finds its own so."""

PARENT = "JPY_PARENT_PID"
"""Jupyter's variable for the parent's number: ipykernel ends with it. In a pid namespace it would end at once."""


class Relief(Spares, Protocol):
    """What can be ended of a process's family before all of it is."""

    def relieve(self, cause: str) -> bool:
        """Take in what each look has found, in a thread: nothing, or why something has to be ended.

        End what uses most then; return whether that may be enough.
        """
        ...


class NoRelief(NoSpares):
    """Where there is nothing but the whole."""

    def relieve(self, cause: str) -> bool:
        """Return whether all is well."""
        return not cause


NO_RELIEF = NoRelief()


class ManagedProcess:
    """A local process in a session of its own. Made by `start`; belongs to the loop that started it."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        pid: int,
        marker: bytes,
        watch: ResourceWatch | None = None,
        relief: Relief = NO_RELIEF,
    ) -> None:
        self._process = process
        self._pid: int | None = pid
        self._marker = marker
        self._watch = watch
        self._relief = relief
        self._cause = ""
        self._proxy: Proxy | None = None
        self._loop = asyncio.get_running_loop()
        self._exit_code: asyncio.Future[int] = self._loop.create_future()
        # A thread notices the end in milliseconds; a heartbeat takes 1 s.
        threading.Thread(target=self._attend, daemon=True, name="process-exit").start()

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        enclosure: Enclosure,
        *,
        shared: Sequence[Path] = (),
        stdout: int = subprocess.DEVNULL,
        pass_fds: tuple[int, ...] = (),
        relief: Relief = NO_RELIEF,
    ) -> Self:
        """Start a process; its standard error is a pipe that somebody must read.

        Args:
            command: What to run.
            enclosure: Where it runs.
            shared: Folders of ours that are writable inside a sandbox.
            stdout: As for `subprocess.Popen`.
            pass_fds: Our descriptors that it gets under the same numbers.
            relief: What of it can be ended before all of it is, for what it uses of the machine.

        Raises:
            OSError: It cannot be started.
        """
        sandbox = await in_thread(partial(enclosure.plan, shared))
        if sandbox is not None:
            launched = await launch(sandbox, command, enclosure.environment, stdout, pass_fds)
            managed = cls(launched.process, launched.pid, b"", enclosure.watch(launched, shared, relief), relief)
            try:
                WATCHDOG.guard(launched.pid, parent=launched.process.pid)
                await in_thread(partial(sandbox.check, launched))
                managed._proxy = await enclosure.open_network(launched)
                await in_thread(partial(sandbox.let_begin, launched))
            except BaseException:
                managed.reap()
                managed.close_pipes()
                raise
            finally:
                os.close(launched.gate)
            return managed
        marker = uuid.uuid4().hex
        environment = {**enclosure.environment, MARKER: marker, PARENT: str(os.getpid())}
        process = spawn(command, environment, stdout, work_dir=enclosure.work_dir, pass_fds=pass_fds)
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

    @property
    def cause(self) -> str:
        """Why it was ended, a clause, if it used too much of the machine; known when it has ended."""
        return self._cause

    def poll(self) -> int | None:
        """Return the exit code, or None while the process lives."""
        return self._process.poll()

    async def wait(self) -> int:
        """Wait for the process to end; return its exit code, 128 + N if signal N ended it."""
        return await asyncio.shield(self._exit_code)

    def interrupt(self) -> None:
        """Send SIGINT to the process group: the process and what it started, never what holds it."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGINT)

    def why_ended(self, exit_code: int) -> str:
        """Return what the exit code of something in there means here; empty if it tells nothing of limits."""
        return self._watch.why_ended(exit_code) if self._watch else ""

    def resume(self) -> None:
        """Have the process group go on, if code has stopped it."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process and everything it started."""
        pid = self._pid  # its own thread may forget it meanwhile
        if pid is not None:
            # In a sandbox it is the first process there, and all others go with it; what holds it is left to see them
            # off, so that nothing is left when `wait` returns. It may lead no group yet.
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(pid, signal.SIGKILL)
        if self._marker:
            self._end_strays()

    def reap(self) -> None:
        """End the process and all it started, for the last time: later its number may be another process's."""
        self.kill()
        self._pid = None
        if self._proxy:
            self._proxy.abandon()

    def close_pipes(self) -> None:
        """Close our ends of its pipes, when nobody will read them any more."""
        for pipe in filter(None, (self.stdout, self.stderr)):
            pipe.close()

    def _attend(self) -> None:
        """Wait for the end, in a thread, and look meanwhile what it uses of the machine."""
        if self._watch:
            try:
                self._look_after(self._watch)
            except Exception as error:  # noqa: BLE001 - whatever it is, code that nobody watches is ended, and it is told
                self._cause = (
                    f"what it used could not be watched ({error!r}); run it again, and report it if that does not help"
                )
                self.kill()
        code = self._process.wait()
        code = 128 - code if code < 0 else code
        if self._watch:
            self._cause = self._cause or self._watch.why_ended(code)

        def tell() -> None:
            if not self._exit_code.done():
                self._exit_code.set_result(code)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(tell)

    def _look_after(self, watch: ResourceWatch) -> None:
        watch.begin()
        with _end_of(self._process) as ends_within:
            while not self._cause and not ends_within(watch.pause):
                cause = watch.look()
                self._cause = cause if watch.needs_all or not self._relief.relieve(cause) else ""
                if cause and not self._cause:
                    watch.begin()  # what was ended leaves files, which end nothing that goes on
        if self._cause:
            self.kill()

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


@contextlib.contextmanager
def _end_of(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[float], bool]]:
    """Yield a function that waits some seconds for a process, and returns whether it has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (OSError, AttributeError):  # before Linux 5.3; then its end is noticed within 50 ms
        yield partial(_ends_within, process)
        return
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        yield lambda seconds: bool(poller.poll(1_000 * seconds))
    finally:
        os.close(descriptor)


def _ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return True
    return False


def _marked_processes(marker: bytes) -> Iterator[int]:
    """Find processes that left the kernel's session but carry its marker; in a sandbox there are none outside."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)
        except OSError:
            continue  # gone meanwhile, or not ours to read
