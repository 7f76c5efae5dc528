"""Names the reason of each difference, from what was seen. Pure: knows cells, replays and a record; runs nothing.

A reason is named in the order of how surely it is known: what a replay has shown comes first; the rest is `rules.py`.
"""

import re
from collections.abc import Mapping, Sequence

from codeagent_nb.proof.evidence import Evidence, Reason, ReasonKind
from codeagent_nb.proof.rules import AFTER_FAILURE, OF_OUTPUT, of_steady
from codeagent_nb.proof.sources import Source
from kernel_executor import BlockResult


def reasons_of(evidence: Evidence) -> dict[int, Reason]:
    """Return the reason of each difference, by the number of its cell."""
    found: dict[int, Reason] = {}
    for number in sorted(evidence.differing):
        found[number] = _reason(evidence, number, found)
    return found


def _reason(evidence: Evidence, number: int, earlier: Mapping[int, Reason]) -> Reason:
    result = evidence.results.get(number)
    saved = evidence.cells[number - 1].outputs
    if result and result.status != "ok" and not any(output["output_type"] == "error" for output in saved):
        return _of_failure(evidence, number, result, earlier)
    if number in evidence.unsteady:
        return _of_unsteady(evidence, number)
    return of_steady(evidence, number, earlier, OF_OUTPUT)


# A cell that fails now


NETWORK_ERRORS = re.compile(r"(?:Connect\w*|URL|HTTP\w*|gaierror|Proxy|SSL|MaxRetry|Network)\w*Error|gaierror")
NAME = re.compile(r"name '(\w+)'")


def _of_failure(evidence: Evidence, number: int, result: BlockResult, earlier: Mapping[int, Reason]) -> Reason:
    ename, evalue = result.ename or "", result.evalue or ""
    said = f"{ename}: {evalue}"[:160] if ename else result.note or result.status
    if result.status in {"timeout", "died", "interrupted"}:
        return Reason("stopped", result.note or f"the replay ended as {result.status}")
    if result.unreached or NETWORK_ERRORS.fullmatch(ename.rpartition(".")[2]):
        names = ", ".join(result.unreached)
        return Reason("network", f"the replay has none{f', and {names} was not reached' if names else f' ({said})'}")
    if result.status == "refused":
        return Reason("refused", " ".join(result.denials)[:300] or said)
    if ename in {"ModuleNotFoundError", "ImportError"}:
        return Reason("library", said)
    if ename == "NameError" and (name := NAME.search(evalue)):
        return _of_name(evidence, number, name.group(1), earlier)
    if ename == "FileNotFoundError":
        return _of_file_not_found(evidence, number, said, earlier)
    known = of_steady(evidence, number, earlier, AFTER_FAILURE)
    return Reason(known.kind, f"{known.because} ({said})")


def _of_name(evidence: Evidence, number: int, name: str, earlier: Mapping[int, Reason]) -> Reason:
    makers = [cell.number for cell, code in zip(evidence.cells, evidence.codes, strict=True) if name in code.makes]
    before = [maker for maker in makers if maker < number and maker in earlier]
    if before:
        return Reason(earlier[before[-1]].kind, f"it needs {name!r} of cell {before[-1]}, which failed")
    if any(maker > number for maker in makers):
        later = next(maker for maker in makers if maker > number)
        return Reason("order", f"{name!r} is made in cell {later}, below it")
    return Reason("missing", f"no cell makes {name!r}")


def _of_file_not_found(evidence: Evidence, number: int, said: str, earlier: Mapping[int, Reason]) -> Reason:
    texts = evidence.codes[number - 1].strings
    for maker, code in enumerate(evidence.codes, start=1):
        if maker != number and code.writes & texts:
            if maker > number:
                return Reason("order", f"the file is made in cell {maker}, below it")
            if maker in earlier:
                return Reason(earlier[maker].kind, f"it needs the file of cell {maker}, which failed")
    if evidence.gone:
        return Reason("missing", f"a cell that was there when it was proved is gone ({said})")
    return Reason("file", f"a file is not there ({said})")


# A cell that shows something else in each replay


def _of_unsteady(evidence: Evidence, number: int) -> Reason:
    order: Sequence[tuple[Source, ReasonKind, str]] = (
        ("network", "network", "what is loaded changes from replay to replay"),
        ("random", "random", "two replays give different results"),
        ("time", "time", "it reads the clock, and two replays differ"),
        ("unordered", "random", "two replays differ in what has no fixed order"),
    )
    for cell in evidence.upstream(number):
        found = evidence.sources[cell - 1]
        for source, kind, because in order:
            if source in found:
                return Reason(kind, f"{because}: {found[source]}{'' if cell == number else f' in cell {cell}'}")
    return Reason("random", "two replays give different results; its code does not show why")
