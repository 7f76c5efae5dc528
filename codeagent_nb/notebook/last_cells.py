"""What a model reads of the notebook's cells above a task: their code and error, where it speaks of them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeagent_nb.prompt.known_errors import UNNAMED, known_name
from codeagent_nb.text import counted, fenced, own_frames
from kernel_executor.secret_names import names_secret
from kernel_executor.text import plain, shorten

MOST_CELLS = 3
CODE_BUDGET = 1_500  # characters of one cell
ERROR_BUDGET = 900  # characters

_THIS = r"(?:this|that|the|my|the last|the previous|last|previous|above|preceding)"
OF_AN_ERROR = re.compile(
    rf"\b{_THIS} (?:error|exception|traceback|bug|failure)s?\b(?! (?:of|per|bars?|rates?|terms?|margins?)\b)"
    r"|\b(?:does|did|do) (?:this|that|it|my code) (?:\w+ )?(?:fail|crash|break|not work)"
    r"|\b(?:this|that|it|my code) (?:fails|failed|crashes|crashed|is broken|does(?:n.t| not) work)"
    r"|\b(?:fix|debug|repair|correct) (?:it|this|that|my (?:code|cell))\b|\b(?:went|goes|is) wrong\b"
    r"|\b(?:de[rnm]|dieser?|mein) (?:letzten? )?Fehler\b|\b(?:geht|lief) (?:hier )?schief"
    r"|\b(?:behebe?|repariere?) (?:es|das|den)|\bl['\u2019]erreur\b|\bcorrige(?:-le|[ -]la| ça)"
    r"|\bel error\b|\barréglalo|\bcorrígelo|\bl['\u2019]errore\b|\bcorreggilo",
    re.IGNORECASE,
)
OF_A_CELL = re.compile(
    rf"\b{_THIS} (?:\d+ |two |three |few )?(?:cells?|code|snippet)\b(?! (?:of|per|for|in|lines?)\b)"
    r"|\b(?:this|that|my|last|previous|above) (?:function|plot|output|result)\b(?! (?:of|per|for)\b)"
    r"|\b(?:cells?|code|output|result|plot|function) above\b"
    r"|\b(?:letzten?|obige[nr]?|diese[nr]?|meine[nr]?) (?:Zellen?|Code)\b"
    r"|\b(?:cette|la dernière|ma) cellule|\b(?:ce|mon) code\b|\b(?:esta|la última|mi) celda|\b(?:este|mi) código\b"
    r"|\b(?:questa|l['\u2019]ultima|la mia) cella|\b(?:questo|il mio) codice\b",
    re.IGNORECASE,
)

ASSIGNS = re.compile(
    r"^[ \t]*(?:\w+\.)*(?P<name>\w+)(?:\[[\"'](?P<key>\w+)[\"']\])?[ \t]*(?::[^=\n]+)?=[^=].*$", re.MULTILINE
)
LEFT_OUT = "# a line about something secret is left out"


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
        statistics: The model's where it is sent no values: of the error its kind, of the rest what the user has typed.
    """

    content: str = ""
    note: str = ""
    statistics: str = ""


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
    parts += [fenced(shorten(without_secret_lines(source), CODE_BUDGET), "python") for source in sources]
    note = f"Told the model your last {counted(len(sources), 'cell')}".replace(" 1 cell", " cell")
    if not cells.error:
        return Told("\n".join(parts), note, "\n".join(parts))
    error = short_error(cells.error)
    kind = known_name(error.splitlines()[-1].partition(":")[0]) if error else UNNAMED
    return Told(
        "\n".join([*parts, f"It ended with this error:\n{fenced(error, 'text')}"]),
        f"{note} and its error",
        "\n".join([*parts, f"It ended with {kind}."]),
    )


def short_error(traceback: str) -> str:
    """Return where in a cell an error came from, and its last line."""
    text = plain(traceback).strip()
    last = text.splitlines()[-1] if text else ""
    return shorten("\n".join([*own_frames(text)[-1:], last]), ERROR_BUDGET)


def without_secret_lines(source: str) -> str:
    """Return code without lines that assign to what is named like a secret: a key may stand there that nobody knows."""
    return ASSIGNS.sub(_shown, source)


def _shown(line: re.Match[str]) -> str:
    is_secret = any(names_secret(name) for name in (line["name"], line["key"]) if name)
    return LEFT_OUT if is_secret else line[0]
