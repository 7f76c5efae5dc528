"""Owns the folder in which one user's programs find a model's server: who may use it, its files. Starts no server.

What lies there is trusted only if it is this user's and nobody else can have written it; else it is as if there were
nothing. Where no such folder can be had, a server is not shared.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.folders.safe_files import PRIVATE, OpenFolder, open_folder

LONGEST_SOCKET = 103
"""Bytes of a socket's path that macOS takes; Linux takes 107."""

_POLL = 0.05  # seconds
_LARGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of one server, whether it runs or not.

    Args:
        folder: Where they are; nobody else can write to it.
        name: What they are called; the same for all who can share the server.
        shared: Whether others come here at all; else the folder is this client's, and goes with it.
    """

    folder: OpenFolder
    name: str
    shared: bool

    def path(self, kind: str) -> Path:
        """Return the path of the `sock`, `key`, `log` or `lock`."""
        return self.folder.path / f"{self.name}.{kind}"

    @property
    def passing(self) -> tuple[Path, ...]:
        """What a server that ends takes with it; the lock must stay."""
        return self.path("sock"), self.path("key"), self.path("log")

    def read_key(self) -> str | None:
        """Return the key of the server, None if there is none that can be trusted."""
        try:
            with os.fdopen(self.folder.open(f"{self.name}.key"), "rb") as file:
                return file.read(_LARGEST_KEY).decode() or None if _is_private(os.fstat(file.fileno())) else None
        except (OSError, ValueError):
            return None

    def begin(self) -> str:
        """Remove what an earlier server left; write the key of a new one and return it."""
        for path in self.passing:
            self.folder.remove(path.name)
        key = secrets.token_urlsafe(32)
        with os.fdopen(self.folder.create(f"{self.name}.key"), "wb") as file:
            file.write(key.encode())
        return key

    def make_log(self) -> int:
        """Return the descriptor of a new file for what the server writes."""
        return self.folder.create(f"{self.name}.log")

    def read_log(self, most: int) -> str:
        """Return the end of what the server has written, nothing if it cannot be read."""
        with suppress(OSError), os.fdopen(self.folder.open(f"{self.name}.log"), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode("utf-8", "replace")
        return ""

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Keep others from starting the server, and it from ending, meanwhile."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(f"{self.name}.lock", flags, PRIVATE, dir_fd=self.folder.descriptor)
        try:
            while not _taken(lock):  # noqa: ASYNC110 - others are other processes
                await asyncio.sleep(_POLL)
            yield
        finally:
            os.close(lock)

    def close(self) -> None:
        """Close the folder; remove it if nobody else comes there."""
        self.folder.close()
        if not self.shared:
            shutil.rmtree(self.folder.path, ignore_errors=True)


def server_files(environment: Mapping[str, str], name: str) -> ServerFiles:
    """Return the files of a server in the user's folder for them, or in a new one where that cannot be trusted.

    Args:
        environment: With `XDG_RUNTIME_DIR`, `XDG_STATE_HOME` and `HOME`.
        name: The server's.

    Raises:
        OSError: There can be no folder at all.
    """
    for place in _places(environment):
        with suppress(OSError):
            if len(os.fsencode(place / f"{name}.sock")) > LONGEST_SOCKET:
                continue
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = open_folder(place)
            if _is_private(os.fstat(folder.descriptor)):
                return ServerFiles(folder, name, shared=True)
            folder.close()
    alone = Path(tempfile.mkdtemp(prefix="codeagent-model-")).resolve()
    return ServerFiles(open_folder(alone), name, shared=False)


def _places(environment: Mapping[str, str]) -> Iterator[Path]:
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or "")
    if runtime.is_absolute() and runtime.is_dir():  # it is made by the system, or there is none
        yield runtime / "codeagent-nb"
    state = Path(environment.get("XDG_STATE_HOME") or "")
    home = Path(environment.get("HOME") or "")
    if state.is_absolute():
        yield state / "codeagent-nb" / "models"
    elif home.is_absolute():
        yield home / ".local" / "state" / "codeagent-nb" / "models"


def _is_private(found: os.stat_result) -> bool:
    """Return whether nobody but this user can have written something, or read it."""
    return found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
