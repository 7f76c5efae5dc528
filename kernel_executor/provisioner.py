"""Starts, signals and ends one kernel process, bare or inside bubblewrap, as a jupyter_client provisioner.

Knows processes only: no sockets, no messages.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

MARKER = "CODEAGENT_KERNEL_ID"
"""Variable by which stray processes of an unsandboxed kernel are found again; Jenkins finds its own so."""

STDERR_KEPT = 8_192  # bytes: the end of what a kernel said before it failed


class ManagedProvisioner(KernelProvisionerBase):
    """A local kernel process in a session of its own.

    `launch_kernel` takes, besides jupyter_client's arguments, `sandbox`: bubblewrap's arguments, or None.
    """

    # traitlets builds this object, so its state cannot be constructor arguments
    process: subprocess.Popen[bytes] | None = None
    pid: int | None = None
    exit_code: "asyncio.Future[int]"
    _marker = b""

    @property
    def has_process(self) -> bool:
        """Say whether a process was started and not yet cleaned up."""
        return self.process is not None

    @property
    def stderr(self) -> str:
        """The end of the kernel's own standard error."""
        return bytes(self._stderr).decode(errors="replace").strip()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Start the process; in a sandbox, `pid` is that of the inner process group's leader."""
        sandbox: Sequence[str] | None = kwargs["sandbox"]
        environment = dict(kwargs["env"])
        self._stderr = bytearray()
        if sandbox is None:
            marker = uuid.uuid4().hex
            self._marker = f"{MARKER}={marker}".encode()
            # The parent's pid makes ipykernel end with us; in a pid namespace it would end at once instead.
            environment |= {MARKER: marker, "JPY_PARENT_PID": str(os.getpid())}
            self.process = self._spawn(cmd, environment, kwargs["cwd"])
            self.pid = self.process.pid
        else:
            self.process = await self._launch_in_bubblewrap(sandbox, cmd, environment)
        self._watch(self.process)
        return self.connection_info

    async def _launch_in_bubblewrap(
        self, sandbox: Sequence[str], cmd: list[str], environment: dict[str, str]
    ) -> "subprocess.Popen[bytes]":
        info, info_writer = os.pipe()
        try:
            command = [shutil.which("bwrap") or "bwrap", "--info-fd", str(info_writer), *sandbox, "--", *cmd]
            # The environment goes to bwrap itself: inside, /proc/1/environ shows it.
            process = self._spawn(command, environment, None, pass_fds=(info_writer,))
        finally:
            os.close(info_writer)
        with os.fdopen(info, "rb") as reader:
            # To the end: bwrap blocks on a full pipe, and the JSON may come in pieces.
            text = await asyncio.to_thread(reader.read)
        # Without it bubblewrap has failed; its exit code and stderr tell why.
        self.pid = json.loads(text)["child-pid"] if text.strip() else process.pid
        return process

    def _spawn(
        self, command: list[str], environment: dict[str, str], cwd: str | None, pass_fds: tuple[int, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        # On the loop's own thread: --die-with-parent follows the spawning thread, not the process.
        return subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=pass_fds,
        )

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Notice the end in milliseconds (a heartbeat takes 1 s), and never let the kernel block on stderr."""
        loop = asyncio.get_running_loop()
        self.exit_code = loop.create_future()
        arguments = (process, self.exit_code, loop)
        threading.Thread(target=_report_exit, args=arguments, daemon=True, name="kernel-exit").start()
        threading.Thread(target=_keep_end, args=(process, self._stderr), daemon=True, name="kernel-stderr").start()

    async def poll(self) -> int | None:
        """Return the exit code, or None while the process lives."""
        return self.process.poll() if self.process else 0

    async def wait(self) -> int | None:
        """Wait for the process to end; return its exit code."""
        return await asyncio.shield(self.exit_code) if self.process else 0

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel's process group: the kernel and what it started, never bubblewrap's monitor."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signum)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002 - jupyter_client's
        """End the kernel and everything it started."""
        self._end_all()

    def bury(self) -> None:
        """End all, and what a dead kernel left behind, at once and for good: later its number may be another's."""
        self._end_all()
        self.pid = None

    def _end_all(self) -> None:
        if self.pid is not None:
            # In a sandbox it is the first process of the namespace, and all others go with it; bubblewrap itself is
            # left to see them off, so that nothing is left when `wait` returns. It may lead no group yet.
            for end in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    end(self.pid, signal.SIGKILL)
        if self._marker:
            self._end_strays()

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

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel; the same as `kill`, for a kernel has nothing to save."""
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:  # noqa: ARG002 - jupyter_client's
        """Forget a process that has ended."""
        self.process = None
        self.pid = None


def _report_exit(
    process: "subprocess.Popen[bytes]", exit_code: "asyncio.Future[int]", loop: asyncio.AbstractEventLoop
) -> None:
    code = process.wait()

    def tell() -> None:
        if not exit_code.done():
            exit_code.set_result(code)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(tell)


def _keep_end(process: "subprocess.Popen[bytes]", kept: bytearray) -> None:
    if process.stderr is None:
        return
    with process.stderr as pipe:
        while chunk := os.read(pipe.fileno(), 65_536):
            kept += chunk
            del kept[:-STDERR_KEPT]


def _marked_processes(marker: bytes) -> Iterator[int]:
    """Find processes that left the kernel's session but carry its marker; in a sandbox there are none outside."""
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in entry.read_bytes().split(b"\0"):
                yield int(entry.parent.name)
        except OSError:
            continue  # gone meanwhile, or not ours to read
