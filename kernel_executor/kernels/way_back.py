"""How the state of a kernel that has died comes back, in values and in words. Brings nothing back."""

from dataclasses import dataclass

from kernel_executor.kernels.marks import Mark

STATE_RESTORED = "its variables are back as they were before this call."
ALMOST = "its variables are back, but for what the last {blocks} made: no state was kept since then{why}."


@dataclass(frozen=True, slots=True)
class WayBack:
    """How the state comes back when a kernel has died: from a mark, and by what may run again without being asked.

    Args:
        mark: The mark.
        again: How many of the blocks since run again: those that plainly come to the same end.
        dropped: How many do not, at the end; what they made is lost.
        why: Why no state was kept since, if something was in the way.
    """

    mark: Mark
    again: int
    dropped: int
    why: str

    def __str__(self) -> str:
        last = "block" if self.dropped == 1 else f"{self.dropped} blocks"
        why = f", because {self.why}" if self.why else ""
        return ALMOST.format(blocks=last, why=why) if self.dropped else STATE_RESTORED
