"""Turns an `%%agent` cell into one that is awaited. Pure; knows lines of text only.

A magic is a plain function and would block the kernel: no click on Stop or Approve could arrive while it runs. As an
`await` the cell runs in the kernel's own loop, and they do (design D8).
"""

import re
from ast import literal_eval
from collections.abc import Callable, Sequence

FIRST_LINE = re.compile(r"%%agent(?:[ \t]+(?P<arguments>.*))?$")


def await_agent_cells(lines: Sequence[str]) -> list[str]:
    """Return the cell's lines, with an `%%agent` cell turned into an `await`; the body is kept to the letter.

    Args:
        lines: The cell, each line with its end.
    """
    start = next((index for index, line in enumerate(lines) if line.strip()), 0)
    found = FIRST_LINE.match(lines[start].rstrip()) if lines else None
    if found is None:
        return list(lines)
    arguments, body = found["arguments"] or "", "".join(lines[start + 1 :])
    return [f"await get_ipython().magics_manager.registry['AgentMagics'].run_cell({arguments!r}, {body!r})\n"]


AWAITED = re.compile(r"""get_ipython\(\)\.run_line_magic\('agent', (?P<words>(['"])(?:pull|resume|fork)\b.*\2)\)$""")
"""A line `%agent pull` and the like, as IPython has transformed it."""


def await_commands(lines: Sequence[str]) -> list[str]:
    """Return the cell's lines, with each `%agent pull`, `resume` and `fork` an `await`: the next line needs it done.

    Args:
        lines: The cell, each line with its end, after IPython's own transformations.
    """
    return [_awaited(line) for line in lines]


def _awaited(line: str) -> str:
    found = AWAITED.match(line.rstrip())
    if found is None:
        return line
    name, _, rest = str(literal_eval(found["words"])).partition(" ")
    return f"await get_ipython().magics_manager.registry['AgentMagics'].{name}({rest.strip()!r})\n"


class TopLevelCells:
    """A transformer that IPython is given: cells that other magics run, `%%time` say, are left as they are.

    An `await` within them would be a syntax error; as they are, the magic itself says what is wrong.
    """

    has_side_effects = True
    """Else IPython asks it whether a cell is complete while it is being typed, and takes the answer for the cell."""

    def __init__(self, transform: Callable[[Sequence[str]], list[str]]) -> None:
        self._transform = transform
        self._running = False

    def __call__(self, lines: list[str]) -> list[str]:
        """Transform the lines of a cell."""
        return list(lines) if self._running else self._transform(lines)

    def begin(self, _: object) -> None:
        """Take note that a cell begins; its own lines have been transformed by now."""
        self._running = True

    def end(self, _: object) -> None:
        """Take note that it has ended."""
        self._running = False
