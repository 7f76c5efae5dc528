"""Compares what a process sees of the host's files with what it is to see, from outside, before any code runs.

The whole table, and the very files: a path that was looked at when a sandbox was planned may lead elsewhere when it is
mounted, and then code would read what somebody has put there (`device` and `inode` tell).
"""

import errno
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from kernel_executor.errors import KernelStartError
from kernel_executor.folders.trees import FOLDER, Seen, Tree

OWN_FILE_SYSTEMS = {
    "/": "tmpfs",
    "/tmp": "tmpfs",  # noqa: S108
    "/dev": "tmpfs",
    "/dev/shm": "tmpfs",  # noqa: S108
    "/proc": "proc",
    "/dev/pts": "devpts",
}
"""What bubblewrap makes itself, each private to the sandbox."""

HARMLESS_DEVICES = frozenset(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console"))


class UnexpectedMount(KernelStartError):  # noqa: N818 - named after the state
    """A sandbox shows code something else than it is to show."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A file or folder of the host that is to be seen.

    Args:
        target: Where, in the sandbox.
        device: Of the file system it is on.
        inode: Of the file or folder itself.
        writable: Whether it may be written to.
        nested: Whether what is mounted below it on the host may be seen, too.
    """

    target: str
    device: int
    inode: int
    writable: bool = False
    nested: bool = True

    @classmethod
    def of(
        cls, target: os.PathLike[str] | str, seen: Seen, *, writable: bool = False, nested: bool = True
    ) -> "Expected":
        """Expect this very file at a path."""
        return cls(str(target), seen.device, seen.inode, writable, nested)


@dataclass(frozen=True, slots=True)
class Mounted:
    """A line of a mount table."""

    target: str
    source: str
    file_system: str
    read_only: bool


def is_set_up(pid: int) -> bool:
    """Return whether bubblewrap has made all mounts of a process: its root, which it makes itself, is read-only last.

    Raises:
        OSError: The process is gone.
    """
    return Mounted("/", "/newroot", "tmpfs", read_only=True) in mounted(pid)


def check(pid: int, expected: Sequence[Expected], empty: Collection[str] = ()) -> None:
    """Compare the mounts of a process with those expected.

    Args:
        pid: The process, in our own numbering.
        expected: All that is to be seen of the host.
        empty: Where an empty folder lies on one of the host's.

    Raises:
        UnexpectedMount: There is another one, one is missing, or one shows another file.
        OSError: The process is gone.
    """
    table = {mount.target: mount for mount in mounted(pid)}
    by_target = {one.target: one for one in expected}
    for mount in table.values():
        if mount.target not in empty:
            _check_one(mount, by_target)
    root = os.open(f"/proc/{pid}/root", FOLDER & ~os.O_NOFOLLOW)
    try:
        _check_files(Tree(root), table, expected)
        _check_empty(Tree(root), table, empty)
    finally:
        os.close(root)


def _check_one(mount: Mounted, expected: Mapping[str, Expected]) -> None:
    if mount.target in expected:
        if not (mount.read_only or expected[mount.target].writable):
            raise UnexpectedMount(f"{mount.target!r} is writable")
        return
    if OWN_FILE_SYSTEMS.get(mount.target) == mount.file_system or mount.target in HARMLESS_DEVICES:
        return
    if mount.target.startswith("/proc/") and mount.read_only:  # bubblewrap covers parts of it, with itself
        return
    outer = next(
        (expected[str(outer)] for outer in PurePosixPath(mount.target).parents if str(outer) in expected), None
    )
    if outer is None or not outer.nested or not (mount.read_only or outer.writable):
        raise UnexpectedMount(f"{mount.target!r} ({mount.file_system}) is mounted and was not to be")


def _check_files(root: Tree, table: Mapping[str, Mounted], expected: Iterable[Expected]) -> None:
    for one in expected:
        if one.target not in table:
            raise UnexpectedMount(f"{one.target!r} is not mounted")
        seen = root.look(one.target.lstrip("/"))
        if seen is None or (seen.device, seen.inode) != (one.device, one.inode):
            raise UnexpectedMount(f"{one.target!r} shows another file than the one that was granted")


def _check_empty(root: Tree, table: Mapping[str, Mounted], empty: Iterable[str]) -> None:
    """Nothing is to be seen there, but for what is mounted in it."""
    for target in empty:
        mount = table.get(target)
        if mount is None or mount.file_system != "tmpfs" or not mount.read_only:
            raise UnexpectedMount(f"{target!r} is not covered")
        with root.opened(target.lstrip("/")) as folder:
            names = os.listdir(folder)  # noqa: PTH208 - a descriptor
        for place in (f"{target}/{name}" for name in names):
            if not any(other == place or other.startswith(f"{place}/") for other in table):
                raise UnexpectedMount(f"{target!r} is covered and shows {place!r}")


def mounted(pid: int) -> list[Mounted]:
    """Read the mount table of a process.

    Raises:
        OSError: It is gone.
    """
    try:
        with open(f"/proc/{pid}/mountinfo", "rb") as file:  # noqa: PTH123 - names are bytes, perhaps of no encoding
            return read_table(file.read())
    except OSError as error:
        if error.errno == errno.EINVAL:  # it is ending, and has no mounts any more
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH)) from error
        raise


def read_table(text: bytes) -> list[Mounted]:
    """Read a text as in /proc/self/mountinfo."""
    return [_read(line.split()) for line in text.splitlines()]


def _read(fields: list[bytes]) -> Mounted:
    rest = fields[fields.index(b"-") + 1 :]
    return Mounted(_path(fields[4]), _path(fields[3]), rest[0].decode(), b"ro" in fields[5].split(b","))


def _path(field: bytes) -> str:
    """Decode a path; a blank, a tab, a line end and a backslash are written as octal numbers."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field))
