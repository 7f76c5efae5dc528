"""What was seen of a notebook, its replays and its record, for the reason of a difference to be found. Pure values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cached_property
from typing import Literal

from codeagent_nb.projections.notebook_cell import digest
from codeagent_nb.proof.cell_code import CellCode
from codeagent_nb.proof.reading import CodeCell
from codeagent_nb.proof.record import CellRecord, Record, cell_record
from codeagent_nb.proof.slicing import needed
from codeagent_nb.proof.sources import Source
from kernel_executor import BlockResult

ReasonKind = Literal[
    "random",
    "time",
    "network",
    "file",
    "edited",
    "code",
    "order",
    "missing",
    "library",
    "stopped",
    "refused",
    "unknown",
]

WORDS: Mapping[ReasonKind, str] = {
    "random": "unseeded random",
    "time": "time",
    "network": "network",
    "file": "a changed file",
    "edited": "an edited output",
    "code": "changed code",
    "order": "the order of cells",
    "missing": "a missing cell",
    "library": "library version",
    "stopped": "it was stopped",
    "refused": "it was refused",
    "unknown": "not seen",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a cell's outputs differ.

    Args:
        kind: The reason.
        because: What shows it; a clause for people.
    """

    kind: ReasonKind
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What is known of the files that a notebook's code reads.

    Args:
        digests: Of those that are there now, by name.
        newer: Those that were changed after the notebook was saved.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    newer: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was seen of a notebook and its replays.

    Args:
        cells: Its cells of code.
        codes: What the code of each does.
        sources: Where the results of each can come from beside its inputs.
        results: Of the first replay, by the number of the cell.
        differing: Numbers of the cells that differ.
        unsteady: Numbers of the cells whose outputs differ from replay to replay.
        record: Of the last proof.
        files: What is known of files.
        versions: Of modules, now.
    """

    cells: Sequence[CodeCell]
    codes: Sequence[CellCode]
    sources: Sequence[Mapping[Source, str]]
    results: Mapping[int, BlockResult]
    differing: frozenset[int]
    unsteady: frozenset[int] = frozenset()
    record: Record | None = None
    files: Files = field(default_factory=Files)
    versions: Mapping[str, str] = field(default_factory=dict)

    def upstream(self, number: int) -> list[int]:
        """Return the numbers of the cells that one depends on, with its own, nearest first."""
        return sorted((place + 1 for place in needed(self.codes, [number - 1], "wide")), reverse=True)

    @cached_property
    def recorded(self) -> Mapping[int, CellRecord]:
        """The records of cells whose code is as it was, by their numbers now."""
        if self.record is None:
            return {}
        left = list(self.record.cells)
        found: dict[int, CellRecord] = {}
        for cell in self.cells:
            mine = cell_record(cell)
            known = mine if mine in left else next((one for one in left if one.source == mine.source), None)
            if known:
                left.remove(known)
                found[cell.number] = known
        return found

    @cached_property
    def moved(self) -> frozenset[int]:
        """The numbers of cells that stand in another order than when they were proved, or than they ran in."""
        if self.record is None:
            return frozenset(_out_of_order(self.cells))
        before, now = [cell.source for cell in self.record.cells], [digest(cell.source) for cell in self.cells]
        common = [source for source in before if source in now]
        here = [(source, cell.number) for source, cell in zip(now, self.cells, strict=True) if source in before]
        matcher = SequenceMatcher(None, common, [source for source, _ in here], autojunk=False)
        kept = {place for block in matcher.get_matching_blocks() for place in range(block.b, block.b + block.size)}
        return frozenset(number for place, (_, number) in enumerate(here) if place not in kept)

    @cached_property
    def gone(self) -> int:
        """How many cells were there when the notebook was proved, and are not, nor others in their place."""
        if self.record is None:
            return 0
        now = {digest(cell.source) for cell in self.cells}
        return max(0, sum(cell.source not in now for cell in self.record.cells) - len(self.new))

    @cached_property
    def new(self) -> frozenset[int]:
        """The numbers of cells whose code is not as it was proved."""
        if self.record is None:
            return frozenset()
        return frozenset(cell.number for cell in self.cells if cell.number not in self.recorded)


def _out_of_order(cells: Sequence[CodeCell]) -> Iterator[int]:
    """Yield the numbers of cells that ran after one that stands below them."""
    counted = [(cell.number, cell.count) for cell in cells if cell.count is not None]
    for place, (number, count) in enumerate(counted):
        if any(later < count for _, later in counted[place + 1 :]):
            yield number
            yield from (below for below, later in counted[place + 1 :] if later < count)
