"""What a proof came to, as a value. Knows no kernel, no file and no words for people but those of a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from codeagent_nb.proof.comparing import Difference
from codeagent_nb.proof.evidence import Reason, ReasonKind
from codeagent_nb.proof.record import Record

HowKnown = Literal["opened", "named"]


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """A cell whose outputs are not those of its replay.

    Args:
        number: Which cell of code, from 1.
        count: Its execution count.
        difference: What differs.
        reason: Why.
    """

    number: int
    count: int | None
    difference: Difference
    reason: Reason


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file that the code read.

    Args:
        digest: SHA-256 of what is in it.
        how: Whether it was seen to be opened, or only is named in the code.
    """

    digest: str
    how: HowKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a proof came to.

    Args:
        compared: How many cells were compared.
        differences: Cells that differ, in order.
        set_aside: What was not compared, by the number of the cell.
        not_replayed: Cells that were not replayed or state nothing, and why.
        files: Files that the code read, by name.
        without: Files of the folder that were not there for the replay, because the code makes them itself.
        versions: Of the modules it imports, and of Python.
        isolation: What held the code.
        seconds: How long the cells took.
        at: When it was done.
        record: What a later proof compares with.
    """

    compared: int
    differences: tuple[FoundDifference, ...] = ()
    set_aside: Mapping[int, Sequence[str]] = field(default_factory=dict)
    not_replayed: Mapping[int, str] = field(default_factory=dict)
    files: Mapping[str, FileRead] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""
    seconds: float = 0.0
    at: datetime
    record: Record

    @property
    def proved(self) -> bool:
        """Whether all that was compared came out the same."""
        return not self.differences

    @property
    def reasons(self) -> frozenset[ReasonKind]:
        """The reasons of all differences."""
        return frozenset(found.reason.kind for found in self.differences)
