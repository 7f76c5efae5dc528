"""Turns an `%%agent` cell into one that is awaited. Pure; knows lines of text only.

A magic is a plain function and would block the kernel: no click on Stop or Approve could arrive while it runs. As an
`await` the cell runs in the kernel's own loop, and they do (design D8).
"""

import re
from collections.abc import Sequence

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


# Else IPython asks it whether a cell is complete while it is being typed, and takes the answer for the cell.
await_agent_cells.has_side_effects = True  # type: ignore[attr-defined]
