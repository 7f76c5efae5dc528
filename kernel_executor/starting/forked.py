"""What one root has forked: kernels and checkpoints. Ends some of it when all uses too much. Knows no orders."""

import time
from collections.abc import Callable, Iterator

from kernel_executor.starting.life import KILLED, Life
from kernel_executor.starting.line import Seen

RELIEF = 2.0
"""Seconds that ending a kernel may take to give its memory back; what is too much after that ends the root, too."""


class Forked:
    """The kernels and the checkpoints of one root, by their numbers in there."""

    def __init__(self) -> None:
        self._lives: dict[int, Life] = {}
        self._kept: dict[int, tuple[Seen, Callable[[], None]]] = {}
        self._relieved = 0.0
        """When kernels were ended because all together used too much; 0 if they do not any more."""

    def add(self, life: Life) -> None:
        """Take in a kernel."""
        self._lives[life.inside] = life

    def keep(self, seen: Seen, close: Callable[[], None]) -> None:
        """Take in a checkpoint.

        Args:
            seen: Its process.
            close: Ends it, if nobody has done so when the loop closes.
        """
        self._kept[seen.inside] = (seen, close)

    def let_go(self, inside: int) -> None:
        """Forget a process."""
        self._kept.pop(inside, None)
        self._lives.pop(inside, None)

    def life(self, inside: int) -> Life | None:
        """Return the kernel of a number."""
        return self._lives.get(inside)

    def staying(self) -> list[int]:
        """Return the numbers of the checkpoints, and of the kernels that live and are to live on."""
        return [*self._kept, *(number for number, life in self._lives.items() if not life.is_over)]

    @property
    def is_nothing(self) -> bool:
        """Whether no kernel and no checkpoint is there."""
        return not self.staying()

    def root_ended(self, code: int, cause: str) -> None:
        """Take in that the root has ended, and all kernels with it."""
        for life in tuple(self._lives.values()):
            life.root_ended(code, cause)

    def close(self) -> None:
        """Release what is here of all of it, when nobody else will any more."""
        for _, close in tuple(self._kept.values()):
            close()
        self.root_ended(KILLED, "")
        for life in tuple(self._lives.values()):
            life.close()

    def numbers(self) -> frozenset[int]:
        """Return the numbers, here, of the checkpoints; called in the thread that watches."""
        return frozenset(seen.pid for seen in self._seen())

    def end(self) -> None:
        """End the checkpoints; called in the thread that watches."""
        for seen in self._seen():
            seen.kill()

    def _seen(self) -> Iterator[Seen]:
        return (seen for seen, _ in tuple(self._kept.values()))

    def relieve(self, cause: str) -> bool:
        """End the kernels before the root with its checkpoints; called in the thread that watches."""
        if not cause:
            self._relieved = 0.0
            return True
        if self._relieved:  # what was ended is still giving its memory back, or it was not enough
            return time.monotonic() < self._relieved + RELIEF
        living = [life for life in tuple(self._lives.values()) if not life.is_over]
        if not living:
            return False
        self._relieved = time.monotonic()
        for life in living:
            life.end_for(cause)
        return True
