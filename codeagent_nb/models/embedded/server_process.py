"""Owns the life of the embedded model's child process: start, readiness, last words, end. Knows no chat."""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codeagent_nb.errors import ModelUnavailable
from kernel_executor.processes import own_python
from kernel_executor.search_paths import for_helpers

_SCRIPT = Path(__file__).with_name("server_main.py")
_START_TIMEOUT = 180.0  # seconds; a cold disk is slow
_LAST_BYTES = 4096
_LAST_LINES = 8
# What the loader, the GPU back ends and the C library want to know; API keys are none of a model's business.
_ENV_NAMES = frozenset({"HOME", "LANG", "PATH", "TMPDIR", "TZ", "LD_LIBRARY_PATH"})
_ENV_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "VK_", "OMP_")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What the server is started with.

    Args:
        path: The GGUF file.
        context_size: In tokens, prompt and reply together.
        threads: Of the CPU.
    """

    path: Path
    context_size: int
    threads: int


class ServerProcess:
    """A server in a child process that ends when this process does, however that ends.

    Args:
        settings: What to serve, and how.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.key = secrets.token_urlsafe(32)
        self.url = ""
        self._settings = settings
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            # Isolated: neither our own `types.py` beside the script nor a planted one stands in for Python's.
            [sys.executable, "-I", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=child_environment(os.environ),
            cwd="/",
            start_new_session=True,  # Ctrl-C in a terminal and Interrupt in Jupyter are not for the server
        )

    @property
    def pid(self) -> int:
        """Return the child's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    async def wait_ready(self) -> None:
        """Wait until the server listens; after any failure the child must be stopped.

        Raises:
            ModelUnavailable: It died, or took too long.
        """
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                line = await asyncio.to_thread(self._handshake)
        except TimeoutError:
            raise ModelUnavailable(f"The embedded model was not ready in {_START_TIMEOUT:.0f} s.") from None
        if not line:
            raise ModelUnavailable(f"The embedded model did not start: {await self.last_words()}")
        self.url = json.loads(line)["url"]

    async def last_words(self, patience: float = 1.0) -> str:
        """Return how the child ended and what it wrote last.

        Args:
            patience: Seconds to wait for its end; a broken connection is noticed before a death.
        """
        try:
            code = await asyncio.to_thread(self._process.wait, patience)
        except subprocess.TimeoutExpired:
            return "its process still runs"
        return f"its process ended with code {code}. {self._tail()}".rstrip()

    async def stop(self) -> None:
        """End the child and wait for it; may be called twice."""
        # It holds no state worth saving; a hung one ends as well, and so does the thread that waits for its line.
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            if pipe is not None:
                pipe.close()

    def _handshake(self) -> bytes:
        assert self._process.stdin is not None  # noqa: S101 - both are pipes, see Popen above
        assert self._process.stdout is not None  # noqa: S101
        settings = self._settings
        order = {
            "path": str(settings.path.absolute()),
            "module_path": own_python.module_path(),
            "context_size": settings.context_size,
            "threads": settings.threads,
            "key": self.key,
        }
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return b""
        return self._process.stdout.readline()

    def _tail(self) -> str:
        if self._stderr.closed:  # stopped by us, in mid-reply
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _LAST_BYTES))
        lines = self._stderr.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        return "Its last lines:\n" + "\n".join(lines) if lines else ""


def child_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Pick what the server needs to run; everything else, keys above all, stays here."""
    return for_helpers({name: env[name] for name in env if name in _ENV_NAMES or name.startswith(_ENV_PREFIXES)})
