"""Shows the user's files to the code as copies, notices what the code did to them, and puts it back.

A copy can be removed, renamed, replaced and written to, so every such deed leaves a trace, also one whose error the
code has swallowed; where files are mounted read-only, `os.system("rm data.csv")` leaves none, and the same code would
destroy the file in the user's own kernel. Large files are links into a read-only mount. Knows two folders.
"""

import os
import re
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import PurePosixPath

from kernel_executor.folders.trees import Listing, Seen, Tree, parts_of
from kernel_executor.stage.copying import hash_of, same_content
from kernel_executor.stage.denials import Denial
from kernel_executor.stage.ownership import Ownership, Record
from kernel_executor.stage.showing import Showing, Shown, is_settled

MAX_MOUNTS = 100
"""Folders that are mounted by themselves; of more, bubblewrap takes seconds."""

MAX_ENTRIES = 2_000
"""A copy takes a tenth of a millisecond, and the start waits for all of them. More is shown as links to folders."""

SMALL = 32 << 20
MAX_COPIED = 256 << 20
"""Bytes of one file, and of all together, that are copied: 0.2 s on a disk that cannot share blocks (measured)."""

OPAQUE = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env"})
"""Folders nobody's analysis writes to, with thousands of files; they are shown as links, as hidden ones are."""

MAX_STEM = 50
"""Characters; a name may have 255 bytes, and another one is made of it."""


class Mirror:
    """Keeps the user's files in the stage as they are in the user's folder.

    Args:
        user: The user's folder.
        stage: The folder the code works in.
        ownership: Whose files are whose; the agent's own are copied, and may be changed.
        original: Where code can read the user's folder itself.
        mounted: Paths that the host's own files are mounted on, or that lead to them where nothing can be mounted.
        hidden: Paths that are not shown; they are the user's all the same.
        absent: Paths that are neither shown nor the user's: code runs as if they had never been there.
        is_mounted: Whether the stage is mounted in the user's place, and folders can be mounted on it.
    """

    def __init__(
        self,
        user: Tree,
        stage: Tree,
        ownership: Ownership,
        *,
        original: str,
        mounted: Collection[str] = (),
        hidden: Collection[str] = (),
        absent: Collection[str] = (),
        is_mounted: bool = True,
    ) -> None:
        self._user = user
        self._stage = stage
        self._ownership = ownership
        self._mounted = set(mounted)
        self._hidden = frozenset(hidden)
        self._absent = frozenset(absent)
        self.read_only: tuple[str, ...] = ()
        """Folders that are to be mounted read-only, because they hold too much to be copied."""
        self._shown: dict[str, Shown] = {}
        self.own: dict[str, Seen] = {}
        """Files of the agent's that are in the user's folder, as they were in the stage then."""
        self._is_mounted = is_mounted
        self._showing = Showing(user, stage, self._hidden, original)

    @property
    def newest(self) -> int:
        """When a file was last put into the stage, in nanoseconds since the epoch."""
        return self._showing.newest

    @property
    def count(self) -> int:
        """How many of the user's files are shown."""
        return len(self._shown)

    @property
    def volume(self) -> int:
        """Bytes of the user's files that are copies."""
        return sum(shown.original.size for shown in self._shown.values() if shown.copy.is_file)

    @property
    def has_read_only(self) -> bool:
        """Whether some of the user's files are no copies."""
        return bool(self.read_only) or any(shown.linked for shown in self._shown.values())

    def names_linked(self, line: str, folder: str) -> bool:
        """Return whether a line names a file in the user's folder by its whole path, or one that is shown as a link."""
        linked = [name for name, shown in self._shown.items() if shown.linked]
        names = [f"{re.escape(folder)}/[^/]", *(rf"{re.escape(name)}(?![\w.-])" for name in linked)]
        return any(re.search(rf"(?<![\w/.-]){name}", line) for name in names)

    def is_shown(self, name: str) -> bool:
        """Return whether a path is a file of the user's that is shown in the stage."""
        return name in self._shown

    def is_users(self, name: str) -> bool:
        """Return whether a path is the user's: shown, mounted, or there without being shown."""
        if name in self._shown or self.is_mounted(name):
            return True
        return name not in self.own and not self.is_absent(name) and self._user.look(name) is not None

    @property
    def _unseen(self) -> Collection[str]:
        """What is mounted by itself, or not at all."""
        return self._hidden | self._mounted | self._absent

    def is_absent(self, name: str) -> bool:
        """Return whether code runs as if a path were not there."""
        return _is_of(name, self._absent)

    def is_open(self, name: str) -> bool:
        """Return whether the code's files may be in a folder of the stage."""
        return name not in self._mounted

    def is_mounted(self, name: str) -> bool:
        """Return whether something of the host is mounted on a path, or on a folder above it."""
        return _is_of(name, self._mounted)

    def begin(self) -> None:
        """Show everything for the first time; folders that are not entered are to be mounted, as long as they are few.

        As links they would hide what is done in them: who walks through folders does not enter a link, finds nothing
        to remove, and ends well.
        """
        found = self._user.walk(limit=MAX_ENTRIES, enters=self._enters)
        closed = [name for name in found.entries if name in found.closed and name not in self._unseen]
        if not self._is_mounted:
            for name in self._mounted:
                self._showing.link(name)
        self.read_only = tuple(closed[: MAX_MOUNTS if self._is_mounted else 0])
        self._mounted |= set(self.read_only)
        for name in self.read_only:
            with self._stage.opened(name, make=True):
                pass
        self._ownership.refresh()
        self._take_over(found)

    def refresh(self) -> None:
        """Take over what the user has changed; what code had made under a name of the user's gets another."""
        self._ownership.refresh()
        # What the agent has delivered meanwhile closes no folder that was open.
        limit = MAX_ENTRIES + len(self._shown) + len(self.own)
        found = self._user.walk(limit=limit, enters=self._enters)
        self._forget_gone(found)
        self._take_over(found)

    def _forget_gone(self, found: Listing) -> None:
        """Take away what the user has removed; what code has put into a folder of theirs stays."""
        gone = [name for name in self._shown if name not in found.entries and self._user.look(name) is None]
        for name in reversed(gone):  # outer folders come first
            if self._shown.pop(name).copy.is_folder:
                self._stage.remove_empty(name)
            else:
                self._stage.remove(name)
        for name, seen in list(self.own.items()):
            if name not in found.entries and self._user.look(name) is None and self._is_untouched(name, seen):
                self.own.pop(name)
                self._stage.remove(name)

    def _is_untouched(self, name: str, before: Seen) -> bool:
        present = self._stage.look(name)
        return present is not None and is_settled(present, before)

    def _take_over(self, found: Listing) -> None:
        budget = MAX_COPIED
        for name, original in found.entries.items():
            shown = self._shown.get(name)
            if name in self._mounted or self.is_absent(name):
                continue
            if shown and (name in self._hidden or is_settled(original, shown.original)):
                continue
            with suppress(OSError):  # a file that is gone again; the others are shown
                budget -= self._take_over_one(name, original, linked=name in found.closed, room=min(SMALL, budget))

    def _take_over_one(self, name: str, original: Seen, *, linked: bool, room: int) -> int:
        shown = self._shown.get(name)
        if linked and shown and shown.copy.is_folder:
            return 0  # it has grown: it stays as it is, for code may have files in it
        record = self._ownership.of(name)
        if record and record.describes(original):
            self._show_own(name, original)
            return 0
        delivered = self.own.pop(name, None)
        if delivered and self._is_untouched(name, delivered):
            self._stage.remove(name)  # the user has changed what was delivered: the old version is no news
        elif shown is None and not original.is_folder and self._stage.look(name) is not None:
            self.set_aside(name)
        return self._show(name, original, linked=linked, room=room)

    def _enters(self, name: str) -> bool:
        if name in self._mounted or name in self._hidden or name in self._absent:
            return False
        base = parts_of(name)[-1]
        leads_to_a_mount = any(mounted.startswith(f"{name}/") for mounted in self._mounted)
        return leads_to_a_mount or not (base.startswith(".") or base in OPAQUE)

    def _show(self, name: str, original: Seen, *, linked: bool, room: int) -> int:
        """Show a file, again perhaps; return how many bytes were copied."""
        shown = self._showing.show(name, original, linked=linked, room=room)
        if shown is None:
            return 0
        self._shown[name] = shown
        return original.size if shown.copy.is_file and original.size <= room else 0

    def _show_own(self, name: str, original: Seen) -> None:
        """Copy a file of the agent's that the code has not, or that another session has changed meanwhile."""
        self._shown.pop(name, None)
        known, present = self.own.get(name), self._stage.look(name)
        if known and (present is None or not is_settled(present, known)):
            return  # the code has removed or changed its own: that is delivered, not undone
        if known and (known.size, known.modified) == (original.size, original.modified):
            return
        try:
            self.own[name] = self._showing.copy(name, original, MAX_COPIED)
        except OSError:
            self.own[name] = self._showing.link(name)

    def can_be_lent(self, name: str) -> bool:
        """Return whether a path is a file of the user's that code has a copy of."""
        shown = self._shown.get(name)
        return shown is not None and shown.copy.is_file and not _is_of(name, self._hidden)

    def lend(self, name: str) -> None:
        """Count a file of the user's as the agent's own: what code does to it is delivered.

        Raises:
            ValueError: It is no file of the user's that code has a copy of.
        """
        original = self._user.look(name)
        if not self.can_be_lent(name) or original is None or not original.is_file or original.names > 1:
            raise ValueError(f"{name!r} is no file of the user's, of one name, that could be changed here")
        self._ownership.lend(name, Record.of(original, hash_of(self._user, name)))
        self._show_own(name, original)

    def take_back(self, name: str) -> None:
        """Count a file that was lent as the user's again; what code has made of it and was not delivered is gone."""
        self._ownership.take_back(name)
        if self.own.pop(name, None):
            self._stage.remove(name)

    def put_back_own(self, names: Collection[str]) -> None:
        """Show files of the agent's as they are in the user's folder, whatever became of them in the stage."""
        for name in names:
            present, record = self._user.look(name), self._ownership.of(name)
            self.own.pop(name, None)
            if present and record and record.describes(present):
                with suppress(OSError):
                    self._show_own(name, present)

    def inspect(self, found: Listing) -> list[Denial]:
        """Compare the stage with what was shown; put back what is not as it was.

        Args:
            found: What is in the stage now.

        Returns:
            What the code did, outermost first.
        """
        deeds: dict[str, str] = {}
        for name, shown in list(self._shown.items()):
            if not _is_of(name, deeds):
                present = found.entries.get(name) or self._stage.look(name)
                if deed := self._deed(name, shown, present):
                    deeds[name] = deed
        if deeds:
            touched = {name: shown for name, shown in self._shown.items() if _is_of(name, deeds)}
            self._remove_renamed(found, touched)
            self._put_back(touched)
        return [Denial(name, deed) for name, deed in deeds.items()]

    def _remove_renamed(self, found: Listing, touched: Mapping[str, Shown]) -> None:
        """Remove what is a copy of the user's file under another name: it is no news."""
        copies = {shown.copy.inode: shown.copy for shown in touched.values() if shown.copy.is_file}
        for name, seen in found.entries.items():
            before = copies.get(seen.inode)
            if before and name not in self._shown and (seen.size, seen.modified) == (before.size, before.modified):
                self._stage.remove(name)

    def _deed(self, name: str, shown: Shown, present: Seen | None) -> str:
        if present is None:
            return "removed"
        if stat.S_IFMT(present.mode) != stat.S_IFMT(shown.copy.mode):
            return "replaced"
        if present.is_folder:
            return "" if present.mode == shown.copy.mode else "changed"
        if is_settled(present, shown.copy):
            return ""
        if present.mode == shown.copy.mode and self._is_as_it_was(name, shown):
            with suppress(OSError):  # again, for code may still have it open, or mapped
                self._show(name, shown.original, linked=shown.linked, room=SMALL)
            return ""
        return "changed" if present.inode == shown.copy.inode else "replaced"

    def _is_as_it_was(self, name: str, shown: Shown) -> bool:
        with suppress(OSError):
            if shown.copy.is_link:
                leads_to = self._showing.place_of(name) if shown.linked else self._user.read_link(name)
                return self._stage.read_link(name) == leads_to
            with self._user.reading(name) as original, self._stage.reading(name) as copy:
                return same_content(original, copy)
        return False

    def _put_back(self, touched: Mapping[str, Shown]) -> None:
        """Show files and folders again, outer folders first."""
        for name, shown in touched.items():
            self._shown.pop(name)
            present = self._user.look(name)
            if present is not None:
                with suppress(OSError):
                    self._show(name, present, linked=shown.linked, room=SMALL)

    def set_aside(self, name: str) -> str:
        """Return a file of the code's another name, because its own is the user's; return it.

        Raises:
            OSError: It is gone.
        """
        path = PurePosixPath(name)
        for number in range(1_000):
            free = str(path.with_name(f"{path.stem[:MAX_STEM]}-agent{number or ''}{path.suffix[:MAX_STEM]}"))
            if self._stage.look(free) is None and self._user.look(free) is None:
                break
        with self._stage.holding(name) as (folder, base):
            os.rename(base, PurePosixPath(free).name, src_dir_fd=folder, dst_dir_fd=folder)
        return free


def _is_of(name: str, names: Collection[str]) -> bool:
    """Return whether a path is one of some, or is in such a folder."""
    return bool(names) and (name in names or any(str(parent) in names for parent in PurePosixPath(name).parents))
