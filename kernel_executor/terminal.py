r"""What `\r` and `\b` do to a line of text, as on a terminal. Pure."""

import re


def overwrite(text: str) -> str:
    r"""Carry out carriage returns and backspaces as a terminal would.

    `"50 %\r100 %"` becomes `"100 %"`; a shorter text overwrites only the beginning of a longer one.
    """
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_write(line)[0] for line in text.replace("\r\n", "\n").split("\n"))


def settle(line: str) -> str:
    r"""Shorten a line that is still being written, without losing where the cursor stands.

    A progress bar must not grow for ever. The text before the cursor is written once more after a `\r`.
    """
    text, column = _write(line)
    return text if column == len(text) else f"{text}\r{text[:column]}"


def _write(line: str) -> tuple[str, int]:
    """Return what the line looks like, and the column of the cursor."""
    if "\r" not in line and "\b" not in line:
        return line, len(line)
    cells: list[str] = []
    column = 0
    for part in re.split(r"(\r|\x08+)", line):
        if part == "\r":
            column = 0
        elif part.startswith("\b"):
            column = max(0, column - len(part))
        else:
            cells[column : column + len(part)] = part
            column += len(part)
    return "".join(cells), column
