"""Owns which characters of code pass for others, as a Cyrillic letter in a Latin name. Pure; knows no surface.

A table of everything that looks alike would be long and never complete. Instead: in Python's names every character
beyond ASCII counts; elsewhere (texts, remarks, a shell) a letter counts that stands in one word with letters of another
script, and a sign that looks like one of ASCII.
"""

import io
import re
import tokenize
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

_GREEK = frozenset("αβγδεζηθλμξπστφχψωΓΔΘΛΞΠΣΦΨΩ\u00b5\u2206")
"""Greek letters that look like no Latin one."""
_PUNCTUATION = frozenset(
    "\u01c0\u01c3\u02b9\u02bc\u02d7\u037e\u2010\u2011\u2024\u2043\u2044\u2212\u2215\u2223\u2236\u29f8\ua789\ua78c"
)
"""Signs that look like `;`, `-`, `/`, `.`, `:`, `!`, `|` and `'`."""
_WORD = re.compile(r"\w+")


def lookalikes(lines: Sequence[str], language: str) -> Sequence[frozenset[int]]:
    """Return for each line of code the places of characters that may pass for others.

    Args:
        lines: The code.
        language: `python`, in whose names every character beyond ASCII is one, or another.
    """
    if all(map(str.isascii, lines)):
        return [frozenset()] * len(lines)
    mixed = [frozenset(_in_words(line)) for line in lines]
    names = _names_beyond_ascii(lines) if language == "python" else {}
    return [found | names.get(at, frozenset()) for at, found in enumerate(mixed)]


def _in_words(line: str) -> Iterator[int]:
    """Yield where a sign looks like one of ASCII, and where a Latin word has a letter of another script in it."""
    yield from (at for at, char in enumerate(line) if char in _PUNCTUATION)
    for word in () if line.isascii() else _WORD.finditer(line):
        if re.search("[A-Za-z]", word[0]):
            yield from (at for at in range(word.start(), word.end()) if _is_foreign(line[at]))


@cache
def _is_foreign(char: str) -> bool:
    if char.isascii() or char in _GREEK or not char.isalpha():
        return False
    base = unicodedata.normalize("NFD", char)[0]
    return not (base.isascii() or char in "ßæœøłđðþÆŒØŁĐÐÞ")


def _names_beyond_ascii(lines: Sequence[str]) -> dict[int, frozenset[int]]:
    """Return the places of what is beyond ASCII in Python's names, by line; if the code cannot be read, of all letters.

    Python reads a name in full-width letters as the plain one, and a Cyrillic letter as another than its Latin twin.
    """
    try:
        return _by_tokens(lines)
    except (tokenize.TokenError, SyntaxError, ValueError, IndexError, RecursionError):
        return {
            row: frozenset(at for at, char in _beyond_ascii(line) if char.isalnum()) for row, line in enumerate(lines)
        }


def _by_tokens(lines: Sequence[str]) -> dict[int, frozenset[int]]:
    found: dict[int, frozenset[int]] = {}
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines), newline="\n").readline):
        row, start = token.start[0] - 1, token.start[1]
        if token.type in {tokenize.NAME, tokenize.ERRORTOKEN} and not token.string.isascii():
            if lines[row][start : start + len(token.string)] != token.string:
                raise ValueError("the tokenizer counts lines or columns otherwise")
            places = (start + at for at, _ in _beyond_ascii(token.string))
            found[row] = found.get(row, frozenset()).union(places)
    return found


def _beyond_ascii(text: str) -> Iterator[tuple[int, str]]:
    return ((at, char) for at, char in enumerate(text) if not char.isascii())
