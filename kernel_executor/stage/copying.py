"""Copying between open files, and giving names so that none is lost. Knows no rule."""

import ctypes
import errno
import fcntl
import os
import secrets
import zlib
from collections.abc import Callable
from threading import Event

from kernel_executor.folders.trees import Tree

CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

PIECE = 1 << 20  # bytes that are copied in one go

RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2  # of renameat2(2)

FICLONE = 0x40049409  # of ioctl_ficlone(2)

NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP}
"""What a file system says that lacks a system call's newer ways."""


class Stopped(Exception):  # noqa: N818 - named after the state
    """Copying was told to stop."""


def hash_of(tree: Tree, name: str) -> str:
    """Return the hash of a regular file; empty if it cannot be read.

    A CRC, four times as fast as what withstands an attacker: nobody who could make two files of one CRC here would need
    to. Of 2 GB, hashing took most of the time.
    """
    checksum = 0
    try:
        with tree.reading(name) as file:
            while piece := os.read(file, PIECE):
                checksum = zlib.crc32(piece, checksum)
    except OSError:
        return ""
    return f"{checksum:08x}"


def same_content(one: int, other: int) -> bool:
    """Return whether two open files hold the same."""
    if os.fstat(one).st_size != os.fstat(other).st_size:
        return False
    while piece := os.read(one, PIECE):
        if piece != os.read(other, len(piece)):
            return False
    return not os.read(other, 1)


def copy(source: int, target: int, *, limit: int, stop: Event | None = None) -> str:
    """Copy what is in one open file to another; return its hash.

    Args:
        source: To read from.
        target: To write to.
        limit: Bytes; who writes more while we read has lost.
        stop: Ends the copying when it is set.

    Raises:
        OSError: The disk is full, say.
        Stopped: It was told to.
    """
    checksum, done = 0, 0
    while piece := os.read(source, PIECE):
        done += len(piece)
        if stop and stop.is_set():
            raise Stopped
        if done > limit:
            raise OSError(errno.EFBIG, "it grew while it was copied")
        checksum = zlib.crc32(piece, checksum)
        write_all(target, piece)
    return f"{checksum:08x}"


def write_all(target: int, piece: bytes) -> None:
    """Write all of it; one call may take a part only."""
    view = memoryview(piece)
    while view:
        view = view[os.write(target, view) :]


def fast_copy(source: int, target: int, size: int) -> None:
    """Copy without looking at the bytes: the file system may share them."""
    done = 0
    share = getattr(os, "copy_file_range", lambda *_: 0)  # Linux has it
    try:
        while done < size and (count := share(source, target, size - done)):
            done += count
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
    while done < size and (piece := os.read(source, PIECE)):  # some file systems say 0 where they cannot do it
        done += len(piece)
        write_all(target, piece)


def clone(source: int, target: int, _size: int) -> None:
    """Make two files share their blocks until one is written to: btrfs, XFS and others can, whatever the size.

    Raises:
        OSError: This file system cannot, or they are on two.
    """
    fcntl.ioctl(target, FICLONE, source)


_LIBC = ctypes.CDLL(None, use_errno=True)


def renameat2(folder: int, old: str, new: str, flags: int) -> bool:
    """Rename within a folder; False where the file system cannot do it this way."""
    call = getattr(_LIBC, "renameat2", None)  # glibc has it since 2.28, musl since 1.2.5
    if call is None:
        return False
    if call(folder, os.fsencode(old), folder, os.fsencode(new), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), new)


Rename = Callable[[int, str, str, int], bool]
"""Renames within a folder in one step, as `renameat2` does; returns whether it could."""


def give_name(folder: int, old: str, new: str, rename: Rename = renameat2) -> None:
    """Rename a file unless the new name is taken.

    Raises:
        FileExistsError: It is.
    """
    if rename(folder, old, new, RENAME_NOREPLACE):
        return
    try:
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        os.unlink(old, dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: here two steps are all there is
        if _is_there(folder, new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new) from None
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def exchange(folder: int, one: str, other: str, rename: Rename = renameat2) -> None:
    """Exchange the names of two files; where one step cannot do it, the second is away for a moment.

    Raises:
        OSError: One of them is gone, or somebody took the name meanwhile.
    """
    if rename(folder, one, other, RENAME_EXCHANGE):
        return
    aside = f".codeagent-{secrets.token_hex(8)}"
    give_name(folder, other, aside, rename)
    give_name(folder, one, other, rename)
    give_name(folder, aside, one, rename)
