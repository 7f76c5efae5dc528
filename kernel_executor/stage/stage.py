"""The stage of one executor: made, kept as the user's folder is, looked at after each block, delivered, taken away.

Ties the mirror and the delivery together and keeps their work off the event loop. Knows no kernel and no sandbox.
"""

import asyncio
import errno
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from kernel_executor.aio.tasks import begun_in_thread, in_thread, uninterrupted
from kernel_executor.errors import KernelStartError
from kernel_executor.events import FilesDelivered, HeldFile
from kernel_executor.folders.left_behind import LOCK, Lock, lock, remove_tree
from kernel_executor.folders.trees import FOLDER, Listing, Seen, Tree
from kernel_executor.outputs.fold import as_text
from kernel_executor.stage.denials import Denial, with_denials
from kernel_executor.stage.folders import HIDDEN_PREFIX, base_of, link_all, make_folder
from kernel_executor.stage.lending import Lending
from kernel_executor.stage.mirror import Mirror
from kernel_executor.stage.options import USUAL, StageOptions
from kernel_executor.stage.outbox import MAX_LOOKED_AT, Outbox
from kernel_executor.stage.ownership import Ownership, state_folder
from kernel_executor.stage.place import Place
from kernel_executor.types import BlockResult

T = TypeVar("T")

FILES, ASIDE = "files", "aside"
"""The folder in ours that the code sees; the lock is beside it, where no code can reach it."""

FEW, LITTLE = 300, 1 << 20
"""Entries, and bytes, that are looked at on the loop: a thread costs as much."""

TICK = 0.012
"""Seconds in which two changes of a file may carry the same time, a little more than the slowest kernel's clock."""


class Stage:
    """A private folder that stands in the user's place while code runs. Made by `open`; used by one call at a time.

    Args:
        place: Where it stands.
        user: The user's folder.
        files: The stage itself.
        aside: What failed attempts have made, beside it.
        owned: Our folder that holds the stage, and its lock.
        options: What it shows and delivers.
    """

    def __init__(
        self,
        place: Place,
        user: Tree,
        files: Tree,
        aside: Tree,
        *,
        owned: tuple[Path, Lock],
        options: StageOptions,
    ) -> None:
        self._user = user
        self._files = files
        self._ownership = Ownership(place.base, state_folder())
        self._mirror = Mirror(
            user,
            files,
            self._ownership,
            original=place.original,
            mounted=_names_in(place.base, options.mounted),
            hidden=_names_in(place.base, [*options.hidden, *place.base.glob(f"{HIDDEN_PREFIX}*")]),
            absent=_names_in(place.base, options.absent),
            is_mounted=place.is_mounted,
        )
        self._delivers = options.delivers
        self._folder, self._lock = owned
        # For who forgets `stop`, or whose loop is closed before.
        self._take_away = weakref.finalize(self, _take_away, *owned, user, files, aside)
        self.outbox = Outbox(user, files, aside, self._mirror, self._ownership)
        self.lending = Lending(self._mirror, self.outbox)
        self._aside = aside
        self._copy: asyncio.Future[FilesDelivered] | None = None
        self._mirror.begin()
        self.place = replace(place, read_only=self._mirror.read_only)
        self._size = 0
        self._found: Listing | None = None  # by the last look, as long as nothing has run since
        self._busy = threading.Lock()

    @classmethod
    async def open(cls, work_dir: Path, options: StageOptions = USUAL, *, parent: Path | None = None) -> Self:
        """Make a stage and show the user's files in it.

        Args:
            work_dir: The user's folder, resolved.
            options: What it shows and delivers.
            parent: Where the stage lies; None is a place of our own.

        Raises:
            KernelStartError: The folder cannot be read, or no stage can be made.
        """
        try:
            return await in_thread(partial(cls._open, work_dir, options, parent))
        except OSError as error:
            raise KernelStartError(
                f"cannot make a place for code to work in beside {str(work_dir)!r}: {error.strerror or error}. "
                "Set TMPDIR or XDG_CACHE_HOME to a folder that can be written to."
            ) from error

    @classmethod
    def _open(cls, work_dir: Path, options: StageOptions, parent: Path | None) -> Self:
        base, is_mounted = base_of(work_dir), options.is_mounted
        folder = make_folder(work_dir, parent)
        with ExitStack() as undo:
            undo.callback(remove_tree, folder)
            lock_file = undo.enter_context(closing(lock(folder)))
            files, aside = folder / FILES, folder / ASIDE
            place = Place(work_dir, base, files, is_mounted)
            for made in (files, aside, *((place.packages,) if is_mounted else (Path(place.home), place.temporary))):
                made.mkdir(mode=0o700, parents=True)
            if place.below and not is_mounted:
                link_all(work_dir, place.view, {base.name: files})
            user, *ours = (os.open(path, FOLDER) for path in (base, files, aside))
            undo.pop_all()  # from here on the stage itself takes all of it away
        return cls(
            place,
            Tree(user),
            *(Tree(descriptor, ours=True) for descriptor in ours),
            owned=(folder, lock_file),
            options=options,
        )

    @property
    def roots(self) -> tuple[int, int]:
        """The descriptors of the user's folder and of the stage."""
        return self._user.root, self._files.root

    @property
    def given(self) -> int:
        """Bytes of the user's files that are copied into it."""
        return self._mirror.volume

    def identity(self) -> tuple[Seen, Seen]:
        """Return the user's folder and the stage as their descriptors show them, whatever their names lead to now."""
        return Seen.of(os.fstat(self._user.root)), Seen.of(os.fstat(self._files.root))

    def is_users(self, name: str) -> bool:
        """Return whether a path, relative to the stage, is the user's."""
        return self._mirror.is_users(name)

    async def refresh(self) -> None:
        """Take over what the user has changed in the folder; call before code runs.

        Raises:
            KernelStartError: The folder was removed, and cannot be made again.
        """
        self._make_again()
        self._found = None
        await self._briefly(self._mirror.refresh)
        if (passed := time.time() - self._mirror.newest / 1e9) < TICK:
            await asyncio.sleep(TICK - max(passed, 0))  # what the code does next carries another time

    def _make_again(self) -> None:
        """Make the user's folder again if it was removed, as it is made at the start if it is not there."""
        if os.fstat(self._user.root).st_nlink:
            return
        try:
            self.place.base.mkdir(parents=True, exist_ok=True)
            made = os.open(self.place.base, FOLDER)
        except OSError as error:
            raise KernelStartError(
                f"the folder {str(self.place.base)!r} was removed and cannot be made again: {error.strerror or error}"
            ) from error
        os.dup2(made, self._user.root, inheritable=False)
        os.close(made)

    async def check(self, result: BlockResult) -> BlockResult:
        """Look at what a block has done to the user's files, put it back, and return its result with that."""
        # Not as a task where it is next to nothing: that took as long as the look.
        denials = self._inspect() if self._is_small else await in_thread(self._inspect)
        unchanged = tuple(each.name for each in denials if each.may_be_allowed and self._mirror.can_be_lent(each.name))
        return with_denials(result, [*map(str, denials), *self._swallowed(result)], unchanged)

    def _swallowed(self, result: BlockResult) -> list[str]:
        """Return what a block that ended well has said of a change that failed, and that would not fail elsewhere."""
        read_only = self.place.below or self._mirror.has_read_only or not self.place.is_mounted
        if result.status != "ok" or not read_only:
            return []
        said = as_text(result.outputs)
        if self.place.is_mounted:
            went_on = os.strerror(errno.EROFS) in said
        else:  # an error like many others: it is of the user's files if one of these is named
            refused = [line for line in said.splitlines() if os.strerror(errno.EACCES) in line]
            went_on = any(self._mirror.names_linked(line, str(self.place.base)) for line in refused)
        return ["A file that can only be read here was to be changed, and the block went on."] if went_on else []

    async def put_back(self) -> None:
        """Undo what code that was run again has done to files, the agent's own too."""
        await in_thread(self._put_back_all)

    def _put_back_all(self) -> None:
        self._mirror.inspect(self._look())
        self.outbox.put_back_own(self._look())

    def _inspect(self) -> list[Denial]:
        with self._busy:  # the executor may be stopped under a block that runs
            return self._inspected() if self._take_away.alive else []

    def _inspected(self) -> list[Denial]:
        found = self._found = self._look()
        denials = self._mirror.inspect(found)
        for name, seen in self.outbox.candidates(found).items():
            if self._is_taken(name, seen):
                with suppress(OSError):  # it is gone again
                    denials.append(Denial(name, "taken", self._mirror.set_aside(name)))
        if denials:
            self._found = None  # something was put back or has another name now
        return denials

    def _is_taken(self, name: str, seen: Seen) -> bool:
        """Return whether a file of the code's has a name of the user's; two folders of one name are one."""
        present = None if self._mirror.is_absent(name) else self._user.look(name)
        if present is None or (present.is_folder and seen.is_folder):
            return False
        if not self._is_own(name, present):
            self._ownership.refresh()  # another session may have delivered it just now
        return not self._is_own(name, present)

    def _is_own(self, name: str, present: Seen) -> bool:
        record = self._ownership.of(name)
        return record is not None and record.describes(present)

    def _look(self) -> Listing:
        found = self._files.walk(limit=self._mirror.count + MAX_LOOKED_AT, enters=self._mirror.is_open)
        self._size = len(found.entries)
        return found

    async def deliver(self) -> FilesDelivered:
        """Deliver what code has made and what is data by its kind; tell what stays behind, once."""
        if not self._delivers:
            return FilesDelivered()
        found = await self._latest_look()
        if not self.outbox.has_news(found):
            return FilesDelivered()
        return await self._copying(partial(self.outbox.deliver, found))

    async def _latest_look(self) -> Listing:
        """Look at what is in the stage, unless that was done when the last block had ended."""
        found, self._found = self._found, None
        return await self._briefly(self._look) if found is None else found

    async def hold_back(self) -> FilesDelivered:
        """Deliver nothing of what was made since the last delivery, for it failed; tell what there is."""
        if not self._delivers:
            return FilesDelivered()
        found = await self._latest_look()
        return self.outbox.hold_back(found) if self.outbox.has_news(found) else FilesDelivered()

    async def keep_back(self) -> None:
        """Deliver nothing of what was made since the last delivery, now or later, and put other files back."""
        if self._delivers:
            await in_thread(self._keep_back)

    def _keep_back(self) -> None:
        self._mirror.inspect(self._look())
        self.outbox.keep_back(self._look())

    async def take(self, names: Sequence[str], into: Path | None = None) -> FilesDelivered:
        """Deliver files that stayed behind, because the user asks for them; some are never delivered.

        Args:
            names: As they were told.
            into: Another folder of the user's, which exists.
        """
        if not self._delivers:
            return FilesDelivered()
        return await self._copying(partial(self.outbox.take, names, into))

    async def _copying(self, work: Callable[[], FilesDelivered]) -> FilesDelivered:
        """Copy in a thread; if we are cancelled, a copy that is under way is broken off, and nothing is left of it."""
        self.outbox.stop.clear()
        self._copy = task = begun_in_thread(work)  # no task: see `in_thread`
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.outbox.stop.set()
            await uninterrupted(task)
            raise

    @property
    def held(self) -> tuple[HeldFile, ...]:
        """What stayed behind and is still there."""
        return self.outbox.held

    @property
    def _is_small(self) -> bool:
        return self._size + self._mirror.count <= FEW and self._mirror.volume <= LITTLE

    async def _briefly(self, work: Callable[[], T]) -> T:
        """Do work on the loop if it is next to nothing, else in a thread."""
        return work() if self._is_small else await asyncio.to_thread(work)

    async def aclose(self) -> None:
        """Take the stage away once a copy that is under way is done; 100,000 files take a second."""
        if self._copy:
            await asyncio.wait({self._copy})
        await in_thread(self.close)

    def close(self) -> None:
        """Take the stage away with all that stayed in it; may be called twice."""
        self.outbox.stop.set()
        with self._busy:
            self._take_away()

    def leave(self) -> None:
        """Close it and leave what is in it: a container that runs on has it mounted."""
        (self._folder / LOCK).unlink(missing_ok=True)  # or the next executor sweeps it
        self._take_away.detach()
        _let_go(self._lock, self._user, self._files, self._aside)


def _names_in(folder: Path, paths: Sequence[Path]) -> set[str]:
    return {str(path.relative_to(folder)) for path in paths if path != folder and path.is_relative_to(folder)}


def _take_away(folder: Path, lock_file: Lock, *trees: Tree) -> None:
    remove_tree(folder)
    _let_go(lock_file, *trees)


def _let_go(lock_file: Lock, *trees: Tree) -> None:
    lock_file.close()
    for tree in trees:
        os.close(tree.root)


def shown_by(stage: Stage | None) -> Callable[[str], str] | None:
    """Return what gives texts as people and models are to read them; None if they are so already."""
    return stage.place.shown if stage and not stage.place.is_mounted else None


async def checked(stage: Stage | None, result: BlockResult) -> BlockResult:
    """Return a block's result after a look at what it did to the user's files; without a stage nobody can tell."""
    return await stage.check(result) if stage else result
