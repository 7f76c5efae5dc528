"""Which files of the stage are delivered at the end of a call, which stay behind, and what was told of them already."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from threading import Event

from kernel_executor.events import DeliveredFile, FilesDelivered, HeldFile
from kernel_executor.folders.trees import FOLDER, Listing, Seen, Tree
from kernel_executor.stage.delivery import MAX_FILES, Deliverer, held
from kernel_executor.stage.denials import shown_name
from kernel_executor.stage.kinds import held_back, never
from kernel_executor.stage.mirror import Mirror
from kernel_executor.stage.ownership import Ownership
from kernel_executor.stage.showing import is_settled

MAX_LOOKED_AT = 20_000
"""Files of the code's that are looked at after a block: 0.1 s."""

MAX_TOLD = 100
"""Files that stay behind and are listed one by one."""

NO_FILE = "it is no regular file"
HIDES = "it would be imported in place of a module of yours"
FAILED = "the attempt that made it failed"
EARLIER = "an earlier session made it, and its code ran again"


class Outbox:
    """Delivers what is new, call after call.

    Args:
        user: The user's folder.
        files: The stage.
        aside: A folder beside it, for what failed attempts have made.
        mirror: Tells the user's files from the code's; learns which of these are in the user's folder.
        ownership: Records what was delivered.
    """

    def __init__(self, user: Tree, files: Tree, aside: Tree, mirror: Mirror, ownership: Ownership) -> None:
        self._user = user
        self._files = files
        self._aside = aside
        self._mirror = mirror
        self._ownership = ownership
        self._named: set[str] = set()
        self._known: dict[str, Seen] = {}
        self._held: dict[str, HeldFile] = {}
        self._earlier: dict[str, Seen] = {}
        self.stop = Event()
        """Ends the copying of a large file when it is set."""

    def name_file(self, name: str) -> None:
        """Remember that a block has named a file: it is delivered though it is code, as AutoGen's users expect."""
        self._named.add(name)

    @property
    def held(self) -> tuple[HeldFile, ...]:
        """What stayed behind and is still there."""
        return tuple(file for name, file in self._held.items() if self._tree_of(name).look(name) is not None)

    def _tree_of(self, name: str) -> Tree:
        """Return where a file that stayed behind is: an attempt that failed has nothing where the next one works."""
        return self._files if self._files.look(name) is not None else self._aside

    def candidates(self, found: Listing) -> dict[str, Seen]:
        """Return what the code has made or changed since it was last delivered."""
        mirror = self._mirror
        return {
            name: seen
            for name, seen in found.entries.items()
            if not (mirror.is_shown(name) or mirror.is_mounted(name))
            and not any(name in old and is_settled(seen, old[name]) for old in (mirror.own, self._earlier))
        }

    def has_news(self, found: Listing) -> bool:
        """Return whether there may be something to deliver or to remove."""
        is_new = "" in found.closed or bool(self.candidates(found))
        return is_new or any(name not in found.entries for name in self._mirror.own)

    def hold_back(self, found: Listing) -> FilesDelivered:
        """Deliver nothing of an attempt that failed, and undo what it did to the agent's own; tell what it made.

        The files are put aside: if the next attempt read them, what it leaves would not run again by itself.
        """
        told = _Told()
        candidates = {name: seen for name, seen in self.candidates(found).items() if name not in self._known}
        self.put_back_own(found)
        for name, seen in sorted(candidates.items()):
            if name not in self._mirror.own and not seen.is_folder and self._put_aside(name):
                self._hold(held(name, seen, FAILED), name, seen, told)
        for name in reversed([name for name, seen in candidates.items() if seen.is_folder]):
            self._files.remove_empty(name)
        return told.done()

    def _put_aside(self, name: str) -> bool:
        with suppress(OSError):
            self._aside.remove(name)
            with self._files.holding(name) as (source, base), self._aside.holding(name, make=True) as (target, _):
                os.rename(base, base, src_dir_fd=source, dst_dir_fd=target)
            return True
        return False

    def keep_back(self, found: Listing) -> None:
        """Undo what code that ran again did to the agent's own, and deliver nothing of what else it made.

        What of that is not in the user's folder was removed there, or was never to be delivered by itself.
        """
        self.put_back_own(found)
        for name, seen in self.candidates(found).items():
            if name not in self._mirror.own:
                self._earlier[name] = seen
                if not seen.is_folder:
                    self._held[name] = held(name, seen, EARLIER)

    def put_back_own(self, found: Listing) -> None:
        """Undo what code did to files of the agent's since they were delivered."""
        candidates = self.candidates(found)
        own = [name for name in self._mirror.own if name in candidates or name not in found.entries]
        self._mirror.put_back_own(own)

    def deliver(self, found: Listing) -> FilesDelivered:
        """Deliver what is data by its kind; tell what stays behind, once."""
        told = _Told()
        with self._ownership.together():
            self._remove(found, told)
            for name, seen in sorted(self.candidates(found).items()):
                reason = self._why_not(name, seen, found, len(told.delivered))
                if reason:
                    self._hold(held(name, seen, reason), name, seen, told)
                elif not seen.is_folder:
                    self._deliver_one(name, seen, told)
        if "" in found.closed:
            root = Seen.of(os.fstat(self._files.root))
            self._hold(HeldFile(".", 0, f"it holds more than {MAX_LOOKED_AT:,} files"), ".", root, told)
        return told.done()

    def _why_not(self, name: str, seen: Seen, found: Listing, delivered: int) -> str:
        if seen.is_folder:
            return "it holds too much to be looked at" if name in found.closed else ""
        if not seen.is_file:
            return NO_FILE
        if reason := held_back(name, self._named):
            return reason
        if name in self._named and self._hides_a_module(name):
            return HIDES
        return f"more than {MAX_FILES:,} files at once are not delivered" if delivered >= MAX_FILES else ""

    def _hides_a_module(self, name: str) -> bool:
        """Return whether a package would be imported in the place of a module of the user's."""
        first, *inner = PurePosixPath(name).parts
        return bool(inner) and self._mirror.is_users(f"{first}.py")

    def _remove(self, found: Listing, told: "_Told") -> None:
        """Remove from the user's folder what the code has removed of its own."""
        for name in sorted(name for name in self._mirror.own if name not in found.entries):
            if self._files.look(name) is None:
                self._mirror.own.pop(name)
                if not self._ownership.is_lent(name) and self._deliverer.remove(name):
                    told.removed.append(shown_name(name))

    def take(self, names: Sequence[str], into: Path | None) -> FilesDelivered:
        """Deliver files that stayed behind, because the user asks for them.

        Args:
            names: As they were told.
            into: Another folder of the user's.
        """
        told, known = _Told(), {file.name: name for name, file in self._held.items()}
        with _opened(into) as other:
            for shown in names:
                self._take_one(known.get(shown, shown), other, told)
        return told.done()

    def _take_one(self, name: str, other: tuple[Tree, Ownership] | None, told: "_Told") -> None:
        source = self._tree_of(name)
        seen = source.look(name) if _is_inside(name) else None
        if seen is None or not seen.is_file:
            told.held.append(HeldFile(shown_name(name), 0, "there is no such file" if seen is None else NO_FILE))
        elif reason := never(name):
            told.held.append(held(name, seen, reason))
        else:
            user, ownership = other or (self._user, self._ownership)
            if told.add(Deliverer(user, source, ownership, self.stop).deliver(name)) and other is None:
                self._held.pop(name, None)
                if source is self._files:
                    self._mirror.own[name] = seen

    def _deliver_one(self, name: str, seen: Seen, told: "_Told") -> None:
        if self._deliverer.is_delivered(name):
            self._mirror.own[name] = seen
            return
        outcome = self._deliverer.deliver(name)
        if isinstance(outcome, HeldFile):
            self._hold(outcome, name, seen, told)
        elif told.add(outcome):
            self._note_delivered(name, seen)

    def _note_delivered(self, name: str, seen: Seen) -> None:
        self._mirror.own[name] = seen
        self._held.pop(name, None)

    def _hold(self, file: HeldFile, name: str, seen: Seen, told: "_Told") -> None:
        self._held[name] = file
        if name not in self._known or not is_settled(seen, self._known[name]):
            self._known[name] = seen
            told.add(file)

    @property
    def _deliverer(self) -> Deliverer:
        return Deliverer(self._user, self._files, self._ownership, self.stop)


@contextmanager
def _opened(into: Path | None) -> Iterator[tuple[Tree, Ownership] | None]:
    """Open another folder than the user's work folder, where nothing is remembered as ours."""
    if into is None:
        yield None
        return
    tree = Tree(os.open(into, FOLDER & ~os.O_NOFOLLOW))
    try:
        yield tree, Ownership(into, None)
    finally:
        os.close(tree.root)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return "\0" not in name and not path.is_absolute() and ".." not in path.parts


class _Told:
    """What is going to be told, while it is collected."""

    def __init__(self) -> None:
        self.delivered: list[DeliveredFile] = []
        self.removed: list[str] = []
        self.held: list[HeldFile] = []

    def add(self, outcome: DeliveredFile | HeldFile) -> bool:
        """Take in what became of one file; return whether it was delivered."""
        if isinstance(outcome, HeldFile):
            self.held.append(outcome)
            return False
        self.delivered.append(outcome)
        return True

    def done(self) -> FilesDelivered:
        """Return all of it, as far as it is listed."""
        more = max(0, len(self.held) - MAX_TOLD)
        return FilesDelivered(tuple(self.delivered), tuple(self.removed), tuple(self.held[:MAX_TOLD]), more)
