"""Copies what the code has made into the user's folder: new files, and the agent's own that have changed.

Always a copy, never a link. A name the user has is never taken: a new file gets its name only if that is free, and what
is replaced is looked at when it has left its name.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event

from kernel_executor.events import DeliveredFile, HeldFile
from kernel_executor.folders.trees import Seen, Tree
from kernel_executor.stage.copying import CREATE, Stopped, copy, exchange, give_name, hash_of
from kernel_executor.stage.denials import shown_name
from kernel_executor.stage.ownership import Ownership, Record

MAX_SIZE = 4 << 30
"""Bytes of a file that is delivered by itself."""

MAX_FILES = 1_000
"""Files that are delivered by themselves at the end of one call."""

SPARSE = 64 << 20
"""Bytes; a larger file that takes an eighth of its size on the disk is mostly holes, and would lose them."""

TAKEN = "a file of that name is in your folder and is yours"


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers files one by one.

    Args:
        user: The user's folder.
        stage: Where the code has made them.
        ownership: Whose the files in the user's folder are.
        stop: Ends the copying of a large file when it is set.
    """

    user: Tree
    stage: Tree
    ownership: Ownership
    stop: Event

    def is_delivered(self, name: str) -> bool:
        """Return whether the user's folder holds this very content as the agent's: code was run again, say."""
        record = self.ownership.of(name)
        if record is None or not record.describes(self.user.look(name)):
            return False
        seen = self.stage.look(name)
        return seen is not None and seen.size == record.size and hash_of(self.stage, name) == record.digest

    def deliver(self, name: str) -> DeliveredFile | HeldFile:
        """Deliver one file; say why it was not, if it was not."""
        try:
            with self.stage.reading(name) as source:
                seen = Seen.of(os.fstat(source))
                if seen.size > MAX_SIZE:
                    return held(name, seen, f"it is larger than {MAX_SIZE >> 30} GB")
                if seen.size > SPARSE and seen.allocated * 8 < seen.size:
                    return held(name, seen, "it is mostly holes, and would take its whole size when copied")
                return self._deliver(name, source, seen)
        except Stopped:
            return HeldFile(shown_name(name), 0, "copying it was stopped")
        except FileExistsError:
            return HeldFile(shown_name(name), 0, TAKEN)
        except OSError as error:
            return HeldFile(shown_name(name), 0, f"it cannot be copied ({error.strerror or error})")

    def _deliver(self, name: str, source: int, seen: Seen) -> DeliveredFile | HeldFile:
        record, present = self.ownership.of(name), self.user.look(name)
        if present is not None and not (record and record.describes(present)):
            return held(name, seen, TAKEN)
        with self.user.holding(name, make=True) as (folder, base), _temporary(folder) as (part, target):
            digest = copy(source, target, limit=MAX_SIZE, stop=self.stop)
            # No set-user-ID, and nobody runs what nobody looked at.
            _keep(target, os.stat(base, dir_fd=folder, follow_symlinks=False) if present else None)
            os.utime(target, ns=(seen.modified, seen.modified))
            made = Seen.of(os.fstat(target))
            if present is None or record is None:
                give_name(folder, part, base)
            else:
                self._replace(folder, part, base, name, record)
            self.ownership.change({name: Record.of(made, digest)})
            return DeliveredFile(shown_name(name), made.size)

    def _replace(self, folder: int, part: str, base: str, name: str, record: Record) -> None:
        """Put a new version in the place of the agent's own; what comes out is looked at, and may go back."""
        exchange(folder, part, base)
        if not self._is_own(name, part, folder, record):
            exchange(folder, part, base)
            raise FileExistsError(name)

    def _is_own(self, name: str, base: str, folder: int, record: Record) -> bool:
        found = Seen.of(os.stat(base, dir_fd=folder, follow_symlinks=False))
        at = str(PurePosixPath(name).with_name(base))
        return record.describes(found) and hash_of(self.user, at) == record.digest

    def remove(self, name: str) -> bool:
        """Remove a file of the agent's that its code has removed; one that the user has changed stays."""
        record = self.ownership.of(name)
        if record is None or not record.describes(self.user.look(name)):
            return False
        aside = f".codeagent-{secrets.token_hex(8)}"
        try:
            with self.user.holding(name) as (folder, base):
                give_name(folder, base, aside)
                if self._is_own(name, aside, folder, record):
                    os.unlink(aside, dir_fd=folder)
                else:
                    give_name(folder, aside, base)
                    return False
        except OSError:
            return False
        self.ownership.change({}, frozenset({name}))
        return True


def _keep(target: int, replaced: os.stat_result | None) -> None:
    """Set the rights of a file: those of one that it replaces, or those of a new one."""
    if replaced is None:
        os.fchmod(target, 0o666 & ~_umask())
        return
    with suppress(PermissionError):  # another user's, in a folder of ours
        os.fchown(target, replaced.st_uid, replaced.st_gid)
    os.fchmod(target, replaced.st_mode & 0o777)


@contextmanager
def _temporary(folder: int) -> Iterator[tuple[str, int]]:
    """Make a file of a name that nobody could guess; it is gone afterwards, unless it was given a name."""
    part = f".codeagent-{secrets.token_hex(8)}"
    target = os.open(part, CREATE, 0o600, dir_fd=folder)
    try:
        yield part, target
    finally:
        os.close(target)
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)


def held(name: str, seen: Seen, reason: str) -> HeldFile:
    """Return a file that stays in the stage."""
    return HeldFile(shown_name(name), seen.size, reason)


def _umask() -> int:
    """Read the umask without setting it, as `os.umask` does for all threads."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    return 0o077
