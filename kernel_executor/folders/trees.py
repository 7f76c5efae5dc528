"""Folders that somebody else may be changing: opened step by step, never through a link, never waiting. Knows no rule.

Every path here is relative to a descriptor. Code in a sandbox can swap a file for a link, a pipe or a folder between
any two of our system calls, so what was opened is looked at, not what was listed.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without waiting: a named pipe would keep us forever."""
MAX_DEPTH = 64
"""Folders in folders that are looked at; 1,000 of them cost a million system calls to open one by one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was seen, by what cannot change without a trace: code cannot set the time of a change."""

    device: int
    inode: int
    mode: int
    size: int
    modified: int
    changed: int
    allocated: int = 0
    names: int = 1

    @classmethod
    def of(cls, found: os.stat_result) -> "Seen":
        """Keep what matters of a status."""
        return cls(
            device=found.st_dev,
            inode=found.st_ino,
            mode=found.st_mode,
            size=found.st_size,
            modified=found.st_mtime_ns,
            changed=found.st_ctime_ns,
            allocated=found.st_blocks * 512,
            names=found.st_nlink,
        )

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


def parts_of(name: str) -> tuple[str, ...]:
    """Split a relative path; `.` has no parts."""
    return tuple(part for part in name.split("/") if part not in {"", "."})  # pathlib takes ten times as long


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found below a folder.

    Args:
        entries: Relative paths, outer folders first.
        complete: False if there is more than was looked at.
        closed: Folders that were not entered.
    """

    entries: dict[str, Seen]
    complete: bool
    closed: frozenset[str] = frozenset()


def allow(name: str, folder: int, rights: int) -> None:
    """Add rights to a file or folder; a link is left alone, and so is what it leads to.

    Only Linux opens what may not be read; elsewhere that stays as it is.

    Raises:
        OSError: It is not ours, gone, or a link.
    """
    kind = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)
    held = os.open(name, kind | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        mode = os.fstat(held).st_mode
        if stat.S_ISLNK(mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        target = f"/proc/self/fd/{held}" if hasattr(os, "O_PATH") else held
        os.chmod(target, stat.S_IMODE(mode) | rights)  # noqa: PTH101 - a descriptor
    finally:
        os.close(held)


@dataclass(frozen=True, slots=True)
class Tree:
    """A folder and what is in it.

    Args:
        root: Its descriptor.
        ours: Whether rights that are missing are added: an ordinary user's code may do `chmod 0` on what it makes.
    """

    root: int
    ours: bool = False

    @contextmanager
    def opened(self, name: str, *, make: bool = False) -> Iterator[int]:
        """Open a folder step by step; give its descriptor.

        Args:
            name: Its relative path.
            make: Whether folders that are not there are made.

        Raises:
            OSError: A part of the path is missing, a link, or no folder.
        """
        here = os.dup(self.root)
        try:
            for part in parts_of(name):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=here)
                outer, here = here, self._enter(part, here)
                os.close(outer)
            yield here
        finally:
            os.close(here)

    def _enter(self, part: str, outer: int) -> int:
        try:
            return os.open(part, FOLDER, dir_fd=outer)
        except PermissionError:
            if not self.ours:
                raise
            allow(part, outer, stat.S_IRWXU)
            return os.open(part, FOLDER, dir_fd=outer)

    @contextmanager
    def holding(self, name: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that holds a path; give its descriptor and the path's last part."""
        path = PurePosixPath(name)
        with self.opened(str(path.parent), make=make) as folder:
            yield folder, path.name

    def look(self, name: str) -> Seen | None:
        """Return what a path is, links not followed; None if it is not there or cannot be reached."""
        try:
            with self.holding(name) as (folder, base):
                return Seen.of(os.stat(base, dir_fd=folder, follow_symlinks=False))
        except OSError:
            return None

    @contextmanager
    def reading(self, name: str) -> Iterator[int]:
        """Open a regular file, and nothing else; give its descriptor.

        Raises:
            OSError: It is something else, gone, or cannot be read.
        """
        with self.holding(name) as (folder, base):
            file = self._open_file(base, folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file", name)
            yield file
        finally:
            os.close(file)

    def _open_file(self, base: str, folder: int) -> int:
        try:
            return os.open(base, READ, dir_fd=folder)
        except PermissionError:
            if not self.ours:
                raise
            allow(base, folder, stat.S_IRUSR)
            return os.open(base, READ, dir_fd=folder)

    def read_link(self, name: str) -> str:
        """Return what a symbolic link says.

        Raises:
            OSError: It is none.
        """
        with self.holding(name) as (folder, base):
            return os.readlink(base, dir_fd=folder)

    def remove(self, name: str) -> None:
        """Remove whatever has a name, with all that is in it; nothing happens if it is gone."""
        with suppress(FileNotFoundError, NotADirectoryError), self.holding(name) as (folder, base):
            remove(folder, base)

    def remove_empty(self, name: str) -> None:
        """Remove a folder if there is nothing in it."""
        with suppress(OSError), self.holding(name) as (folder, base):
            os.rmdir(base, dir_fd=folder)

    def walk(self, *, limit: int, enters: Callable[[str], bool] = lambda _: True) -> Listing:
        """List what is in it, nearest first.

        A folder that holds more than what is left of the limit is listed and not entered; so outer entries are
        complete before inner ones are looked at. Of the outermost one as many are listed as the limit allows.

        Args:
            limit: Entries that are listed at most.
            enters: Asked before a folder is entered.
        """
        entries: dict[str, Seen] = {}
        closed: set[str] = set()
        complete, waiting = True, [""]
        for outer in waiting:  # grows while we walk
            found, is_all = self._list(outer, limit - len(entries)) if len(parts_of(outer)) < MAX_DEPTH else ([], False)
            if not is_all:
                complete = False
                closed.add(outer)
                found = [] if outer else found
            for base, seen in found:
                name = f"{outer}/{base}" if outer else base
                entries[name] = seen
                if not seen.is_folder:
                    continue
                if enters(name):
                    waiting.append(name)
                else:
                    closed.add(name)
        return Listing(entries, complete, frozenset(closed))

    def _list(self, name: str, room: int) -> tuple[list[tuple[str, Seen]], bool]:
        """List one folder, as far as there is room; return whether that was all."""
        found: list[tuple[str, Seen]] = []
        is_all = True
        try:
            with self.opened(name) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) >= room:
                        is_all = False
                        break
                    with suppress(FileNotFoundError):
                        found.append((entry.name, Seen.of(entry.stat(follow_symlinks=False))))
        except OSError:  # gone meanwhile, or not ours to read
            return [], True
        found.sort()
        return found, is_all


def remove(folder: int, name: str) -> None:
    """Remove whatever has a name in a folder of ours, with all that is in it; nothing happens if it is gone.

    No deeper than two folders at any time: an inner folder is moved up before it is emptied. Removing 1,000 folders in
    one another takes as many open files otherwise, and `shutil.rmtree` as many calls in calls.
    """
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        trash = [name]
        while trash:
            outer = trash.pop()
            with suppress(FileNotFoundError):
                trash += _empty(folder, outer)
                os.rmdir(outer, dir_fd=folder)


def _empty(folder: int, name: str) -> list[str]:
    """Remove the files of a folder, and move its folders up, beside it; return their new names."""
    moved: list[str] = []
    allow(name, folder, stat.S_IRWXU)
    inner = os.open(name, FOLDER, dir_fd=folder)
    try:
        with os.scandir(inner) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for base, is_folder in found:
            if is_folder:
                allow(base, inner, stat.S_IRWXU)  # a folder that cannot be written to cannot be moved
                moved.append(f".codeagent-{secrets.token_hex(8)}")
                os.rename(base, moved[-1], src_dir_fd=inner, dst_dir_fd=folder)
            else:
                os.unlink(base, dir_fd=inner)
    finally:
        os.close(inner)
    return moved
