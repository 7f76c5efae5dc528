r"""What `\r`, `\b` and the sequences that move a cursor or erase do to a line of text, as on a terminal. Pure.

A cursor that would go behind the end of a line stands at its end; one that leaves its line (up, down) is not followed.
"""

import re


def overwrite(text: str) -> str:
    r"""Carry out what moves the cursor in a line, and what erases there, as a terminal would.

    `"50 %\r100 %"` becomes `"100 %"`; a shorter text overwrites only the beginning of a longer one.
    """
    if not MOVES.search(text):
        return text
    return "\n".join(_write(line)[0] for line in text.replace("\r\n", "\n").split("\n"))


def places_after(text: str) -> list[int]:
    """Return where in `text` each character of `overwrite(text)` stands."""
    places: list[int] = []
    start = 0
    *ended, last = text.split("\n")
    for line in ended:
        places += [start + place for place in _places(line.removesuffix("\r"))[0]]
        start += len(line) + 1
        places.append(start - 1)  # the end of the line
    return places + [start + place for place in _places(last)[0]]


def settle(line: str) -> str:
    r"""Shorten a line that is still being written, without losing where the cursor stands.

    A progress bar must not grow forever. The text before the cursor is written once more after a `\r`.
    """
    text, column = _write(line)
    return text if column == len(text) else f"{text}\r{text[:column]}"


def _write(line: str) -> tuple[str, int]:
    """Return what the line looks like, and the column of the cursor."""
    if not MOVES.search(line):
        return line, len(line)
    places, column = _places(line)
    return "".join(map(line.__getitem__, places)), column


def _places(line: str) -> tuple[list[int], int]:
    """Return where in the line each character stands that is seen of it, and the column of the cursor."""
    if not MOVES.search(line):
        return [*range(len(line))], len(line)
    cells: list[int] = []
    column = 0
    for found in PIECE.finditer(line):
        piece = found[0]
        if piece == "\r":
            column = 0
        elif piece.startswith("\b"):
            column = max(0, column - len(piece))
        elif found["move"]:
            column = min(_moved(column, found["move"], found["by"]), len(cells))
        elif found["erase"] is not None:
            column = _erase(cells, column, found["erase"])
        elif not piece.startswith(("\x1b[", "\x1b]")):
            cells[column : column + len(piece)] = range(*found.span())
            column += len(piece)
    return cells, column


def _moved(column: int, move: str, by: str) -> int:
    count = int(by[:5] or 1)  # of any number of digits: no line is that long
    match move:
        case "C":
            return column + count
        case "D":
            return max(0, column - count)
        case _:
            return max(0, count - 1)


def _erase(cells: list[int], column: int, part: str) -> int:
    """Erase what is behind the cursor, before it, or all; return where the cursor stands then."""
    if part in {"", "0"}:
        del cells[column:]
        return column
    del cells[0 : column if part == "1" else len(cells)]
    return 0


MOVES = re.compile(r"[\r\x08]|\x1b\[\d*[CDGK`]")
"""A line without any of these is as it is."""

PIECE = re.compile(
    r"\r|\x08+|\x1b\[(?P<erase>[012]?)K|\x1b\[(?P<by>\d*)(?P<move>[CDG`])|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)|\x1b|[^\r\x08\x1b]+"
)
"""What moves the cursor, erases, or has no width; colours are lost in a line that is written over."""
