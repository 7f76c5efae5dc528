"""Puts files of the user's into the stage: as copies, as links to what is too large, as names of what is hidden.

Knows two folders and how a file is shown; not whose it is, and nothing of what code does to it.
"""

import os
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from kernel_executor.folders.trees import Seen, Tree
from kernel_executor.stage.copying import CREATE, clone, fast_copy

SETTLED = ("inode", "size", "modified", "changed", "mode")


@dataclass(frozen=True, slots=True)
class Shown:
    """One of the user's files in the stage.

    Args:
        original: It, in the user's folder.
        copy: Its copy, or the link to it, in the stage.
        linked: Whether it is a link into the read-only mount.
    """

    original: Seen
    copy: Seen
    linked: bool = False


class Showing:
    """Shows files one by one.

    Args:
        user: The user's folder.
        stage: The folder the code works in.
        hidden: Files of which the name is shown only.
        original: Where code can read the user's folder itself.
    """

    def __init__(self, user: Tree, stage: Tree, hidden: Collection[str], original: str) -> None:
        self._user = user
        self._stage = stage
        self._hidden = hidden
        self._original = original
        self.newest = 0
        """When a file was last put into the stage, in nanoseconds since the epoch."""

    def show(self, name: str, original: Seen, *, linked: bool, room: int) -> Shown | None:
        """Make a copy or a link in the stage, in the place of whatever has its name there.

        A pipe, a socket, a device is not shown, but its name is the user's. Of a hidden file the name is shown, or its
        removal would leave no trace.

        Args:
            name: Its path in both folders.
            original: It, in the user's folder.
            linked: Whether it is to be a link into the read-only mount.
            room: Bytes that may be copied.

        Raises:
            OSError: It is gone again, or cannot be made.
        """
        if name in self._hidden:
            return Shown(original, self._put(name, _make_empty)) if original.is_file else None
        if original.is_folder and not linked:
            return self._show_folder(name, original)
        if original.is_link:
            text = self._user.read_link(name)
            return Shown(original, self._put(name, lambda folder, base: os.symlink(text, base, dir_fd=folder)))
        if linked:
            return self._show_as_link(name, original)
        if not original.is_file:
            return None
        try:
            return Shown(original, self.copy(name, original, room))
        except OSError:  # too large for a file system that cannot share blocks; a full disk; not ours to read
            return self._show_as_link(name, original)

    def copy(self, name: str, original: Seen, room: int) -> Seen:
        """Copy a file; one that is larger than the room only where that takes none."""
        fill = fast_copy if original.size <= room else clone
        return self._put(name, lambda folder, base: self._fill(name, folder, base, fill))

    def link(self, name: str) -> Seen:
        """Make a link to a file in the read-only mount."""
        return self._put(name, lambda folder, base: os.symlink(self.place_of(name), base, dir_fd=folder))

    def place_of(self, name: str) -> str:
        """Return where code can read a file of the user's itself."""
        return f"{self._original}/{name}"

    def _show_as_link(self, name: str, original: Seen) -> Shown:
        return Shown(original, self.link(name), linked=True)

    def _show_folder(self, name: str, original: Seen) -> Shown:
        found = self._stage.look(name)
        if found and not found.is_folder:
            self._stage.remove(name)
        with self._stage.opened(name, make=True) as folder:
            os.fchmod(folder, stat.S_IMODE(original.mode) & 0o777 | stat.S_IRWXU)
            return Shown(original, Seen.of(os.fstat(folder)))

    def _put(self, name: str, make: Callable[[int, str], None]) -> Seen:
        self._stage.remove(name)
        with self._stage.holding(name, make=True) as (folder, base):
            make(folder, base)
            made = Seen.of(os.stat(base, dir_fd=folder, follow_symlinks=False))
        self.newest = max(self.newest, made.changed)
        return made

    def _fill(self, name: str, folder: int, base: str, fill: Callable[[int, int, int], None]) -> None:
        with self._user.reading(name) as source:
            found = os.fstat(source)
            target = os.open(base, CREATE, 0o600, dir_fd=folder)
            try:
                fill(source, target, found.st_size)
                os.fchmod(target, found.st_mode & 0o777 | stat.S_IRUSR)
                os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
            except BaseException:
                with suppress(OSError):
                    os.unlink(base, dir_fd=folder)
                raise
            finally:
                os.close(target)


def _make_empty(folder: int, base: str) -> None:
    os.close(os.open(base, CREATE, 0o600, dir_fd=folder))


def is_settled(present: Seen, before: Seen) -> bool:
    """Return whether a file is what it was: code can set any time of a file but that of its last change."""
    return all(getattr(present, field) == getattr(before, field) for field in SETTLED)
