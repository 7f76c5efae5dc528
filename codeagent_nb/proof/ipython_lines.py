"""Owns which lines of a cell are IPython's own, not Python: magics, shell commands, questions. Pure; knows no cells.

As IPython does, it looks only where a statement begins: a line in a string, in brackets, or after a backslash is
Python's, whatever it begins with.
"""

import re
from collections.abc import Callable, Iterator

LINE = re.compile(
    r"(?P<indent>[ \t]*+)(?:(?P<target>\w++(?:[ \t]*+,[ \t]*+\w++)*+(?:[ \t]*+,)?+)[ \t]*+=[ \t]*+)?+"
    r"(?P<mark>[%!])(?P<rest>(?:\\\n|[^\n])*+)"
    r"|[ \t]*+\?[^\n]*|[^\n#'\"?]*+\?++[ \t]*+(?=\n|\Z)"
)
"""A line of IPython's, with those that backslashes join to it; one that asks for help has no mark.

No part gives back what it took: blanks, tried in each part, took cubic time.
"""

PIECE = re.compile(
    r"(?P<string>(?P<quotes>\"\"\"|''')(?:\\.|(?!(?P=quotes)).)*+(?:(?P=quotes)|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?)|(?P<comment>#[^\n]*)|(?P<joined>\\\n)|(?P<code>[^\n\"'#\\]++|\\)",
    re.DOTALL,
)

OPENING, CLOSING = "([{", ")]}"


def ipython_lines(source: str) -> Iterator[re.Match[str]]:
    """Yield the lines of code that are IPython's own, without their ends."""
    at = depth = 0
    while at < len(source):
        if not depth and (line := LINE.match(source, at)):
            yield line
            at = line.end()
        while piece := PIECE.match(source, at):
            at = piece.end()
            code = piece["code"] or ""
            depth += sum(map(code.count, OPENING)) - sum(map(code.count, CLOSING))
        depth = max(0, depth)
        at += 1


def with_lines_replaced(source: str, replace: Callable[[re.Match[str]], str | None]) -> str:
    """Return code with each of IPython's lines replaced; those that become None go, with their ends.

    Args:
        source: Code of a cell, without cell magics.
        replace: Returns what stands in the place of a line.
    """
    parts: list[str] = []
    at = 0
    for line in ipython_lines(source):
        parts.append(source[at : line.start()])
        text = replace(line)
        parts.append(text or "")
        at = line.end() + (text is None)
    return "".join([*parts, source[at:]])
