"""What is said of deeds of the code's on files of the user's, and how files are named in it. Pure."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kernel_executor.types import BlockResult

FEW_TOLD = 6
"""Files that are named one by one in what is said of a block."""

REFUSED = 1  # exit code

REFUSAL = "Refused: {denials} Write results to files of other names."


@dataclass(frozen=True, slots=True)
class Denial:
    """What the code did to a file of the user's.

    Args:
        name: The file.
        deed: `removed`, `replaced`, `changed` or `taken`.
        other: What the code's own file of a name that was taken is called now.
    """

    name: str
    deed: str
    other: str = ""

    @property
    def may_be_allowed(self) -> bool:
        """Whether a person is asked for it: to change a file, never to remove one."""
        return self.deed in {"changed", "replaced"}

    def __str__(self) -> str:
        if self.other:
            return f"{shown_name(self.name)} is the user's; the code's file is {shown_name(self.other)} now."
        return f"{shown_name(self.name)} is the user's and was put back after the code had {self.deed} it."


def with_denials(result: BlockResult, told: Sequence[str], unchanged: tuple[str, ...]) -> BlockResult:
    """Return a block's result with what it was refused; one that ended well is `refused`.

    Args:
        result: How it ended.
        told: What it was refused, one sentence each.
        unchanged: The files among it.
    """
    if not told:
        return result
    more = [f"So were {len(told) - FEW_TOLD} more."] if len(told) > FEW_TOLD else []
    denials = (*told[:FEW_TOLD], *more)
    note = " ".join(filter(None, [result.note, REFUSAL.format(denials=" ".join(denials))]))
    if result.status != "ok":
        return replace(result, note=note, denials=denials, unchanged=unchanged)
    return replace(result, status="refused", exit_code=REFUSED, note=note, denials=denials, unchanged=unchanged)


def shown_name(name: str) -> str:
    """Return a file's name as it can be shown and sent: what is not UTF-8, or steers a terminal, is spelled out."""
    text = os.fsencode(name).decode(errors="replace")
    return text if text.isprintable() else ascii(text)[1:-1]
