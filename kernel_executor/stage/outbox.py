"""Which files of the stage are delivered at the end of a call, which stay behind, and what was told of them already."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from kernel_executor.events import DeliveredFile, FilesDelivered, HeldFile
from kernel_executor.stage.delivery import MAX_FILES, Deliverer, held
from kernel_executor.stage.kinds import held_back, never
from kernel_executor.stage.mirror import Mirror, is_settled, shown_name
from kernel_executor.stage.ownership import Ownership
from kernel_executor.stage.trees import FOLDER, Listing, Seen, Tree

MAX_LOOKED_AT = 20_000
"""Files of the code's that are looked at after a block: 0.1 s."""

MAX_TOLD = 100
"""Files that stay behind and are listed one by one."""

NO_FILE = "it is no regular file"
FAILED = "the attempt that made it failed"


class Outbox:
    """Delivers what is new, call after call.

    Args:
        user: The user's folder.
        files: The stage.
        mirror: Tells the user's files from the code's; learns which of these are in the user's folder.
        ownership: Records what was delivered.
    """

    def __init__(self, user: Tree, files: Tree, mirror: Mirror, ownership: Ownership) -> None:
        self._user = user
        self._files = files
        self._mirror = mirror
        self._ownership = ownership
        self._named: set[str] = set()
        self._known: dict[str, Seen] = {}
        self._held: dict[str, HeldFile] = {}
        self._failed: dict[str, Seen] = {}
        self.stop = Event()
        """Ends the copying of a large file when it is set."""

    def name_file(self, name: str) -> None:
        """Remember that a block has named a file: it is delivered though it is code, as AutoGen's users expect."""
        self._named.add(name)

    @property
    def held(self) -> tuple[HeldFile, ...]:
        """What stayed behind and is still there."""
        return tuple(file for name, file in self._held.items() if self._files.look(name) is not None)

    def candidates(self, found: Listing) -> dict[str, Seen]:
        """Return what the code has made or changed since it was last delivered."""
        mirror = self._mirror
        return {
            name: seen
            for name, seen in found.entries.items()
            if not (mirror.is_shown(name) or mirror.is_mounted(name))
            and not (name in mirror.own and is_settled(seen, mirror.own[name]))
            and not (name in self._failed and is_settled(seen, self._failed[name]))
        }

    def has_news(self, found: Listing) -> bool:
        """Say whether there may be something to deliver or to remove."""
        return bool(self.candidates(found)) or any(name not in found.entries for name in self._mirror.own)

    def hold_back(self, found: Listing) -> FilesDelivered:
        """Deliver nothing of an attempt that failed, and undo what it did to the agent's own; tell what it made."""
        told = _Told()
        candidates = self.candidates(found)
        own = [name for name in self._mirror.own if name in candidates or name not in found.entries]
        self._mirror.put_back_own(own)
        for name, seen in sorted(candidates.items()):
            if name not in own and not seen.is_folder:
                self._failed[name] = seen
                self._hold(held(name, seen, FAILED), name, seen, told)
        return told.done()

    def deliver(self, found: Listing) -> FilesDelivered:
        """Deliver what is data by its kind; tell what stays behind, once."""
        told = _Told()
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
        return f"more than {MAX_FILES:,} files at once are not delivered" if delivered >= MAX_FILES else ""

    def _remove(self, found: Listing, told: "_Told") -> None:
        """Remove from the user's folder what the code has removed of its own."""
        for name in sorted(name for name in self._mirror.own if name not in found.entries):
            if self._files.look(name) is None:
                self._mirror.own.pop(name)
                if self._deliverer.remove(name):
                    told.removed.append(shown_name(name))

    def take(self, names: Sequence[str], into: Path | None) -> FilesDelivered:
        """Deliver files that stayed behind, because the user asks for them.

        Args:
            names: As they were told.
            into: Another folder of the user's.
        """
        told, known = _Told(), {file.name: name for name, file in self._held.items()}
        with self._delivering(into) as deliverer:
            for shown in names:
                name = known.get(shown, shown)
                seen = self._files.look(name)
                if seen is None or not seen.is_file:
                    told.held.append(HeldFile(shown, 0, "there is no such file" if seen is None else NO_FILE))
                elif reason := never(name):
                    told.held.append(held(name, seen, reason))
                elif told.add(deliverer.deliver(name)) and into is None:
                    self._note_delivered(name, seen)
        return told.done()

    @contextmanager
    def _delivering(self, into: Path | None) -> Iterator[Deliverer]:
        """Deliver into the user's folder, or into another one, where nothing is remembered as ours."""
        if into is None:
            yield self._deliverer
            return
        tree = Tree(os.open(into, FOLDER))
        try:
            yield Deliverer(tree, self._files, Ownership(into, None), self.stop)
        finally:
            os.close(tree.root)

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
