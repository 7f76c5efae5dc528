"""Owns a text that comes in pieces: holds back an end that may be the beginning of a secret. Must not know events.

Few letters are let through (`LET_THROUGH`): of 30 lines of ordinary output ten end with the first letter of some key,
and each would be late by a line. What follows them is still read together with them.
"""

from collections.abc import Sequence

from codeagent_nb.masking.finding import Finder, Hit, between
from codeagent_nb.masking.folding import letters

LET_THROUGH = 3  # letters of a secret that may be seen alone
BEFORE = 1_000  # characters that are kept though they were given out: `\b` may make a secret of them
LINE = 4_096  # characters of the line being written that are: `\r` may
MOST_HELD = 20_000  # characters; what is longer is mostly invisible


class Strand:
    """Text of one place, in which pieces of several streams follow each other."""

    def __init__(self) -> None:
        self._text = ""  # the line being written, or from where a secret may have begun
        self._out = 0  # how much of it was given out
        self._ends: list[tuple[int, str]] = []  # of what was not: where a piece ends, and of which stream it is

    def take(self, finder: Finder, piece: str, stream: str = "") -> list[tuple[str, str]]:
        """Take a piece in; return what may be given out now: streams and texts, without secrets."""
        self._text += piece
        self._ends.append((len(self._text), stream))
        hits = finder.hits(self._text)
        beginning = finder.beginning(self._text)
        begun = max([beginning.start if beginning else len(self._text), *(hit.end for hit in hits)])
        waits = beginning is not None and beginning.letters > LET_THROUGH
        given = self._give(hits, begun if waits else len(self._text))
        self._forget(begun, max([0, *(hit.end for hit in hits)]))
        return given

    def let_go(self, finder: Finder) -> list[tuple[str, str]]:
        """Return what was held back; what comes next is still read together with it."""
        return self._give(finder.hits(self._text), len(self._text)) if self._ends else []

    def _give(self, hits: Sequence[Hit], end: int) -> list[tuple[str, str]]:
        given, start = list[tuple[str, str]](), self._out
        for piece_end, stream in self._ends:
            stop = min(piece_end, end)
            if start < stop and (text := between(self._text, hits, start, stop, self._out)):
                given.append((stream, text))
            start = max(start, stop)
        self._out = max(self._out, end)
        self._ends = [(piece_end, stream) for piece_end, stream in self._ends if piece_end > end]
        return given

    def _forget(self, begun: int, masked: int) -> None:
        line = max(self._text.rfind("\n", 0, self._out) + 1, self._out - LINE)
        before = max(0, min(line, self._out - BEFORE))
        done = min(begun, self._out, max(before, masked))
        self._text, self._out = self._text[done:], self._out - done
        self._ends = [(end - done, stream) for end, stream in self._ends]
        if len(self._text) > MOST_HELD:
            self._squeeze()

    def _squeeze(self) -> None:
        """Keep the letters only: a secret with thousands of invisible characters inside is still one."""
        out, held = letters(self._text[: self._out]), letters(self._text[self._out :])
        self._text, self._out = out + held, len(out)
        self._ends = [(len(self._text), self._ends[-1][1])] if held and self._ends else []
