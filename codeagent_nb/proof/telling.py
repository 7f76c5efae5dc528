"""What is said of a proof: the badge in the notebook, the lines in a terminal, the metadata. Pure."""

from collections.abc import Iterator
from typing import Any

from codeagent_nb.projections.quoting import inert
from codeagent_nb.proof.evidence import WORDS
from codeagent_nb.proof.numbers import TOLERANCE
from codeagent_nb.proof.record import FORMAT, written
from codeagent_nb.proof.verdict import FoundDifference, Verdict
from codeagent_nb.proof.watching import NOT_SEEN
from codeagent_nb.text import counted, one_line

SHORT_HASH = 12

MARKS = {"proved": "✓", "differs": "▲", "nothing to prove": "○"}


def headline(verdict: Verdict) -> str:
    """Return a verdict as one sentence."""
    if not verdict.compared:
        return "Nothing to prove: no cell of code states a result."
    if verdict.proved:
        one = verdict.compared == 1
        return (
            f"Proved: {counted(verdict.compared, 'cell')} ran again in a fresh sandboxed kernel, and "
            f"{'its outputs are' if one else 'all outputs are'} the same."
        )
    reasons = sorted({WORDS[found.reason.kind] for found in verdict.differences})
    return f"Differs: {len(verdict.differences)} of {counted(verdict.compared, 'cell')}, by {', '.join(reasons)}."


def _in_a_word(verdict: Verdict) -> str:
    if not verdict.compared:
        return "nothing to prove"
    return "proved" if verdict.proved else "differs"


def badge(verdict: Verdict) -> str:
    """Return a verdict as the Markdown of a cell."""
    mark = MARKS[_in_a_word(verdict)]
    where = f"{verdict.at:%Y-%m-%d %H:%M} UTC · Python {inert(verdict.versions.get('Python', 'unknown'))}"
    lines = [f"**{mark} {inert(headline(verdict))}** {where}"]
    lines += [f"- {inert(_where(found))}: {inert(told_reason(found))}" for found in verdict.differences]
    lines += [f"- {inert(line)}" for line in remarks(verdict)]
    return f"{lines[0]}\n\n" + "\n".join(lines[1:])


def report(verdict: Verdict) -> Iterator[str]:
    """Yield a verdict as lines of plain text."""
    yield headline(verdict)
    for found in verdict.differences:
        yield f"  {_where(found)}: {told_reason(found)}"
        saved, now = (one_line(text) for text in (found.difference.saved, found.difference.now))
        if saved and now:
            yield f"      saved {saved!r}, now {now!r}"
        elif saved or now:
            yield f"      {'now' if now else 'saved'} {(now or saved)!r}"
    yield from (f"  {line}" for line in remarks(verdict))


def told_reason(found: FoundDifference) -> str:
    """Return the reason of a difference, as a clause."""
    return f"{WORDS[found.reason.kind]}: {one_line(found.reason.because)}"


def remarks(verdict: Verdict) -> Iterator[str]:
    """Yield what was hashed, what was not compared, and what could not be seen."""
    for how in ("opened", "named"):
        files = [
            f"{name} ({file.digest[:SHORT_HASH] or 'too large to hash'})"
            for name, file in verdict.files.items()
            if file.how == how
        ]
        if files:
            yield f"Files {how if how == 'opened' else 'named in the code'}: {', '.join(files)}."
    if verdict.without:
        yield f"Replayed as if these were not there, for the code makes them: {', '.join(verdict.without)}."
    aside = sorted({what for found in verdict.set_aside.values() for what in found})
    if aside:
        yield f"Not compared: {', '.join(aside)}."
    for why in dict.fromkeys(verdict.not_replayed.values()):
        numbers = [str(number) for number, reason in verdict.not_replayed.items() if reason == why]
        yield f"Not replayed: cell {', '.join(numbers)} ({why})."
    yield f"Not seen: {NOT_SEEN}."


def metadata(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as it stands in a notebook's metadata."""
    return {
        "format": FORMAT,
        "verdict": _in_a_word(verdict),
        "at": verdict.at.isoformat(timespec="seconds"),
        "compared": verdict.compared,
        "differences": [
            {
                "cell": found.number,
                "what": found.difference.what,
                "saved": found.difference.saved,
                "now": found.difference.now,
                "reason": found.reason.kind,
                "because": found.reason.because,
            }
            for found in verdict.differences
        ],
        "not_compared": {str(number): list(what) for number, what in verdict.set_aside.items()},
        "not_replayed": {str(number): why for number, why in verdict.not_replayed.items()},
        "files": {name: {"sha256": file.digest, "how": file.how} for name, file in verdict.files.items()},
        "without": list(verdict.without),
        "not_seen": NOT_SEEN,
        "tolerance": TOLERANCE,
        "isolation": verdict.isolation,
        "proved": written(verdict.record),
    }


def _where(found: FoundDifference) -> str:
    run = f" [{found.count}]" if found.count is not None else ""
    return f"cell {found.number}{run}"
