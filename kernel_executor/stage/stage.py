"""The stage of one executor: made, kept as the user's folder is, looked at after each block, delivered, taken away.

Ties the mirror and the delivery together and keeps their work off the event loop. Knows no kernel and no sandbox.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self, TypeVar

from kernel_executor.errors import KernelStartError
from kernel_executor.events import DeliveredFile, FilesDelivered, HeldFile
from kernel_executor.left_behind import lock, remove_tree
from kernel_executor.stage.delivery import MAX_FILES, Deliverer, held
from kernel_executor.stage.folders import HIDDEN_PREFIX, base_of, make_folder
from kernel_executor.stage.kinds import held_back, never
from kernel_executor.stage.mirror import Denial, Mirror, is_settled, shown_name
from kernel_executor.stage.ownership import Ownership, state_folder
from kernel_executor.stage.trees import FOLDER, Listing, Seen, Tree
from kernel_executor.tasks import uninterrupted
from kernel_executor.types import BlockResult

T = TypeVar("T")

FILES = "files"
"""The folder in ours that the code sees; the lock is beside it, where no code can reach it."""

MAX_LOOKED_AT = 20_000
"""Files of the code's that are looked at after a block: 0.1 s."""

MAX_TOLD = 100
"""Files that stay behind and are listed one by one."""

FEW = 300
"""Entries that are looked at on the loop: a thread costs as much."""

TICK = 0.012
"""Seconds in which two changes of a file may carry the same time, a little more than the slowest kernel's clock."""

NO_FILE = "it is no regular file"

REFUSED = 1  # exit code

REFUSAL = "Refused: {denials} Write results to files of other names."


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands.

    Args:
        work_dir: The user's folder, which the code runs in.
        base: The folder that the stage stands for: `work_dir`, or one in it.
        files: The stage, on this machine.
    """

    work_dir: Path
    base: Path
    files: Path

    @property
    def below(self) -> str:
        """The path from `work_dir` to `base`; empty if they are the same."""
        return "" if self.base == self.work_dir else str(self.base.relative_to(self.work_dir))


class Stage:
    """A private folder that stands in the user's place while code runs. Made by `open`; used by one call at a time.

    Args:
        place: Where it stands.
        user: The user's folder.
        files: The stage itself.
        skipped: Paths in the user's folder that are mounted there, or not shown.
        owned: Our folder that holds the stage, and its lock.
    """

    def __init__(
        self, place: Place, user: Tree, files: Tree, skipped: Collection[str], owned: tuple[Path, IO[bytes]]
    ) -> None:
        self.place = place
        self._user = user
        self._files = files
        self._ownership = Ownership(place.base, state_folder())
        self._mirror = Mirror(user, files, self._ownership, skipped)
        self._folder, self._lock = owned
        self._named: set[str] = set()
        self._told: dict[str, Seen] = {}
        self._held: dict[str, HeldFile] = {}
        self._stop = threading.Event()
        self._size = 0

    @classmethod
    async def open(cls, work_dir: Path, *, skipped: Sequence[Path] = (), parent: Path | None = None) -> Self:
        """Make a stage and show the user's files in it.

        Args:
            work_dir: The user's folder, resolved.
            skipped: What is mounted in the folder, or not to be shown.
            parent: Where the stage lies; None is a place of our own.

        Raises:
            KernelStartError: The folder cannot be read, or no stage can be made.
        """
        try:
            return await uninterrupted(asyncio.to_thread(cls._open, work_dir, skipped, parent))
        except OSError as error:
            raise KernelStartError(
                f"cannot make a place for code to work in beside {str(work_dir)!r}: {error.strerror or error}. "
                "Set TMPDIR or XDG_CACHE_HOME to a folder that can be written to."
            ) from error

    @classmethod
    def _open(cls, work_dir: Path, skipped: Sequence[Path], parent: Path | None) -> Self:
        folder = make_folder(work_dir, parent)
        try:
            owned = folder, lock(folder)
            files = folder / FILES
            files.mkdir(mode=0o700)
            base = base_of(work_dir)
            inside = {str(path.relative_to(base)) for path in skipped if path != base and path.is_relative_to(base)}
            hidden = {entry.name for entry in base.glob(f"{HIDDEN_PREFIX}*")}
            user, stage = Tree(os.open(base, FOLDER)), Tree(os.open(files, FOLDER), ours=True)
            made = cls(Place(work_dir, base, files), user, stage, inside | hidden, owned)
            made._mirror.refresh()
        except BaseException:
            remove_tree(folder)
            raise
        return made

    @property
    def instructions(self) -> str:
        """What a model is to know of it; mostly nothing, for it looks like the user's folder."""
        below = self.place.below
        return (
            f"The current folder can only be read: write files to {below}/, e.g. {below}/result.csv." if below else ""
        )

    def identity(self) -> tuple[Seen, Seen]:
        """Return the user's folder and the stage as their descriptors show them, whatever their names lead to now."""
        return Seen.of(os.fstat(self._user.root)), Seen.of(os.fstat(self._files.root))

    def name_file(self, name: str) -> None:
        """Remember that a block has named a file: it is delivered though it is code, as AutoGen's users expect."""
        self._named.add(name)

    def is_users(self, name: str) -> bool:
        """Say whether a path, relative to the stage, is the user's."""
        return self._mirror.is_users(name)

    async def refresh(self) -> None:
        """Take over what the user has changed in the folder; call before code runs."""
        await self._briefly(self._mirror.refresh)
        if (passed := time.time() - self._mirror.newest / 1e9) < TICK:
            await asyncio.sleep(TICK - max(passed, 0))  # what the code does next carries another time

    async def check(self, result: BlockResult) -> BlockResult:
        """Look at what a block has done to the user's files, and put it back.

        Returns:
            The block's result; one that ended well and did something is `refused`.
        """
        denials = await uninterrupted(self._briefly(self._inspect))
        if not denials:
            return result
        told = tuple(map(str, denials))
        note = " ".join(filter(None, [result.note, REFUSAL.format(denials=" ".join(told))]))
        if result.status != "ok":
            return replace(result, note=note, denials=told)
        return replace(result, status="refused", exit_code=REFUSED, note=note, denials=told)

    def _inspect(self) -> list[Denial]:
        found = self._look()
        denials = self._mirror.inspect(found)
        for name, seen in self._candidates(found).items():
            if not seen.is_folder and self._is_taken(name):
                denials.append(Denial(name, "taken", self._mirror.set_aside(name)))
        return denials

    def _is_taken(self, name: str) -> bool:
        present = self._user.look(name)
        if present is None or present.is_folder:
            return False
        record = self._ownership.of(name)
        return not (record and record.describes(present))

    def _look(self) -> Listing:
        found = self._files.walk(limit=self._mirror.count + MAX_LOOKED_AT)
        self._size = len(found.entries)
        return found

    def _candidates(self, found: Listing) -> dict[str, Seen]:
        """Return what the code has made or changed since it was last delivered."""
        mirror = self._mirror
        return {
            name: seen
            for name, seen in found.entries.items()
            if not (mirror.is_shown(name) or mirror.is_skipped(name))
            and not (name in mirror.own and is_settled(seen, mirror.own[name]))
        }

    async def deliver(self) -> FilesDelivered:
        """Deliver what code has made and what is data by its kind; tell what stays behind, once."""
        if self._is_small and not self._has_news():
            return FilesDelivered()
        return await self._copying(self._deliver)

    def _has_news(self) -> bool:
        found = self._look()
        return bool(self._candidates(found)) or any(name not in found.entries for name in self._mirror.own)

    async def take(self, names: Sequence[str], into: Path | None = None) -> FilesDelivered:
        """Deliver files that stayed behind, because the user asks for them; some are never delivered.

        Args:
            names: As they were told.
            into: Another folder of the user's, which exists.
        """
        return await self._copying(lambda: self._take(names, into))

    async def _copying(self, work: Callable[[], FilesDelivered]) -> FilesDelivered:
        """Copy in a thread; if we are cancelled, a copy that is under way is broken off, and nothing is left of it."""
        self._stop.clear()
        task = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._stop.set()
            await uninterrupted(task)
            raise

    def _deliver(self) -> FilesDelivered:
        found = self._look()
        told = _Told()
        for name in sorted(name for name in self._mirror.own if name not in found.entries):
            if self._files.look(name) is None:
                self._mirror.own.pop(name)
                if self._deliverer.remove(name):
                    told.removed.append(shown_name(name))
        for name, seen in sorted(self._candidates(found).items()):
            if seen.is_folder:
                if name in found.closed:
                    self._hold(held(name, seen, "it holds too much to be looked at"), name, seen, told)
                continue
            reason = NO_FILE if not seen.is_file else held_back(name, self._named)
            if not reason and len(told.delivered) >= MAX_FILES:
                reason = f"more than {MAX_FILES:,} files at once are not delivered"
            if reason:
                self._hold(held(name, seen, reason), name, seen, told)
            else:
                self._deliver_one(name, seen, told)
        if "" in found.closed:
            self._hold(HeldFile(".", 0, f"it holds more than {MAX_LOOKED_AT:,} files"), ".", self.identity()[1], told)
        return told.done()

    def _take(self, names: Sequence[str], into: Path | None) -> FilesDelivered:
        told, known = _Told(), {file.name: name for name, file in self._held.items()}
        with self._delivering(into) as deliverer:
            for shown in names:
                name = known.get(shown, shown)
                seen = self._files.look(name)
                if seen is None or not seen.is_file:
                    told.held.append(HeldFile(shown, 0, "there is no such file" if seen is None else NO_FILE))
                elif reason := never(name):
                    told.held.append(held(name, seen, reason))
                else:
                    told.add(deliverer.deliver(name))
                    if into is None and told.delivered and told.delivered[-1].name == shown:
                        self._mirror.own[name] = seen
                        self._held.pop(name, None)
        return told.done()

    @contextmanager
    def _delivering(self, into: Path | None) -> Iterator[Deliverer]:
        """Deliver into the user's folder, or into another one, which nobody remembers as ours."""
        if into is None:
            yield self._deliverer
            return
        tree = Tree(os.open(into, FOLDER))
        try:
            yield Deliverer(tree, self._files, Ownership(into, None), self._stop)
        finally:
            os.close(tree.root)

    def _deliver_one(self, name: str, seen: Seen, told: "_Told") -> None:
        outcome = self._deliverer.deliver(name)
        if isinstance(outcome, HeldFile):
            self._hold(outcome, name, seen, told)
        else:
            told.delivered.append(outcome)
            self._mirror.own[name] = seen
            self._held.pop(name, None)

    def _hold(self, file: HeldFile, name: str, seen: Seen, told: "_Told") -> None:
        self._held[name] = file
        if name not in self._told or not is_settled(seen, self._told[name]):
            self._told[name] = seen
            told.held.append(file)

    @property
    def _deliverer(self) -> Deliverer:
        return Deliverer(self._user, self._files, self._ownership, self._stop)

    @property
    def held(self) -> tuple[HeldFile, ...]:
        """What stayed behind and is still there."""
        return tuple(file for name, file in self._held.items() if self._files.look(name) is not None)

    @property
    def _is_small(self) -> bool:
        return self._size + self._mirror.count <= FEW

    async def _briefly(self, work: Callable[[], T]) -> T:
        """Do work on the loop if it is next to nothing, else in a thread."""
        return work() if self._is_small else await asyncio.to_thread(work)

    def close(self) -> None:
        """Take the stage away with all that stayed in it; may be called twice."""
        if self._lock.closed:
            return
        self._stop.set()
        remove_tree(self._folder)
        self._lock.close()
        for tree in (self._user, self._files):
            os.close(tree.root)


async def checked(stage: Stage | None, result: BlockResult) -> BlockResult:
    """Return a block's result after a look at what it did to the user's files; without a stage nobody can tell."""
    return await stage.check(result) if stage else result


class _Told:
    """What is going to be told, while it is collected."""

    def __init__(self) -> None:
        self.delivered: list[DeliveredFile] = []
        self.removed: list[str] = []
        self.held: list[HeldFile] = []

    def add(self, outcome: DeliveredFile | HeldFile) -> None:
        """Take in what became of one file."""
        if isinstance(outcome, HeldFile):
            self.held.append(outcome)
        else:
            self.delivered.append(outcome)

    def done(self) -> FilesDelivered:
        more = max(0, len(self.held) - MAX_TOLD)
        return FilesDelivered(tuple(self.delivered), tuple(self.removed), tuple(self.held[:MAX_TOLD]), more)
