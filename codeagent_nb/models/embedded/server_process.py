"""Owns the start of the process that serves a model: its order, readiness, last words. Knows no chat and no client."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.embedded.shared_folder import ServerFiles
from codeagent_nb.version import __version__
from kernel_executor.processes import own_python
from kernel_executor.search_paths import for_helpers

_PROGRAM = Path(__file__).parent / "server"
_START_TIMEOUT = 180.0  # seconds; a cold disk is slow
_LAST_BYTES = 4096
_LAST_LINES = 8
# What the loader, the GPU back ends and the C library want to know; API keys are none of a model's business.
_ENV_NAMES = frozenset({"HOME", "LANG", "PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH"})
_DEVICES = ("CUDA_", "NVIDIA_", "HIP_", "ROCR_", "VK_", "OMP_")
_ENV_PREFIXES = ("LC_", *_DEVICES)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is started with.

    Args:
        path: The GGUF file.
        context_size: In tokens, prompt and reply together, of each client.
        threads: Of the CPU.
        slots: How many clients it can answer at the same time, and remember the prompts of; each takes 0.2 GB.
        linger: Seconds that it stays when the last client has gone: the next cell, or command, may need it again.
    """

    path: Path
    context_size: int
    threads: int
    slots: int = 2
    linger: float = 10.0

    def name(self, environment: Mapping[str, str]) -> str:
        """Return what all who can share a server call it: the same file, program, machine and devices."""
        path = self.path.absolute()
        try:
            found = path.stat()
            file = [str(path), found.st_size, found.st_mtime_ns]
        except OSError:  # the server says so better
            file = [str(path)]
        program = [__version__, *(source.read_text("utf-8") for source in sorted(_PROGRAM.glob("*.py")))]
        devices = sorted((name, value) for name, value in environment.items() if name.startswith(_DEVICES))
        how = [self.context_size, self.threads, self.slots]
        return sha256(json.dumps([file, program, devices, how, _machine()]).encode()).hexdigest()[:16]


class ServerProcess:
    """A server that has been started, for whoever starts it. It ends when its last client has gone.

    Args:
        settings: What to serve, and how.
        files: Where it is found.
        key: What its clients show.
    """

    def __init__(self, settings: ServerSettings, files: ServerFiles, key: str) -> None:
        self._order: dict[str, Any] = {
            "path": str(settings.path.absolute()),
            "module_path": own_python.module_path(),
            "context_size": settings.context_size,
            "threads": settings.threads,
            "slots": settings.slots,
            "linger": settings.linger,
            "key": key,
            "socket": str(files.path("sock")),
            "key_file": str(files.path("key")),
            "lock": str(files.path("lock")),
            "files": [str(path) for path in files.passing],
        }
        self._files = files
        log = files.make_log()
        try:
            self._process = subprocess.Popen(
                # Isolated: neither our own `types.py` beside the script nor a planted one stands in for Python's.
                [sys.executable, "-I", str(_PROGRAM / "main.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child_environment(os.environ),
                cwd="/",
                start_new_session=True,  # Ctrl-C in a terminal and Interrupt in Jupyter are not for the server
            )
        finally:
            os.close(log)

    async def wait_ready(self) -> None:
        """Wait until the server listens; after any failure it must be stopped.

        Raises:
            ModelUnavailable: It died, or took too long.
        """
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                line = await asyncio.to_thread(self._handshake)
        except TimeoutError:
            raise ModelUnavailable(f"The embedded model was not ready in {_START_TIMEOUT:.0f} s.") from None
        if not line:
            code = await asyncio.to_thread(self._process.wait)
            raise ModelUnavailable(
                f"The embedded model did not start: its process ended with code {code}. {last_lines(self._files)}"
            )

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.poll()

    def let_go(self) -> None:
        """Leave the server to its clients; it is waited for in the background, for only its parent can."""
        self._close_pipes()
        threading.Thread(target=self._process.wait, daemon=True, name="embedded model").start()

    async def stop(self) -> None:
        """End a server that nobody else uses yet, and wait for it."""
        # It holds no state worth saving; a hung one ends as well, and so does the thread that waits for its line.
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _handshake(self) -> bytes:
        assert self._process.stdin is not None  # noqa: S101 - both are pipes, see Popen above
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(self._order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return b""
        return self._process.stdout.readline()


def last_lines(files: ServerFiles) -> str:
    """Return what a server wrote last, nothing if it wrote nothing."""
    lines = files.read_log(_LAST_BYTES).splitlines()[-_LAST_LINES:]
    return "Its last lines:\n" + "\n".join(lines) if lines else ""


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Pick what the server needs to run; everything else, keys above all, stays here."""
    return for_helpers({name: env[name] for name in env if name in _ENV_NAMES or name.startswith(_ENV_PREFIXES)})


def _machine() -> list[str]:
    """Return what tells this machine from others that see the same files, and its containers from one another."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return [os.uname().nodename, boot, *(str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in ("pid", "mnt"))]
    except OSError:  # not Linux
        return [os.uname().nodename]
