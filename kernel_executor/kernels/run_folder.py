"""The private folder of one life of a kernel: our starter, its connection file, its sockets. Knows files only."""

import json
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from kernel_executor import in_kernel
from kernel_executor.folders import left_behind
from kernel_executor.folders.left_behind import LOCK, lock
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.folders.trees import Tree
from kernel_executor.kernels.kernelspec import LAUNCHER, KernelProgram
from kernel_executor.outputs.fold import OutputLimits

PREFIX = "codeagent-k-"
"""Of no other folder: in a work folder, code can make a file of any name."""

CONTAINER_PREFIX = "codeagent-c-"
"""Of a folder that a container sees; the run folders of its kernels are in it."""

CONNECTION = "connection.json"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

SOCKET_PATH_LIMIT = 107 if platform.system() == "Linux" else 103
"""Bytes of a Unix socket's path, sun_path less its NUL."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A private folder with all that one life of a kernel needs: our starter, connection file, sockets."""

    path: Path
    connection_file: Path
    connection: Mapping[str, Any]
    lock: IO[bytes]
    """A locked file; the lock ends with our process."""

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
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def make_private_folder(prefix: str, work_dir: Path, parent: Path | None = None, *, room: int) -> Path:
    """Make a folder only we can enter, outside the work folder, short enough for sockets in it.

    Args:
        prefix: What its name begins with.
        work_dir: The work folder.
        parent: Where it lies, if that will do; None is the folder for temporary files.
        room: Bytes that a socket's path adds to its own.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT - room or path.resolve().is_relative_to(work_dir):
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    return path


def create_run_folder(program: KernelProgram, work_dir: Path, parent: Path | None = None) -> RunFolder:
    """Create a folder only we can enter, short enough for socket paths, outside the work folder.

    Args:
        program: The kernel that will use it.
        work_dir: The kernel's working folder.
        parent: Where it lies; None is the folder for temporary files.
    """
    sweep(Path(tempfile.gettempdir()))
    path = make_private_folder(PREFIX, work_dir, parent, room=len("/k-5"))
    try:
        return _filled(path, program)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _filled(path: Path, program: KernelProgram) -> RunFolder:
    # ipc, not tcp: not for speed (equal within noise) but because no other user can connect to it.
    connection = {
        **{f"{channel}_port": number for number, channel in enumerate(CHANNELS, start=1)},
        "transport": "ipc",
        "ip": str(path / "k"),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": program.language,
    }
    # By descriptor: in a container, code of an earlier kernel may have put a link in the folder's place meanwhile.
    with closing(open_folder(path)) as folder:
        if program.guarded:
            _put_starter(folder)
        _write(folder, CONNECTION, json.dumps(connection).encode())
    return RunFolder(path, path / CONNECTION, connection, lock(path))


def _put_starter(folder: OpenFolder) -> None:
    """Copy what runs inside a kernel, into a folder that nobody has put there."""
    os.mkdir(in_kernel.MODULE, 0o700, dir_fd=folder.descriptor)
    with Tree(folder.descriptor).opened(in_kernel.MODULE) as inner:
        for file in Path(in_kernel.__file__).parent.glob("*.py"):
            _write(OpenFolder(folder.path / in_kernel.MODULE, inner), file.name, file.read_bytes())


def _write(folder: OpenFolder, name: str, content: bytes) -> None:
    with os.fdopen(folder.create(name), "wb") as file:
        file.write(content)


def sweep(parent: Path) -> None:
    """Remove the run folders of owners that were killed."""
    locks = (*parent.glob(f"{PREFIX}*/{LOCK}"), *parent.glob(f"{CONTAINER_PREFIX}*/{PREFIX}*/{LOCK}"))
    for folder in left_behind.sweep(locks):
        if folder.parent.name.startswith(CONTAINER_PREFIX):
            with suppress(OSError):  # another kernel of its container has one there
                folder.parent.rmdir()
