"""The journal: every event as one line of JSON, appended as it happens. The session's truth; knows no notebook."""

import errno
import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from codeagent_nb.errors import SessionError
from codeagent_nb.events import EVENT, AgentEvent, ModelClientStreamingChunkEvent
from kernel_executor.folders.safe_files import PRIVATE, OpenFolder, folder_of
from kernel_executor.text import shorten

MOST_BYTES = 512 << 20
"""Of a journal that is read: one that came with a folder may be of any size."""


class JournalView:
    """Writes each event to a file at once; pieces of replies are left out, for the whole reply follows.

    The file is locked as long as it is open: two sessions never write to one journal.

    Args:
        path: The file; made if it does not exist, appended to if it does.
        folder: The folder it is in, if that is open.

    Raises:
        SessionError: It cannot be written, another session writes to it, or it is no file of ours: a link that was put
            in its place, say.
    """

    def __init__(self, path: Path, folder: OpenFolder | None = None) -> None:
        self._path = path
        try:
            with folder_of(path, folder) as place:
                descriptor = _open(place, path.name)
        except OSError as error:
            raise SessionError(
                f"cannot write the journal {str(path)!r}: {error.strerror}; remove it, or choose another name (--out)"
            ) from error
        self._file = os.fdopen(descriptor, "r+b", buffering=0)  # one write a line: a killed process leaves whole lines
        try:
            _lock(descriptor, path)
            os.fchmod(descriptor, PRIVATE)  # it may have come with a folder, open to all
            self._drop_unfinished_line()
        except BaseException:
            self._file.close()
            raise

    def on_event(self, event: AgentEvent) -> None:
        """Write one event.

        Raises:
            OSError: The disk is full.
        """
        if isinstance(event, ModelClientStreamingChunkEvent):
            return
        line = event.model_dump_json().encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"the journal {str(self._path)!r} took a part of an event only: the disk is full")

    def close(self) -> None:
        """Close the file, and unlock it: a process that was forked meanwhile has it open, too."""
        if not self._file.closed:
            with suppress(OSError):  # this file system has no locks
                fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()

    def _drop_unfinished_line(self) -> None:
        """Cut off what a killed process or a full disk left, or the next event would be spoilt by it."""
        content = _content(self._file, self._path)
        if not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)


def _open(folder: OpenFolder, name: str) -> int:
    with suppress(FileExistsError):
        os.close(folder.create(name))
    return folder.open(name, os.O_RDWR | os.O_APPEND)


def load_journal(path: Path, folder: OpenFolder | None = None) -> tuple[AgentEvent, ...]:
    """Read all events of a journal; a last line that was not finished is left out.

    Args:
        path: The file.
        folder: The folder it is in, if that is open.

    Raises:
        SessionError: The file cannot be read, is a link or a pipe, is too large, or a line in it is not an event.
    """
    try:
        with folder_of(path, folder) as place:
            descriptor = place.open(path.name)
        with os.fdopen(descriptor, "rb") as file:
            content = _content(file, path)
    except OSError as error:
        raise SessionError(f"cannot read the journal {str(path)!r}: {error.strerror}") from error
    complete = content[: content.rfind(b"\n") + 1].splitlines()
    return tuple(_read_line(line, number, path) for number, line in enumerate(complete, start=1))


def _read_line(line: bytes, number: int, path: Path) -> AgentEvent:
    try:
        # Not pydantic's own reader of JSON: that ends at 200 levels, and a display may have more.
        return EVENT.validate_python(json.loads(line))
    except (ValueError, ValidationError, RecursionError) as error:
        why = shorten(str(error), 500)  # it quotes what stands there
        raise SessionError(f"line {number} of the journal {str(path)!r} is not an event: {why}") from error


def _lock(descriptor: int, path: Path) -> None:
    """Lock a journal until it is closed, or our process ends, however that comes.

    Raises:
        SessionError: Another session has locked it.
    """
    if not lock_if_free(descriptor):
        raise SessionError(f"another session writes to the journal {str(path)!r}: end that one first")


def lock_if_free(descriptor: int) -> bool:
    """Lock a journal as long as it is open; return False if another session has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != errno.EWOULDBLOCK  # else this file system has no locks
    return True


def _content(file: IO[bytes], path: Path) -> bytes:
    if (size := os.fstat(file.fileno()).st_size) > MOST_BYTES:
        raise SessionError(f"the journal {str(path)!r} has {size:,} bytes, and {MOST_BYTES:,} are read at most")
    return file.read(MOST_BYTES)
