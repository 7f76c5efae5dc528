"""What made the state of a kernel: the calls that ended well, and what others left behind. Knows no kernel."""

from collections.abc import Sequence

from kernel_executor.kernels.code_facts import adds_to_files, names_made
from kernel_executor.types import BlockResult, CodeBlock

REPLAY_LIMIT = 10.0
"""Seconds that code took which is run again to take back what failed: a person waits for it, and it may be wanted after
every attempt."""

REPLAY_SLACK = 5.0
"""Seconds more than twice as long as it took: the machine may be busy."""


class History:
    """The code that ran in a kernel since its state began, told block by block and call by call."""

    def __init__(self) -> None:
        self._good: list[BlockResult] = []
        self._call: list[BlockResult] = []
        self._left: set[str] = set()
        self._adds_to_files = False
        self._failed_again = ""
        self.is_spoilt = False

    @property
    def good(self) -> Sequence[CodeBlock]:
        """The blocks of all calls that ended well, in order."""
        return tuple(result.block for result in self._good)

    @property
    def seconds(self) -> float:
        """How long these took."""
        return sum(result.duration for result in self._good)

    @property
    def replay_timeout(self) -> float:
        """Seconds they may take when they are run again."""
        return 2 * self.seconds + REPLAY_SLACK

    @property
    def left(self) -> frozenset[str]:
        """Names that calls which did not end well have made or changed, and no later one that did."""
        return frozenset(self._left)

    @property
    def why_no_replay(self) -> str:
        """Why the good calls are not run again; empty if they may be."""
        if self._failed_again:
            return self._failed_again
        if self.seconds > REPLAY_LIMIT:
            return f"the code before it took {self.seconds:.0f} s; up to {REPLAY_LIMIT:.0f} s of it are run again"
        return "the code before it adds to files and would do so twice" if self._adds_to_files else ""

    def add(self, result: BlockResult) -> None:
        """Take in how a block of the call ended."""
        self._call.append(result)

    def end_call(self, *, well: bool) -> None:
        """Take in how the call ended as a whole: a block that ran well in one that did not is not good."""
        call, self._call = self._call, []
        names = frozenset[str]().union(*(names_made(result.block) for result in call))
        if well:
            self._good += call
            self._left -= names
            self._adds_to_files = self._adds_to_files or any(adds_to_files(result.block) for result in call)
        else:
            self._left |= names
        if call:  # nothing that ran spoils nothing
            self.is_spoilt = not well

    def rolled_back(self) -> None:
        """Note that the state is that of the good calls, and of no other."""
        self._left.clear()
        self.is_spoilt = False

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
