r"""What `\r` and `\b` do to a line of text, as on a terminal. Pure."""

import re


def overwrite(text: str) -> str:
    r"""Carry out carriage returns and backspaces as a terminal would.

    `"50 %\r100 %"` becomes `"100 %"`; a shorter text overwrites only the beginning of a longer one.
    """
    if "\r" not in text and "\b" not in text:
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
    if "\r" not in line and "\b" not in line:
        return line, len(line)
    places, column = _places(line)
    return "".join(map(line.__getitem__, places)), column


def _places(line: str) -> tuple[list[int], int]:
    """Return where in the line each character stands that is seen of it, and the column of the cursor."""
    if "\r" not in line and "\b" not in line:
        return [*range(len(line))], len(line)
    cells: list[int] = []
    column = 0
    for found in PIECE.finditer(line):
        if found[0] == "\r":
            column = 0
        elif found[0].startswith("\b"):
            column = max(0, column - len(found[0]))
        elif found["erase"] is not None:
            del cells[0 if found["erase"] == "2" else column :]
        elif not found[0].startswith("\x1b["):
            cells[column : column + len(found[0])] = range(*found.span())
            column += len(found[0])
    return cells, column


PIECE = re.compile(r"\r|\x08+|\x1b\[(?P<erase>[02]?)K|\x1b\[[0-?]*[ -/]*[@-~]|\x1b|[^\r\x08\x1b]+")
"""What moves the cursor, erases, or has no width; colours are lost in a line that is written over."""
