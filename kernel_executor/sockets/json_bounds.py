"""Weighs a JSON text before it is read: the memory that reading takes, and the depth. Pure: knows no messages.

Bytes alone bound nothing: 45 MB of `[[],[],...` became 1.2 GB and held the event loop for 2.7 s; 20 MB of plain
letters become 80 MB with one emoji among them. Guessing from all brackets and commas would refuse a page of HTML, which
is one string. So strings are cut out first, piece by piece as the text comes, in C: 0.17 s for 20 MB at once.
"""

import re

DEEPEST = 400
"""Levels of lists and objects. Whoever goes through the value later recurses, too, and Python ends at 1,000 frames."""

TOKEN = 500
"""Characters of a number: 16 MB of numbers with 4,000 digits took 0.5 s to read."""

CONTAINER = 100  # bytes; an empty list or object takes 56 to 72, and a slot in another
STRING = 75
COMMA = 40  # a number, and its slot
BASE = 300  # the message around it

OUTSIDE = 5_500_000
"""Bytes outside of strings, without blanks: up to 31 ns each, in numbers such as `1.7976931348623157e-300`."""

CONTAINERS = 250_000  # 0.1 µs each
STRINGS = 250_000  # 0.4 µs each as the keys of one object
ESCAPES = 2_000_000  # 15 ns each

LIGHT = 3_000
"""Weight up to which a guess will do."""

CONTINUATION = bytes(range(0x80, 0xC0))
NOT_CONTINUATION = bytes(code for code in range(256) if code not in CONTINUATION)
NOT_ASTRAL = bytes(range(0xF0))
BLANKS = b" \n\r\t"
NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
ALIKE = bytes.maketrans(b"{}", b"[]")

ASTRAL_ESCAPE = re.compile(rb"\\u[dD][89abAB]")
WIDE_ESCAPE = re.compile(rb"\\u(?!00)")
LONGEST_ESCAPE = len(rb"\uffff")


class TooHeavy(ValueError):  # noqa: N818 - a verdict, as UnicodeError is one
    """Reading this text would take more than it may."""


def guess(text: bytes) -> int:
    """Return at least what a whole text weighs; 0 if it could be much and a `Weigher` must tell."""
    containers = text.count(b"[") + text.count(b"{")
    weight = 4 * len(text) + _structure(containers, text.count(b'"') // 2, text.count(b","))
    return BASE + weight if weight <= LIGHT and containers <= DEEPEST else 0


def _structure(containers: int, strings: int, commas: int) -> int:
    return CONTAINER * containers + STRING * strings + COMMA * commas


class Weigher:
    """Weighs a text that comes in pieces.

    Args:
        limit: The most it may weigh.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._characters = 0
        self._width = 1  # bytes of a character: one that is wide makes all of its text so
        self._bytes = self._outside = 0
        self._containers = self._quotes = self._commas = self._escapes = 0
        self._open = 0  # characters of the token that the piece before ended in
        self._brackets = bytearray()
        self._inside = 0
        self._carried = b""  # a backslash whose character is still to come
        self._end = b""  # of the piece before

    @property
    def weight(self) -> int:
        """About the bytes that the text takes, as it comes or as it is read, with all that is read from it."""
        structure = _structure(self._containers, self._quotes // 2, self._commas)
        return BASE + max(self._bytes, self._characters * self._width) + structure

    def take(self, piece: bytes) -> None:
        """Weigh one more piece.

        Raises:
            TooHeavy: It is too much.
        """
        self._measure(piece)
        outside = self._outside_strings(piece).translate(None, BLANKS)
        self._outside += len(outside)
        self._commas += outside.count(b",")
        self._containers += outside.count(b"[") + outside.count(b"{")
        if (
            self._longest_token(outside) > TOKEN
            or self._outside > OUTSIDE
            or self._containers > CONTAINERS
            or self._quotes // 2 > STRINGS
            or self._escapes > ESCAPES
            or self.weight > self._limit
        ):
            raise TooHeavy
        self._brackets += outside.translate(ALIKE, NOT_BRACKETS)

    def _longest_token(self, outside: bytes) -> int:
        """Return the length of the longest token that this piece ends or goes on with."""
        tokens = outside.translate(None, b"[]{}").split(b",")
        lengths = [self._open + len(tokens[0]), *map(len, tokens[1:])]
        self._open = lengths[-1]
        return max(lengths)

    def _measure(self, piece: bytes) -> None:
        self._bytes += len(piece)
        self._characters += len(piece)
        if not piece.isascii():
            self._characters -= len(piece.translate(None, NOT_CONTINUATION))
            self._width = max(self._width, 4 if piece.translate(None, NOT_ASTRAL) else 2)
        self._escapes += piece.count(b"\\")
        begun, self._end = self._end + piece[:LONGEST_ESCAPE], piece[-LONGEST_ESCAPE:]
        self._width = max(self._width, _escaped_width(begun), _escaped_width(piece))

    def _outside_strings(self, piece: bytes) -> bytes:
        piece = self._carried + piece
        self._carried = b"\\" if (len(piece) - len(piece.rstrip(b"\\"))) % 2 else b""
        piece = piece[: len(piece) - len(self._carried)]
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[self._inside :: 2])
        self._quotes += len(parts) - 1
        self._inside = (self._inside + len(parts) - 1) % 2
        return outside

    def check_depth(self) -> None:
        """Take away the innermost pairs of brackets, again and again: what is left is deeper than may be.

        Raises:
            TooHeavy: It is nested too deeply, or not closed.
        """
        brackets = bytes(self._brackets)
        for _ in range(DEEPEST):
            fewer = brackets.replace(b"[]", b"")
            if len(fewer) == len(brackets):
                break
            brackets = fewer
        if brackets:
            raise TooHeavy


def _escaped_width(piece: bytes) -> int:
    if b"\\u" not in piece:
        return 1
    return 4 if ASTRAL_ESCAPE.search(piece) else 2 if WIDE_ESCAPE.search(piece) else 1
