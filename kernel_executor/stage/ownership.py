"""Whose a file in the user's folder is: a record of what was delivered, kept where no code and no repository writes.

It lies in the user's state folder, never beside the data: what a folder says about itself is not obeyed (design D16).
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from kernel_executor.folders.trees import Seen

LOCKED = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

MAX_RECORDS = 20_000
"""Files of one folder that are remembered; of those that were delivered first, the user becomes the owner."""


@dataclass(frozen=True, slots=True)
class Record:
    """A delivered file, by what tells it from every other: a file the user has changed is the user's."""

    device: int
    inode: int
    size: int
    modified: int
    digest: str

    @classmethod
    def of(cls, seen: Seen, digest: str) -> "Record":
        """Record a file as it was delivered."""
        return cls(seen.device, seen.inode, seen.size, seen.modified, digest)

    def describes(self, seen: Seen | None) -> bool:
        """Return whether a file looks as the delivered one did; its hash is compared before it is replaced."""
        return seen is not None and seen.is_file and self == Record.of(seen, self.digest)


class Ownership:
    """The records of one folder.

    Args:
        folder: The user's folder, resolved.
        state: The user's state folder of ours; None keeps the records in memory only.
    """

    def __init__(self, folder: Path, state: Path | None) -> None:
        key = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
        self._file = state / f"{key}.json" if state else None
        self._read = self._look()
        self._records: dict[str, Record] = dict(self._load())
        self._waiting: dict[str, Record | None] | None = None
        self._lent: dict[str, Record] = {}

    def of(self, name: str) -> Record | None:
        """Return the record of a file, if there is one."""
        return self._lent.get(name) or self._records.get(name)

    @property
    def names(self) -> frozenset[str]:
        """Every file there is a record of."""
        return frozenset(self._records) | frozenset(self._lent)

    def lend(self, name: str, record: Record) -> None:
        """Count a file of the user's as delivered, in this session only, and until it is taken back."""
        self._lent[name] = record

    def is_lent(self, name: str) -> bool:
        """Return whether a file is the user's, and only lent."""
        return name in self._lent

    def take_back(self, name: str) -> None:
        """Count a file that was lent as the user's again, whatever has become of it."""
        self._lent.pop(name, None)

    def refresh(self) -> None:
        """Take in what other sessions have delivered to the same folder.

        The file is replaced, never written to, so nobody need be kept from it; one that is the same is not read again.
        """
        if self._file and self._waiting is None and (present := self._look()) != self._read:
            self._records, self._read = dict(self._load()), present

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write what is recorded meanwhile once, at the end: a thousand files took half a minute one by one.

        What is not written yet when we are killed is the user's.
        """
        self._waiting = {}
        try:
            yield
        finally:
            waiting, self._waiting = self._waiting, None
            self._write({name: record for name, record in waiting.items() if record}, frozenset(waiting))

    def change(self, delivered: Mapping[str, Record], removed: frozenset[str] = frozenset()) -> None:
        """Record files that were delivered or removed; other sessions' records stay."""
        self._lent |= {name: record for name, record in delivered.items() if name in self._lent}
        delivered = {name: record for name, record in delivered.items() if name not in self._lent}
        removed -= frozenset(self._lent)
        if self._waiting is None:
            self._write(delivered, removed)
            return
        for name in removed:
            self._records.pop(name, None)
        self._records |= delivered
        self._waiting |= {**dict.fromkeys(removed), **delivered}

    def _write(self, delivered: Mapping[str, Record], removed: frozenset[str]) -> None:
        if not (delivered or removed):
            return
        with self._locked() as is_kept:
            records = dict(self._load()) if is_kept else self._records
            for name in removed:
                records.pop(name, None)
            for name, record in delivered.items():
                records.pop(name, None)  # the newest stand last
                records[name] = record
            self._records = dict(list(records.items())[-MAX_RECORDS:])
            self._save()

    def _look(self) -> tuple[int, ...]:
        """Return what changes with the file; nothing where there is none."""
        try:
            found = self._file.stat() if self._file else None
        except OSError:
            return ()
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) if found else ()

    def _load(self) -> Iterator[tuple[str, Record]]:
        """Read the records; a file that cannot be read records nothing, and then everything is the user's."""
        if self._file is None:
            return
        with suppress(OSError, ValueError, TypeError, AttributeError):
            for name, record in json.loads(self._file.read_bytes()).items():
                yield os.fsdecode(os.fsencode(name)), Record(**record)

    def _save(self) -> None:
        if self._file is None:
            return
        text = json.dumps({name: asdict(record) for name, record in self._records.items()})
        part = self._file.with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):  # a full disk: what is not recorded is the user's
            part.write_text(text)
            part.replace(self._file)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Keep other sessions in the same folder from recording meanwhile; give whether the records are on disk."""
        lock = self._lock()
        try:
            yield lock is not None
        finally:
            if lock is not None:
                os.close(lock)

    def _lock(self) -> int | None:
        """Take the lock; None where there can be none: the state folder was removed, or cannot lock."""
        if self._file is None:
            return None
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._file.with_suffix(".lock"), LOCKED, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError:
                os.close(lock)
                raise
            return lock
        return None


def state_folder() -> Path | None:
    """Return our folder in the user's state folder, which is made; None if there can be none."""
    home = os.environ.get("XDG_STATE_HOME") or ""
    try:
        base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
        folder = base / "codeagent-nb" / "delivered"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if os.access(folder, os.W_OK) else None
    except (OSError, RuntimeError):  # a user without a home
        return None
