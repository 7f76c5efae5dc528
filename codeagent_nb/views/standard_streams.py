"""Owns plain text on standard output and standard error: all of it is cleaned. Knows no console and no colours."""

import io
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from kernel_executor.text import cleaned


def say(text: str) -> None:
    """Print a text and end its line."""
    write(f"{text}\n")


def write(text: str) -> None:
    """Print a piece of text at once."""
    sys.stdout.write(cleaned(text))
    sys.stdout.flush()


def write_name(name: str) -> None:
    """Print a file name alone on its line: as it is for a script, cleaned on a terminal."""
    sys.stdout.write(f"{cleaned(name) if sys.stdout.isatty() else name}\n")


class CleanStream:
    """A text stream whose text is cleaned; everything else is the stream's own.

    Args:
        stream: Where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text without what steers a terminal; returns its length, as streams do."""
        self.stream.write(cleaned(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after another."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """Return False: colours would not get through, so nobody should send any."""
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def clean_standard_error() -> None:
    """Clean, from now on, what anybody writes to standard error: tracebacks, warnings, log records, usage errors."""
    if not isinstance(sys.stderr, CleanStream):
        sys.stderr = CleanStream(sys.stderr)


def bear_any_text() -> None:
    """Write a question mark for what a terminal's encoding lacks: a run that had succeeded ended in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def raw_standard_error() -> TextIO:
    """Return standard error for a console that cleans its text itself and moves the cursor, for a progress bar."""
    return sys.stderr.stream if isinstance(sys.stderr, CleanStream) else sys.stderr
