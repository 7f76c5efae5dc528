"""The rules by which the reason of a difference is found that comes back in each replay. Pure.

What the record of the last proof shows comes before what only the code and the counts suggest.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath

from codeagent_nb.proof.evidence import Evidence, Reason
from codeagent_nb.proof.record import cell_record

Rule = Callable[[Evidence, int, Mapping[int, Reason]], Reason | None]
"""Finds the reason of a cell's difference, by its number and the reasons of cells above it; None if it is another."""


def of_steady(evidence: Evidence, number: int, earlier: Mapping[int, Reason], rules: Sequence[Rule]) -> Reason:
    """Return the reason of a difference by the first rule that knows one."""
    for rule in rules:
        if reason := rule(evidence, number, earlier):
            return reason
    if evidence.record:
        return Reason("unknown", "code, files and versions are as they were; what else changed could not be seen")
    return Reason("unknown", "there is no record of an earlier proof to compare with")


def _by_edited_output(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    known = evidence.recorded.get(number)
    if known and known.outputs and known.outputs != cell_record(evidence.cells[number - 1]).outputs:
        return Reason("edited", "the output is not the one that was proved, and the code is")
    return None


def _by_changed_file(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    if evidence.record is None:
        changed = evidence.files.newer
        how = "was changed after the notebook was saved"
    else:
        known = evidence.record.files
        changed = frozenset(name for name, before in known.items() if evidence.files.digests.get(name) != before)
        how = "is not what it was when the notebook was proved"
    for name in sorted(changed & _files_read(evidence, number)):
        return Reason("file", f"{name} {how}")
    return None


def _files_read(evidence: Evidence, number: int) -> frozenset[str]:
    """Return the files that a cell or one it depends on may have read: those that these name, and that none names."""
    texts = {text for cell in evidence.upstream(number) for text in evidence.codes[cell - 1].strings}
    every = {text for code in evidence.codes for text in code.strings}
    known = {*evidence.files.digests, *(evidence.record.files if evidence.record else ())}
    return frozenset(name for name in known if _is_named(name, texts) or not _is_named(name, every))


def _is_named(name: str, texts: Collection[str]) -> bool:
    parts = PurePosixPath(name)
    return any(text and (text == name or PurePosixPath(text).name == parts.name) for text in texts)


def _by_order(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    if not evidence.moved:
        return None
    involved = evidence.moved & set(evidence.upstream(number))
    reads, makes = evidence.codes[number - 1].reads, {number}
    crossed = [
        one for one in evidence.moved if reads & (evidence.codes[one - 1].makes | evidence.codes[one - 1].changes)
    ]
    if involved or crossed or number in evidence.moved:
        cell = min((*involved, *crossed, *(makes & evidence.moved)))
        how = "when it was proved" if evidence.record else "when they ran, by their counts"
        return Reason("order", f"cell {cell} stood elsewhere {how}")
    return None


def _by_missing_cell(evidence: Evidence, _number: int, _earlier: Mapping[int, Reason]) -> Reason | None:
    if evidence.gone:
        one = "a cell that was there" if evidence.gone == 1 else f"{evidence.gone} cells that were there"
        return Reason("missing", f"{one} when it was proved {'is' if evidence.gone == 1 else 'are'} gone")
    return None


def _by_changed_code(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    changed = [cell for cell in evidence.upstream(number) if cell in evidence.new]
    if changed:
        where = "its code" if changed[0] == number else f"the code of cell {changed[0]}"
        return Reason("code", f"{where} is not what was proved")
    return None


def _by_time(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    for cell in evidence.upstream(number):
        if call := evidence.sources[cell - 1].get("time"):
            where = "" if cell == number else f" in cell {cell}"
            return Reason("time", f"it depends on when it runs: {call}{where}")
    return None


def _by_library(evidence: Evidence, _number: int, _earlier: Mapping[int, Reason]) -> Reason | None:
    if evidence.record is None:
        return None
    for name, before in sorted(evidence.record.versions.items()):
        now = evidence.versions.get(name)
        if now and now != before:
            return Reason("library", f"{name} was {before} when it was proved, and is {now}")
    return None


def _by_chance(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    """Return that it is chance, if the output is the one that was proved: two replays may agree by chance."""
    for cell in evidence.upstream(number) if number in evidence.recorded else ():
        for source in ("random", "unordered"):
            if call := evidence.sources[cell - 1].get(source):
                return Reason("random", f"its code draws by lot: {call}{'' if cell == number else f' in cell {cell}'}")
    return None


def _by_earlier(evidence: Evidence, number: int, earlier: Mapping[int, Reason]) -> Reason | None:
    for cell in evidence.upstream(number)[1:]:
        if (known := earlier.get(cell)) and known.kind != "edited":
            return Reason(known.kind, f"it depends on cell {cell}, which differs")
    return None


def _without_record(evidence: Evidence, number: int, _: Mapping[int, Reason]) -> Reason | None:
    if evidence.record:
        return None
    counts = [cell.count for cell in evidence.cells if cell.count is not None]
    has_gap = len(counts) > 1 and max(counts) - min(counts) + 1 > len(counts)
    files = sorted(_files_read(evidence, number))
    others = [
        *(["a cell that ran between is missing"] if has_gap else []),
        *([f"{', '.join(files[:3])} was another"] if files else []),
    ]
    unless = f", unless {' or '.join(others)}" if others else ""
    return Reason("edited", f"two replays agree with one another, and not with what is saved{unless}")


AFTER_FAILURE: Sequence[Rule] = (
    _by_changed_file,
    _by_order,
    _by_missing_cell,
    _by_changed_code,
    _by_time,
    _by_library,
    _by_earlier,
    _by_chance,
)
"""Of a cell that fails in the replay and did not before."""

OF_OUTPUT: Sequence[Rule] = (_by_edited_output, *AFTER_FAILURE, _without_record)
"""Of a cell that shows something else."""
