"""Copies a file to where nobody can change it any more, and reads it there. Knows descriptors; nothing of parcels."""

import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 8 << 20

SEALS = getattr(fcntl, "F_SEAL_WRITE", 0) | getattr(fcntl, "F_SEAL_GROW", 0) | getattr(fcntl, "F_SEAL_SHRINK", 0)


class Oversized(Exception):  # noqa: N818 - named after the state
    """A file has more bytes than are copied; the number is how many it says it has."""


@contextmanager
def private_file() -> Iterator[int]:
    """Yield the descriptor of an empty file without a name: in memory, where there are such files."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("codeagent-parcel", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryFile() as file:
            yield file.fileno()


def read_only(descriptor: int) -> int:
    """Return a second descriptor of such a file that nothing can be written by, where there are such descriptors."""
    try:
        return os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return os.dup(descriptor)


def copy_sealed(source: int, target: int, limit: int) -> int:
    """Copy a file into a private one and seal that; return its size.

    Args:
        source: Descriptor of a file that others may be writing to.
        target: Descriptor of an empty private file.
        limit: Bytes that are copied at most.

    Raises:
        Oversized: It has more.
        OSError: It cannot be read, or there is no memory.
    """
    size = os.fstat(source).st_size
    if size > limit:
        raise Oversized(size)
    copied = 0
    while copied < size:
        sent = os.sendfile(target, source, copied, min(PIECE, size - copied))
        if not sent:  # somebody has made it shorter
            break
        copied += sent
    if SEALS:
        with suppress(OSError):  # it is a file on a disk, without a name
            fcntl.fcntl(target, fcntl.F_ADD_SEALS, SEALS)
    return copied


def mapped(descriptor: int) -> memoryview:
    """Return a file's content, which stays as long as anything uses it.

    Raises:
        OSError: There is no memory for it.
    """
    size = os.fstat(descriptor).st_size
    if not size:
        return memoryview(b"")
    # Private: what is sealed may not be mapped as shared, not even to be read, before Linux 6.7.
    return memoryview(mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))
