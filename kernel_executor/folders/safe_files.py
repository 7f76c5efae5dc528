"""Opens files of ours in a folder that others can write to, too. Knows descriptors; nothing of what is in the files.

A name there may be a link by the time it is opened: a journal that was opened by its name followed one, and three
kilobytes of JSON went to `~/.bashrc` and ran. So the folder is opened once, and all names are looked up in that
descriptor; no link is followed, no pipe is waited for, and what is opened is looked at before it is used.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kernel_executor.folders.trees import FOLDER

PRIVATE = 0o600
"""The mode of new files: what a session tells is its user's."""

PRIVATE_FOLDER = 0o700

_ALWAYS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """A folder by its descriptor: what becomes of its path, or of those above it, is no matter. Made by `open_folder`.

    All methods take the name of a file in it and raise OSError.
    """

    path: Path
    descriptor: int

    def create(self, name: str) -> int:
        """Make a new private file; return its descriptor, for reading and writing.

        Raises:
            FileExistsError: There is something of that name, a link that leads nowhere, say.
        """
        return os.open(name, _ALWAYS | os.O_CREAT | os.O_EXCL | os.O_RDWR, PRIVATE, dir_fd=self.descriptor)

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a file that exists; return its descriptor.

        Args:
            name: Of the file.
            flags: As for `os.open`.

        Raises:
            OSError: It is a link, a pipe, a folder, or a file that has another name, too.
        """
        try:
            descriptor = os.open(name, _ALWAYS | flags, dir_fd=self.descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _refused(self.path / name, "it is a symbolic link") from None
            raise
        try:
            _check_plain(os.fstat(descriptor), self.path / name)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def make_folder(self, name: str) -> None:
        """Make a folder of the user's own in it.

        Raises:
            FileExistsError: There is something of that name.
        """
        os.mkdir(name, PRIVATE_FOLDER, dir_fd=self.descriptor)

    def enter(self, name: str) -> "OpenFolder":
        """Open a folder in it, which must be closed, too.

        Raises:
            OSError: It is a link, no folder, or not there.
        """
        try:
            return OpenFolder(self.path / name, os.open(name, FOLDER, dir_fd=self.descriptor))
        except OSError as error:
            found = self._lstat(name)
            if found and stat.S_ISLNK(found.st_mode):
                raise _refused(self.path / name, "it is a symbolic link") from None
            if found and error.errno == errno.ENOTDIR:
                raise _refused(self.path / name, "it is no folder") from None
            raise

    def names(self, most: int) -> list[str]:
        """Return the names of what is in it, sorted; of more than `most`, any so many."""
        with os.scandir(self.descriptor) as entries:
            return sorted(entry.name for entry in islice(entries, most))

    def replace(self, name: str, *pieces: bytes) -> None:
        """Write a file whole or not at all; whatever had its name loses it, a folder to a name beside it."""
        temporary = f".{name}.{secrets.token_hex(8)}.tmp"  # executed code must not guess it
        descriptor = self.create(temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                self._keep_mode(name, file.fileno())
            self._move_folder_away(name)
            os.replace(temporary, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException:
            self.remove(temporary)
            raise

    def remove(self, name: str) -> None:
        """Remove a file if that can be done."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.descriptor)

    def close(self) -> None:
        """Close the folder."""
        os.close(self.descriptor)

    def _lstat(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def _keep_mode(self, name: str, descriptor: int) -> None:
        """Set the permissions that its user gave the file before."""
        found = self._lstat(name)
        if found and stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            os.fchmod(descriptor, found.st_mode & 0o666)

    def _move_folder_away(self, name: str) -> None:
        found = self._lstat(name)
        if found and stat.S_ISDIR(found.st_mode):  # executed code has put it there
            away = f"{name}.{secrets.token_hex(4)}.folder"
            os.rename(name, away, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)


def open_folder(path: Path) -> OpenFolder:
    """Open a folder; it must be closed, what is opened in it stays open.

    Args:
        path: Where it is; its last part is no link.

    Raises:
        OSError: There is no folder, but a link, say.
    """
    return OpenFolder(path, os.open(path, FOLDER))


@contextmanager
def folder_of(path: Path, opened: OpenFolder | None = None) -> Iterator[OpenFolder]:
    """Yield the folder that a file is in, for a moment; one that is open already stays open.

    Args:
        path: Of the file.
        opened: The folder, if it is open.

    Raises:
        OSError: There is no such folder.
    """
    if opened:
        yield opened
    else:
        with closing(open_folder(path.parent.resolve())) as folder:
            yield folder


KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFDIR: "a folder", stat.S_IFSOCK: "a socket"}


def _check_plain(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _refused(path, f"it is {KINDS.get(stat.S_IFMT(found.st_mode), 'a device')}, not a file")
    if found.st_nlink > 1:
        raise _refused(path, "it has another name as well (a hard link)")


def _refused(path: Path, why: str) -> OSError:
    return OSError(errno.EPERM, why, str(path))
