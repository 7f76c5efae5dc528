"""Proves that a script shows what the cells have shown that it was made from. Writes nothing.

A script prints with `print` what a cell shows as its value, and shows pictures in windows: so lines, values and numbers
are looked for in what it prints, and pictures are not.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from codeagent_nb.errors import SessionError
from codeagent_nb.proof.reading import CodeCell, joined
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.trimming import Trimmed
from codeagent_nb.proof.verifying import Study
from kernel_executor import BlockResult, Output
from kernel_executor.text import shorten

OF_IPYTHON = frozenset({"display", "get_ipython", "In", "Out"})
"""Names that a notebook has, and the kernel that proves a script, but not Python."""

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)
OF_NUMPY = re.compile(r"\b(?:np|numpy)\.\w+\(|dtype=\w+|0x[0-9a-f]+")
"""What stands in the `repr` of a value, and not in its text."""

EXCERPT = 80  # characters


async def prove_script(trimmed: Trimmed, text: str, settings: ReplaySettings) -> None:
    """Run a script in the sandbox, in the notebook's folder, and compare what it prints.

    Raises:
        SessionError: It fails, needs IPython, or does not print what the cells have shown.
    """
    if names := _missing_names(text):
        raise SessionError(f"the script needs {names[0]!r}, which only a notebook has: make a notebook")
    study = Study.of(trimmed.notebook)
    cell = CodeCell(place=0, number=1, source=text)
    result = (await study.replay_some([cell], settings, trimmed.absent, lambda _: None)).results[1]
    if result.status != "ok":
        why = f"{result.ename}: {result.evalue}" if result.ename else result.note
        raise SessionError(f"the script fails where the cells do not ({why}): make a notebook")
    # What a program prints that the script starts comes when it comes.
    for number, missing in _not_printed(trimmed, result, in_order="subprocess.run(" not in text):
        raise SessionError(
            f"the script does not print what cell {number} shows ({shorten(missing, EXCERPT)!r}): make a notebook"
        )


def _missing_names(text: str) -> list[str]:
    names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name | ast.alias)]
    made = {
        (node.asname or node.name) if isinstance(node, ast.alias) else node.id
        for node in names
        if isinstance(node, ast.alias) or isinstance(node.ctx, ast.Store)
    }
    return [node.id for node in names if isinstance(node, ast.Name) and node.id in OF_IPYTHON and node.id not in made]


def _not_printed(trimmed: Trimmed, result: BlockResult, *, in_order: bool) -> Iterator[tuple[int, str]]:
    """Yield what the script does not print, each with its cell: of what came out the same twice, not of a clock."""
    if result.truncated:
        return
    printed, at = _blanked(_printed(result.outputs)), 0
    for number, outputs in trimmed.outputs.items():
        shown = list(_shown(outputs))
        if number and shown == list(_shown(trimmed.notebook.cells[number - 1].outputs)):
            for text, is_value in shown:
                end = (_after_value if is_value else _after)(text, printed, at if in_order else 0)
                if end < 0:
                    yield number, text
                at = max(at, end)


def _shown(outputs: Sequence[Output]) -> Iterator[tuple[str, bool]]:
    """Yield what a cell shows as text: lines that it prints, and its value."""
    for output in outputs:
        if output.get("name") == "stdout":
            yield from ((line.strip(), False) for line in joined(output["text"]).splitlines() if line.strip())
        elif output["output_type"] == "execute_result":
            text = joined(output["data"].get("text/plain", ""))
            if "timedelta(" not in text:  # whose text counts otherwise than its `repr`
                yield text, True


def _after(text: str, printed: str, at: int) -> int:
    """Return where a text ends in what is printed from a place on, -1 if it is not there; 0.33 is not in 0.333."""
    begins, ends = r"(?<![\d.])" if text[:1].isdigit() else "", r"(?!\.?\d)" if text[-1:].isdigit() else ""
    match = re.compile(begins + re.escape(_blanked(text)) + ends).search(printed, at)
    return match.end() if match else -1


def _after_value(shown: str, printed: str, at: int) -> int:
    """Return the same of a value: of its text, which is not always its `repr`, or at least of its numbers."""
    ends = [_after(text, printed, at) for text in (shown, _as_text(shown)) if text]
    if (end := max(ends)) >= 0:
        return end
    numbers = NUMBER.finditer(printed, at)
    for wanted in NUMBER.findall(_blanked(shown)):
        match = next((match for match in numbers if float(match[0]) == float(wanted)), None)
        if match is None:
            return -1
        at = match.end()
    return at


def _printed(outputs: Sequence[Output]) -> str:
    return "".join(joined(output["text"]) for output in outputs if output.get("name") == "stdout")


def _blanked(text: str) -> str:
    return OF_NUMPY.sub(lambda found: " " * len(found[0]), text)


def _as_text(value: str) -> str | None:
    """Return what `print` makes of a value; None of one that is not told by a literal."""
    try:
        return str(ast.literal_eval(value)).strip()
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
