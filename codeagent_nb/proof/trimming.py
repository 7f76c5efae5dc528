"""Reduces a notebook to the cells that its final outputs need: by a slice, proved by a replay (design D22).

A slice that is not proved is not taken: the next wider one is tried, and at last all cells.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from codeagent_nb.errors import SessionError
from codeagent_nb.projections.notebook_cell import RAISES
from codeagent_nb.projections.notebook_text import in_lines
from codeagent_nb.proof.comparing import compare_outputs
from codeagent_nb.proof.reading import CodeCell, ReadNotebook, joined
from codeagent_nb.proof.recording import written_notebook
from codeagent_nb.proof.replaying import Replay, ReplaySettings
from codeagent_nb.proof.slicing import Care, needed
from codeagent_nb.proof.tidying import as_script, gathered, imports_of
from codeagent_nb.proof.verifying import Progress, Study, first_replay, read_code, shows_value
from codeagent_nb.rendering.cell_outputs import harmless_output
from kernel_executor import Output

SPOKEN = frozenset({"task", "answer", "reflection"})
"""Kinds of the agent's Markdown that a reader wants: what was asked, and what came of it."""

CARES: Sequence[Care] = ("bare", "close", "wide")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """A notebook that was reduced.

    Args:
        notebook: What it was made from.
        kept: Numbers of its cells of code that are kept.
        sources: Their code now, by number; that of the imports has the number 0.
        outputs: What each has shown in the replay that proves them.
        absent: Files that were not there for it, because the code makes them.
    """

    notebook: ReadNotebook
    kept: tuple[int, ...]
    sources: dict[int, str]
    outputs: dict[int, tuple[Output, ...]]
    absent: frozenset[str] = frozenset()

    @property
    def dropped(self) -> int:
        """How many cells of code are gone."""
        return sum(bool(cell.code.strip()) for cell in self.notebook.cells) - len(self.kept)


async def trim(
    notebook: ReadNotebook, settings: ReplaySettings, keep: Sequence[int] = (), progress: Progress = lambda _: None
) -> Trimmed:
    """Return the cells that the final outputs of a notebook need.

    Args:
        notebook: The notebook.
        settings: How it is replayed.
        keep: Numbers of further cells of code whose outputs are wanted.
        progress: Called before each cell.

    Raises:
        SessionError: No cell shows anything, or a replay of all cells does not give the same final outputs.
        SandboxUnavailable: No sandbox works here.
        KernelStartError: The kernel does not start.
    """
    study = Study.of(notebook)
    roots = final_cells(notebook, study, keep)
    _, _, absent = await first_replay(study, settings, progress)
    tried: list[dict[int, str]] = []
    for sources in _plans(study, roots):
        if sources not in tried:
            tried.append(sources)
            if (done := await _proved(study, sources, settings, absent, progress)) is not None:
                kept = tuple(number for number in sources if number)
                return Trimmed(notebook=notebook, kept=kept, sources=sources, outputs=done, absent=absent)
    raise SessionError(
        f"{str(notebook.path)!r} cannot be trimmed: a replay of all its cells does not give the same final outputs. "
        f"`codeagent-nb verify {notebook.path.name}` says why"
    )


def final_cells(notebook: ReadNotebook, study: Study, keep: Sequence[int]) -> set[int]:
    """Return the places, among the cells of code, of those whose outputs are wanted.

    They are the last of each task that shows something, the last that shows a picture, and those that write a file
    which no other cell reads.
    """
    if wrong := [number for number in keep if not 1 <= number <= len(study.cells)]:
        raise SessionError(f"there is no cell of code {wrong[0]}: they are counted from 1 to {len(study.cells)}")
    ends = [place for place, cell in enumerate(notebook.node["cells"]) if _kind(cell) == "task"]
    found: set[int] = {number - 1 for number in keep}
    for begin, end in zip([0, *ends], [*ends, len(notebook.node["cells"])], strict=True):
        of_task = [cell for cell in study.cells if begin <= cell.place < end and cell.outputs]
        drawn = [cell for cell in of_task if shows_picture(cell)]
        found |= {cell.number - 1 for cell in (*of_task[-1:], *drawn[-1:])}
    if not found:
        raise SessionError(f"{str(notebook.path)!r} has no cell that shows anything: nothing says what it is for")
    read_later = {text for place, code in enumerate(study.codes) for text in code.strings if text not in code.writes}
    found |= {
        place
        for place, code in enumerate(study.codes)
        if any("." in name and name not in read_later for name in code.writes)
    }
    return found


def shows_picture(cell: CodeCell) -> bool:
    """Return whether a picture or a figure is among what a cell has shown."""
    return any(
        mime.startswith("image/") or "vnd." in mime for output in cell.outputs for mime in output.get("data", {})
    )


def _plans(study: Study, roots: set[int]) -> Iterator[dict[int, str]]:
    """Yield what could be kept, the least first: code by the number of its cell, 0 for the imports of all."""
    plain = [cell.code.strip("\n") for cell in study.cells]
    _, *without = gathered(plain)
    codes = [read_code(replace(cell, source=source)) for cell, source in zip(study.cells, without, strict=True)]
    for care in CARES:
        kept = needed(codes, roots, care)
        first, *rest = gathered(
            [plain[place] if place in kept else imports_of(plain[place]) for place in range(len(plain))]
        )
        chosen = {place + 1: rest[place] for place in sorted(kept) if rest[place].strip()}
        yield {0: first, **chosen} if first else chosen
    for places in (needed(study.codes, roots, "wide"), set(range(len(plain)))):
        yield {place + 1: plain[place] for place in sorted(places) if plain[place].strip()}


async def _proved(
    study: Study,
    sources: dict[int, str],
    settings: ReplaySettings,
    absent: Collection[str],
    progress: Progress,
) -> dict[int, tuple[Output, ...]] | None:
    """Replay kept cells; return what they show if all of it is as it was saved."""
    cells = [
        replace(study.cells[number - 1], source=source) if number else CodeCell(place=0, number=0, source=source)
        for number, source in sources.items()
    ]
    done = await study.replay_some(cells, settings, absent, progress)
    for number in filter(None, sources):
        saved, result = study.cells[number - 1], done.results.get(number)
        if result is None and saved.outputs:
            return None
        if result and _differs(saved, done, number):
            return None
    return {number: result.outputs for number, result in done.results.items()}


def _differs(saved: CodeCell, done: Replay, number: int) -> bool:
    result = done.results[number]
    if saved.states_nothing:
        return result.status != "ok"
    return compare_outputs(saved.outputs, result.outputs, done.window).difference is not None


def as_notebook(trimmed: Trimmed) -> bytes:
    """Return the content of a notebook with the cells that are kept, and the words that go with them."""
    node = trimmed.notebook.node
    said = node.get("metadata")
    metadata: dict[str, Any] = said if isinstance(said, dict) else {}
    cells = [
        _code_node(part.text, trimmed, part.number) if part.kind == "code" else _words(part) for part in _parts(trimmed)
    ]
    count = 0
    for number, cell in enumerate(cells, start=1):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] == "code":
            count += 1
            cell["execution_count"] = count
            cell["outputs"] = [_counted(output, count) for output in cell["outputs"]]
    kept = {name: metadata[name] for name in ("kernelspec", "language_info") if name in metadata}
    about = {"trimmed": {"from": trimmed.notebook.path.name, "cells": list(trimmed.kept)}}
    return written_notebook(
        {"cells": cells, "metadata": {"codeagent": about, **kept}, "nbformat": 4, "nbformat_minor": 5}
    )


def script_of(trimmed: Trimmed) -> str:
    """Return the cells that are kept as a script.

    Raises:
        SessionError: A cell awaits something at its top level, which a script cannot.
    """
    parts = [replace(part, text=_in_comment(part.text)) if part.kind in SPOKEN else part for part in _parts(trimmed)]
    asked = next((part for part in parts if part.kind == "task" and part.text), None)
    parts = [part for part in parts if part is not asked]
    title = asked.text if asked else ""
    shown = {
        place: shows_value(trimmed.notebook.cells[part.number - 1])
        for place, part in enumerate(parts)
        if part.kind == "code" and part.number
    }
    cells = [("code" if part.kind == "code" else "markdown", part.text) for part in parts]
    text = as_script(cells, title, trimmed.notebook.path.name, shown)
    try:
        compile(text, "script", "exec")
    except SyntaxError as error:
        raise SessionError(
            f"the trimmed cells are no script ({error.msg}, line {error.lineno}): make a notebook"
        ) from error
    return text


HEADING = re.compile(r"^## (?:Task|Result|Answer)\n+")
FACTS = re.compile(r"(?<!\n)\n+\*\d+ (?:try|tries) · [^\n]*\*\s*$")
"""How a run went, which stands below its result; a reader of what is left need not know."""


def _in_comment(text: str) -> str:
    """Return words of the agent without the heading that a notebook has them under."""
    return HEADING.sub("", text).strip()


@dataclass(frozen=True, slots=True)
class _Part:
    """A cell that is kept.

    Args:
        kind: `code`, `markdown`, or the kind of the agent's words.
        number: Of a cell of code, from 1; 0 for the imports, and words.
        text: Its code or words now.
        attachments: Pictures that its words show.
    """

    kind: str
    number: int
    text: str
    attachments: Mapping[str, Any] = field(default_factory=dict)


def _parts(trimmed: Trimmed) -> Iterator[_Part]:
    """Yield what is kept, in order; the imports come before the first code."""
    by_place = {cell.place: cell.number for cell in trimmed.notebook.cells}
    nodes: list[Any] = trimmed.notebook.node["cells"]
    has_imports = bool(trimmed.sources.get(0))
    for place, node in enumerate(nodes):
        number = by_place.get(place)
        if number is None:
            if node.get("cell_type") == "markdown" and _is_kept(nodes, place, by_place, trimmed):
                text = joined(node["source"])
                attached = node.get("attachments")
                yield _Part(
                    kind=_kind(node) or "markdown",
                    number=0,
                    text=FACTS.sub("", text) if _kind(node) else text,
                    attachments=attached if isinstance(attached, dict) else {},
                )
            continue
        if number in trimmed.kept:
            if has_imports:
                has_imports = False
                yield _Part("code", 0, trimmed.sources[0])
            if trimmed.sources[number].strip():
                yield _Part("code", number, trimmed.sources[number])


def _is_kept(nodes: Sequence[Any], place: int, by_place: dict[int, int], trimmed: Trimmed) -> bool:
    """Return whether words stay: the agent's own by their kind, a user's if any code they stand above does."""
    kind = _kind(nodes[place])
    if kind:
        return kind in SPOKEN
    below: list[int] = []
    for later in range(place + 1, len(nodes)):
        if later not in by_place:
            break
        below.append(by_place[later])
    return not below or any(number in trimmed.kept for number in below)


def _kind(cell: Any) -> str:
    try:
        about = cell["metadata"]["codeagent"]
        kind = "quoted" if about.get("taken_back") else about["kind"]
    except (KeyError, TypeError, AttributeError):
        return ""
    return kind if isinstance(kind, str) and cell.get("cell_type") == "markdown" else ""


def _words(part: _Part) -> dict[str, Any]:
    attached = {"attachments": dict(part.attachments)} if part.attachments else {}
    return {"cell_type": "markdown", "metadata": {}, "source": part.text.splitlines(keepends=True), **attached}


def _code_node(source: str, trimmed: Trimmed, number: int) -> dict[str, Any]:
    may_raise = number > 0 and trimmed.notebook.cells[number - 1].may_raise
    return {
        "cell_type": "code",
        "metadata": {"tags": [RAISES]} if may_raise else {},
        "source": source.splitlines(keepends=True),
        "outputs": [in_lines(harmless_output(output)) for output in trimmed.outputs.get(number, ())],
    }


def _counted(output: Output, count: int) -> Output:
    return {**output, "execution_count": count} if output["output_type"] == "execute_result" else output
