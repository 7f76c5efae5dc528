"""What made the state of a kernel: the calls that ended well, and what others left behind. Knows no kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from kernel_executor.kernels.code_facts import adds_to_files, names_made
from kernel_executor.kernels.repeatable import CALLED, comes_out_the_same
from kernel_executor.types import BlockResult, CodeBlock

REPLAY_LIMIT = 10.0
"""Seconds that code took which is run again to take back what failed: a person waits for it, and it may be wanted after
every attempt."""

REPLAY_SLACK = 5.0
"""Seconds more than twice as long as it took: the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A block of a good call.

    Args:
        result: How it ended.
        adds: Whether it adds to files.
        repeats: Whether it comes to the same end when it runs again.
    """

    result: BlockResult
    adds: bool
    repeats: bool

    @classmethod
    def of(cls, result: BlockResult, *, is_python: bool) -> Self:
        """Read what there is to know of a block; `is_python` if names of Python's own mean what they say."""
        return cls(result, adds_to_files(result.block), is_python and comes_out_the_same(result.block))


Past = tuple[Ran, ...]
"""What had made a state."""


class History:
    """The code that ran in a kernel since its state began, told block by block and call by call.

    A position in it is the number of blocks of good calls before.
    """

    def __init__(self) -> None:
        self._good: list[Ran] = []
        self._call: list[BlockResult] = []
        self._left: set[str] = set()
        self._failed_again = ""
        self._is_python = True
        self.is_spoilt = False
        self.is_back = False
        """Whether the state of before the last call came back by itself."""

    @property
    def position(self) -> int:
        """The position of now."""
        return len(self._good)

    @property
    def past(self) -> Past:
        """What has made the state of now, as far as it is known."""
        return tuple(self._good)

    @property
    def is_untouched(self) -> bool:
        """Whether no call has left anything."""
        return not (self._good or self.is_spoilt or self._left)

    def good(self, since: int) -> Sequence[CodeBlock]:
        """Return the blocks of all calls that ended well, from a position on."""
        return tuple(ran.result.block for ran in self._good[since:])

    def seconds(self, since: int) -> float:
        """Return how long these took."""
        return sum(ran.result.duration for ran in self._good[since:])

    def replay_timeout(self, since: int) -> float:
        """Return the seconds they may take when they are run again."""
        return 2 * self.seconds(since) + REPLAY_SLACK

    @property
    def left(self) -> frozenset[str]:
        """Names that calls which did not end well have made or changed, and no later one that did."""
        return frozenset(self._left)

    def why_no_replay(self, since: int) -> str:
        """Return why the good calls from a position on are not run again; empty if they may be."""
        if self._failed_again and since < self.position:
            return self._failed_again
        if (seconds := self.seconds(since)) > REPLAY_LIMIT:
            return f"the code before it took {seconds:.0f} s; up to {REPLAY_LIMIT:.0f} s of it are run again"
        is_adding = any(ran.adds for ran in self._good[since:])
        return "the code before it adds to files and would do so twice" if is_adding else ""

    def repeating(self, since: int) -> int:
        """Return how many blocks from a position on come to the same end when they run again, one after another."""
        return sum(1 for _ in takewhile(lambda ran: ran.repeats, self._good[since:]))

    def repeats(self, since: int) -> bool:
        """Return whether all do."""
        return self.repeating(since) == self.position - since

    def add(self, result: BlockResult) -> None:
        """Take in how a block of the call ended."""
        self._call.append(result)

    def begin_call(self) -> None:
        """Take in that a call begins."""
        self.is_back = False

    def end_call(self, *, well: bool) -> None:
        """Take in how the call ended as a whole: a block that ran well in one that did not is not good."""
        call, self._call = self._call, []
        if self.is_back:
            return
        names = frozenset[str]().union(*(names_made(result.block) for result in call))
        self._is_python = self._is_python and not names & CALLED
        if well:
            self._good += (Ran.of(result, is_python=self._is_python) for result in call)
            self._left -= names
        else:
            self._left |= names
        if call:  # nothing that ran spoils nothing
            self.is_spoilt = not well

    def came_back(self) -> None:
        """Note that the state of before the call came back, and that the call is to end."""
        self.rolled_back()
        self.is_back = True

    def dropped_call(self) -> None:
        """Note that the state of before the call came back, and that the call goes on, or has not begun."""
        self.rolled_back()
        self._call.clear()

    def rolled_back(self) -> None:
        """Note that the state is that of the good calls, and of no other."""
        self._left.clear()
        self.is_spoilt = False

    def went_on(self) -> None:
        """Note that what the last call left is the state that later calls begin with, whether it ended well or not."""
        self.is_spoilt = False

    def became(self, past: Past) -> None:
        """Note that the state is another one, perhaps one of later calls that were taken back meanwhile."""
        self._good = list(past)
        self.rolled_back()

    def not_rolled_back(self, reason: str, *, lost: bool) -> None:
        """Note that it is not, and why; the good calls will not get better by trying again.

        Args:
            reason: Why.
            lost: Whether all variables are gone, those of failed calls, too.
        """
        self._failed_again = reason
        self.is_spoilt = False
        if lost:
            self._left.clear()
