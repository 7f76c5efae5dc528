"""The complete state of a folder, looked at from outside: who compares two of them sees every change."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """All that is remembered of one name."""

    type: str
    mode: int
    owner: tuple[int, int]
    inode: tuple[int, int]
    links: int
    size: int
    mtime_ns: int
    content: str


Fingerprint = Mapping[str, Entry]

TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}

_HASHES: dict[tuple[int, ...], str] = {}
"""By what the kernel changes at every write, the change time among it: large files are read once."""


def fingerprint(folder: Path, *names: str) -> Fingerprint:
    """Look at a folder and all that is in it; never follows a link, never opens anything but regular files.

    Args:
        folder: The folder.
        names: What is looked at in it; everything, if nothing is named.
    """
    if not names:
        return {".": _entry(folder), **dict(_entries(folder, ""))}
    there = [name for name in names if os.path.lexists(folder / name)]
    found = {name: _entry(folder / name) for name in there}
    inner = [_entries(folder / name, f"{name}/") for name in there if found[name].type == "folder"]
    return {**found, **{name: entry for entries in inner for name, entry in entries}}


def _entries(folder: Path, prefix: str) -> Iterator[tuple[str, Entry]]:
    for found in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = prefix + found.name
        yield name, _entry(Path(found.path))
        if found.is_dir(follow_symlinks=False):
            yield from _entries(Path(found.path), f"{name}/")


def _entry(path: Path) -> Entry:
    state = path.lstat()
    kind = TYPES[stat.S_IFMT(state.st_mode)]
    content = {"file": _hash, "link": os.readlink}.get(kind, lambda _: "")(path)
    return Entry(
        type=kind,
        mode=stat.S_IMODE(state.st_mode),
        owner=(state.st_uid, state.st_gid),
        inode=(state.st_dev, state.st_ino),
        links=state.st_nlink,
        size=state.st_size,
        mtime_ns=state.st_mtime_ns,
        content=str(content),
    )


def _hash(path: Path) -> str:
    state = path.lstat()
    key = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if key not in _HASHES:
        with path.open("rb") as file:
            _HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _HASHES[key]


def differences(before: Fingerprint, after: Fingerprint) -> list[str]:
    """Tell what became of the names that were there before; names that came are no difference.

    A folder's time, size and number of links change when names come: they count where none came.
    """
    told = [f"{name}: gone" for name in before if name not in after]
    for name in before:
        if name in after:
            told += _changes(name, before[name], after[name], _children(before, name) == _children(after, name))
    return told


def _changes(name: str, before: Entry, after: Entry, all_counts: bool) -> Iterator[str]:
    always = ("type", "mode", "owner", "inode", "content")
    fields = (*always, "links", "size", "mtime_ns") if all_counts or before.type != "folder" else always
    for field in fields:
        if getattr(before, field) != getattr(after, field):
            yield f"{name}: {field} was {getattr(before, field)}, is {getattr(after, field)}"


def _children(state: Fingerprint, folder: str) -> set[tuple[str, tuple[int, int]]]:
    parent = "" if folder == "." else folder
    return {(name, entry.inode) for name, entry in state.items() if name != "." and name.rpartition("/")[0] == parent}


def news(before: Fingerprint, after: Fingerprint) -> set[str]:
    """Tell the names that came."""
    return set(after) - set(before)
