"""The private folder of one life of a kernel: our starter, its connection file, its sockets. Knows files only."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.connect import write_connection_file

from kernel_executor import in_kernel
from kernel_executor.launch import LAUNCHER, KernelProgram
from kernel_executor.outputs import OutputLimits

PREFIX = "codeagent-"
LOCK = "owner.lock"

SOCKET_PATH_LIMIT = 107  # bytes of a Unix socket's path on Linux, sun_path less its NUL


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A private folder with all that one life of a kernel needs: our starter, connection file, sockets."""

    path: Path
    connection_file: Path
    connection: Mapping[str, Any]
    lock: int
    """File descriptor of a lock that ends with our process."""

    def command(self, program: KernelProgram, limits: OutputLimits, memory_limit: int) -> list[str]:
        """Return the command line that starts the program with this folder's connection file."""
        argv = [part.replace("{connection_file}", str(self.connection_file)) for part in program.argv]
        if not program.guarded:
            return argv
        at = argv.index(LAUNCHER[0])
        numbers = (limits.head, limits.tail, limits.display, limits.displays, memory_limit)
        starter = [str(self.path / in_kernel.MODULE / "start.py"), *map(str, numbers)]
        # A history file on disk makes each block 1.15 to 1.82 times slower (measured).
        return [*argv[:at], *starter, *argv[at + 2 :], "--HistoryManager.hist_file=:memory:"]

    def remove(self) -> None:
        """Delete the folder and the sockets in it; may be called twice."""
        if self.path.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self.lock)


def create_run_folder(program: KernelProgram, work_dir: Path) -> RunFolder:
    """Create a folder only we can enter, short enough for socket paths, outside the work folder."""
    sweep(Path(tempfile.gettempdir()))
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT - len("/k-5") or path.resolve().is_relative_to(work_dir):
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    if program.guarded:
        ours = Path(in_kernel.__file__).parent
        shutil.copytree(ours, path / in_kernel.MODULE, ignore=shutil.ignore_patterns("__pycache__"))
    # ipc, not tcp: not for speed (equal within noise) but because no other user can connect to it.
    file, connection = write_connection_file(
        str(path / "connection.json"),
        transport="ipc",
        ip=str(path / "k"),
        key=secrets.token_hex(32).encode(),
        kernel_name=program.language,
    )
    return RunFolder(path, Path(file), connection, _lock(path))


def _lock(folder: Path) -> int:
    """Lock a file in the folder until our process ends, however that comes. It has its name only when it is locked."""
    nameless = folder / f".{LOCK}"
    descriptor = os.open(nameless, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    nameless.rename(folder / LOCK)
    return descriptor


def sweep(parent: Path) -> None:
    """Remove the run folders of owners that were killed.

    A lock tells them, not a process number: another container that shares the folder has numbers of its own.
    """
    for path in parent.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError):  # not ours, gone meanwhile, or no file of ours: executed code may write there
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor) as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its owner holds it as long as it lives
                shutil.rmtree(path.parent, ignore_errors=True)
