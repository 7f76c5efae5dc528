"""What a model reads of the notebook's cells above a task: their code and error, where it speaks of them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent_nb.text import counted, fenced, own_frames
from kernel_executor.text import plain, shorten

MOST_CELLS = 3
CODE_BUDGET = 1_500  # characters of one cell
ERROR_BUDGET = 900  # characters

OF_AN_ERROR = re.compile(
    r"\b(?:errors?|exceptions?|traceback|fails?|failed|failing|crash(?:es|ed)?|bugs?|debug|fix|broken|went wrong"
    r"|Fehler\w*|Ausnahme|schief|repariere\w*|behebe\w*|erreurs?|corrige\w*|échoue|errores|falla|arregla|errori?"
    r"|correggi|sbagliato)\b",
    re.IGNORECASE,
)
OF_A_CELL = re.compile(
    r"\b(?:(?:this|that|the|my|last|previous|above|preceding) (?:\w+ )?"
    r"(?:cells?|code|function|snippet|plot|output|result)"
    r"|(?:cells?|code|output|result|plot) above|Zellen?|(?:dieser|mein|obige[rn]?) Code|cellules?|(?:ce|mon) code"
    r"|celdas?|(?:este|mi) código|cell[ae]|(?:questo|mio) codice)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LastCells:
    """The notebook's last cells.

    Args:
        sources: Their code, the last one last.
        error: The traceback of the last one, empty if it ran through.
    """

    sources: Sequence[str] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What the model reads, and what people read of that; both empty if it is nothing.

    Args:
        content: The model's.
        note: The people's.
    """

    content: str = ""
    note: str = ""


def told_of_cells(task: str, cells: LastCells) -> Told:
    """Return what the model reads of the cells above a task: only what the task speaks of.

    Args:
        task: What to do.
        cells: The notebook's last cells; those of ours are none.
    """
    speaks_of_error = bool(cells.error and OF_AN_ERROR.search(task))
    if not speaks_of_error and not OF_A_CELL.search(task):
        return Told()
    sources = [source for source in cells.sources if source.strip()][-1 if speaks_of_error else -MOST_CELLS :]
    if not sources:
        return Told()
    parts = ["The user's last cell:" if len(sources) == 1 else "The user's last cells, the latest last:"]
    parts += [fenced(shorten(source, CODE_BUDGET), "python") for source in sources]
    if speaks_of_error or cells.error:
        parts.append(f"It ended with this error:\n{fenced(short_error(cells.error), 'text')}")
    note = f"Told the model your last {counted(len(sources), 'cell')}".replace(" 1 cell", " cell")
    return Told("\n".join(parts), note + (" and its error" if cells.error else ""))


def short_error(traceback: str) -> str:
    """Return where in a cell an error came from, and its last line."""
    text = plain(traceback).strip()
    last = text.splitlines()[-1] if text else ""
    return shorten("\n".join([*own_frames(text)[-1:], last]), ERROR_BUDGET)
