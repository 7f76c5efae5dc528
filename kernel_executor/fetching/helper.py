"""Starts the process that checks parcels, in a sandbox that shows it nothing of the user's. Knows no parcel."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kernel_executor.aio.tasks import in_thread
from kernel_executor.errors import NotFetched
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.sandbox.confinement import choose, enclose
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.search_paths import safe_module_path

PACKAGE = Path(__file__).resolve().parents[1]

RUN = (
    "import sys, types; sys.path[:] = {path!r}; package = types.ModuleType('kernel_executor'); "
    "package.__path__ = [{package!r}]; sys.modules['kernel_executor'] = package; "
    "from kernel_executor.fetching import check_process; check_process.main()"
)
"""Runs the very code that runs here, wherever that was imported from: the current folder is on no path of a helper."""

LONGEST_ANSWER = 10_000

PATIENCE = 120.0
"""Seconds for an answer; its own limit of a processor's time is half of that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """What the checking process may touch: nothing but what it imports."""

    sandbox: SandboxMode
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    absent: tuple[Path, ...] = ()
    delivers: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    network: Literal["none"] = "none"
    resource_limits: ResourceLimits = field(default_factory=lambda: ResourceLimits(processes=64))


class Checker:
    """A process that waits to check one parcel. Made by `open_checker`."""

    def __init__(self, process: ManagedProcess, begin: int) -> None:
        self._process = process
        self._begin = begin

    async def check(self) -> str:
        """Have it check the parcel; return why that is not read, empty if it may be.

        Raises:
            NotFetched: It has not answered.
        """
        with suppress(BrokenPipeError):  # it has ended; its exit code is what there is to tell
            os.write(self._begin, b"!")
        try:
            async with asyncio.timeout(PATIENCE):
                said, code = await asyncio.gather(in_thread(self._read), self._process.wait())
        except TimeoutError:
            self._process.kill()
            raise NotFetched("what came could not be checked in time") from None
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(said)["why_not"])[:1_000]
        if self._process.cause or code in {128 + 9, 128 + 24, 128 + 6, 128 + 11}:
            return "to look at it took more time or memory than is allowed"
        ended = f"the process that does it ended with exit code {code}: {self._last_words() or 'it said nothing'}"
        raise NotFetched(f"what came could not be checked: {ended}")

    def _last_words(self) -> str:
        """Return what it has said of its end; it has ended, and what was not read is in the pipe."""
        said = os.read(self._process.stderr.fileno(), LONGEST_ANSWER) if self._process.stderr else b""
        return said.decode(errors="replace").strip()

    def _read(self) -> bytes:
        return self._process.stdout.read(LONGEST_ANSWER) if self._process.stdout else b""


@asynccontextmanager
async def open_checker(parcel: int, most: int, sandbox: SandboxMode) -> AsyncIterator[Checker]:
    """Start the process; on leaving, it has ended.

    Args:
        parcel: Descriptor of the parcel, which may still be empty.
        most: Bytes that its values may take.
        sandbox: What holds it.

    Raises:
        KernelExecutorError: It cannot be started.
    """
    async with AsyncExitStack() as stack:
        folder = open_for_code(None, stack)
        wanted = Bare(sandbox=sandbox, readable=(PACKAGE,))
        chosen = await choose(wanted, folder)
        interpreter = Interpreter(
            prefixes=tuple(map(Path, (sys.prefix, sys.base_prefix, sys.exec_prefix))),
            paths=tuple(map(Path, safe_module_path(sys.path))),
        )
        enclosure = await enclose(wanted, folder, chosen, interpreter, (), env={}, stack=stack)
        reads, begin = os.pipe()
        stack.callback(os.close, begin)
        code = RUN.format(path=safe_module_path(sys.path), package=str(PACKAGE))
        command = [sys.executable, "-I", "-c", code, str(parcel), str(reads), str(most)]
        try:
            process = await ManagedProcess.start(command, enclosure, stdout=subprocess.PIPE, pass_fds=(parcel, reads))
        except OSError as error:
            raise NotFetched(f"the process that checks what comes cannot be started: {error}") from error
        finally:
            os.close(reads)
        try:
            yield Checker(process, begin)
        finally:
            process.reap()
            process.close_pipes()
