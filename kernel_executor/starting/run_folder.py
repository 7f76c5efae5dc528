"""The private folders of kernels: of one life, with its connection file and sockets; of a root. Knows files only."""

import json
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernel_executor import in_kernel
from kernel_executor.folders import left_behind
from kernel_executor.folders.left_behind import LOCK, Lock, lock, remove_tree
from kernel_executor.folders.safe_files import OpenFolder, open_folder
from kernel_executor.folders.trees import Tree
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.starting.kernelspec import KernelProgram

PREFIX = "codeagent-k-"
"""Of no other folder: in a work folder, code can make a file of any name."""

CONTAINER_PREFIX = "codeagent-c-"
"""Of a folder that a container sees; the run folders of its kernels are in it."""

ROOT_PREFIX = "codeagent-r-"
"""Of a root's folder: the package of what runs inside is in it, and the run folders of its kernels."""

ROOM = len(f"/{PREFIX}12345678/k-5")
"""Bytes that the sockets of run folders add to the path of a folder that these are in."""

CONNECTION = "connection.json"
CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

SOCKET_PATH_LIMIT = 107 if platform.system() == "Linux" else 103
"""Bytes of a Unix socket's path, sun_path less its NUL."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A private folder with all that one life of a kernel needs: its connection file and its sockets."""

    path: Path
    connection_file: Path
    connection: Mapping[str, Any]
    lock: Lock

    def command(self, program: KernelProgram, limits: OutputLimits, memory_limit: int) -> list[str]:
        """Return the command line that starts the program with this folder's connection file."""
        if not program.guarded:
            return self._with_file(program.argv)
        starter = [str(self.path / in_kernel.MODULE / "start.py"), *map(str, numbers(limits, memory_limit))]
        return [*program.interpreter_words, *starter, *self.kernel_arguments(program)]

    def kernel_arguments(self, program: KernelProgram) -> list[str]:
        """Return what our own starter passes on to ipykernel."""
        # A history file on disk makes each block 1.15 to 1.82 times slower (measured).
        return [*self._with_file(program.kernel_words), "--HistoryManager.hist_file=:memory:"]

    def _with_file(self, words: Iterable[str]) -> list[str]:
        return [word.replace("{connection_file}", str(self.connection_file)) for word in words]

    def remove(self) -> None:
        """Delete the folder and the sockets in it; may be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def numbers(limits: OutputLimits, memory_limit: int) -> tuple[int, ...]:
    """Return limits as our own starter takes them, and the root."""
    return limits.head, limits.tail, limits.display, limits.displays, memory_limit


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


@dataclass(frozen=True, slots=True)
class RootFolder:
    """A private folder that a root and its kernels share."""

    path: Path
    lock: Lock

    @property
    def script(self) -> Path:
        """What runs as the root."""
        return self.path / in_kernel.MODULE / "root.py"

    def remove(self) -> None:
        """Delete it with all that is in it; may be called twice."""
        remove_tree(self.path)
        self.lock.close()


def create_root_folder(work_dir: Path, parent: Path | None = None, *, room: int = ROOM) -> RootFolder:
    """Create a folder for a root, with the package of what runs inside.

    Args:
        work_dir: The kernels' working folder, which it is not in.
        parent: Where it lies; None is the folder for temporary files.
        room: Bytes that the path of a socket in it adds to its own.
    """
    sweep(Path(tempfile.gettempdir()))
    path = make_private_folder(ROOT_PREFIX, work_dir, parent, room=room)
    path = path.parent.resolve() / path.name  # itself it may be a link by now, as below
    try:
        put_starter(path)
        return RootFolder(path, lock(path))
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


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
        _write(folder, CONNECTION, json.dumps(connection).encode())
    return RunFolder(path, path / CONNECTION, connection, lock(path))


def put_starter(path: Path) -> None:
    """Copy what runs inside a kernel into a folder of ours, as a folder that nobody has put there."""
    with closing(open_folder(path)) as folder:
        os.mkdir(in_kernel.MODULE, 0o700, dir_fd=folder.descriptor)
        with Tree(folder.descriptor).opened(in_kernel.MODULE) as inner:
            starter = OpenFolder(folder.path / in_kernel.MODULE, inner)
            for file in Path(in_kernel.__file__).parent.glob("*.py"):
                _write(starter, file.name, file.read_bytes())


def _write(folder: OpenFolder, name: str, content: bytes) -> None:
    with os.fdopen(folder.create(name), "wb") as file:
        file.write(content)


def sweep(parent: Path) -> None:
    """Remove the run folders of owners that were killed."""
    own = (f"{prefix}*/{LOCK}" for prefix in (PREFIX, ROOT_PREFIX))
    locks = (
        *(path for pattern in own for path in parent.glob(pattern)),
        *(path for prefix in (PREFIX, ROOT_PREFIX) for path in parent.glob(f"{CONTAINER_PREFIX}*/{prefix}*/{LOCK}")),
    )
    for folder in left_behind.sweep(locks):
        if folder.parent.name.startswith(CONTAINER_PREFIX):
            with suppress(OSError):  # another kernel of its container has one there
                folder.parent.rmdir()
