"""Reads files of runs: a task, what was printed or shown, and closing texts, true ones and ones that lie.

A line that begins with @@ opens a part: `@@run NAME`, `@@task`, `@@out`, `@@html`, `@@say LANGUAGE` (a true text, with
its marks) and `@@lie FAULT` (a false one: [[ ]] marks what is false).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent / "closings"


Fault = Literal["digit", "invented", "name", "unit"]
FAULTS: dict[str, Fault] = {"digit": "digit", "invented": "invented", "name": "name", "unit": "unit"}


@dataclass(slots=True)
class Run:
    """A run of the agent.

    Args:
        name: Names it.
        outputs: The task, and what was printed or shown.
        says: True closing texts.
        lies: False ones, each with its fault.
    """

    name: str
    outputs: list[str] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    lies: list[tuple[Fault, str]] = field(default_factory=list)


def runs(file: str) -> list[Run]:
    """Return the runs of a file."""
    made: list[Run] = []
    for kind, argument, text in _parts((FOLDER / file).read_text(encoding="utf-8")):
        if kind == "run":
            made.append(Run(argument))
        elif kind == "say":
            made[-1].says.append(text)
        elif kind == "lie":
            made[-1].lies.append((FAULTS[argument], text))
        else:
            made[-1].outputs.append(text)
    return made


def _parts(text: str) -> Iterator[tuple[str, str, str]]:
    for part in f"\n{text}".split("\n@@")[1:]:
        head, _, body = part.partition("\n")
        kind, _, argument = head.partition(" ")
        yield kind, argument, body
