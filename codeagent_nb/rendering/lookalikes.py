"""Owns which characters of code pass for others, as a Cyrillic letter in a Latin name. Pure; knows no surface.

A table of everything that looks alike would be long and never complete. Instead: in Python's names, those in f-strings
too, every character beyond ASCII counts. Elsewhere (texts, remarks, a shell) these count:

- a character that is another form of ASCII for Unicode: a full-width letter, a Roman numeral, the sign for kelvin;
- a sign of those known to look like one of ASCII;
- a letter that stands in one word with Latin letters and is of another script;
- a Cyrillic or Greek word of which every letter looks like a Latin one.

What this does not find: a whole word of another script yet, outside of Python's names, and signs not in the table.
"""

import io
import re
import tokenize
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

_GREEK = frozenset("αβγδεζηθλμξπστφχψωΓΔΘΛΞΠΣΦΨΩ\u00b5\u2206")
"""Greek letters that look like no Latin one."""
_LATIN_TWINS = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u04af\u0475\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u042c\u0417\u0474\u04ae"
    "\u04c0\u050c\u051a\u051c\u03b9\u03ba\u03bd\u03bf\u03c1\u03c5\u03f2\u03f3"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03f9\u037f"
)
"""Cyrillic and Greek letters that look like a Latin one, or like a digit."""
_PUNCTUATION = frozenset(
    "\u01c3\u2d51"  # !
    "\u02ba\u02dd\u02ee\u02f6\u201c\u201d\u201f\u2033\u2036\u3003"  # "
    "\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02c8\u02ca\u02cb\u02f4\u0374\u0384\u055a"  # ' `
    "\u2018\u2019\u201b\u2032\u2035\ua78c"  # ' `
    "\u2052\ua778\u2768\u2769\u2772\u2773\u3014\u3015\u2774\u2775"  # % & ( ) { }
    "\u2217\u204e\u2795\u16ed"  # * +
    "\u00b8\u201a\ua4f9\ua4f8\ua60e\u2024"  # , .
    "\u02d7\u2010\u2011\u2012\u2013\u2043\u2212\u2796\u2cba"  # -
    "\u1735\u2041\u2044\u2215\u2571\u27cb\u29f8\u2cc6\u31d3\u3033"  # /
    "\u02d0\u02f8\u0589\u16ec\u1803\u1809\u205a\u2236\ua789\ua4fd\u037e"  # : ;
    "\u02c2\u02c3\u2039\u203a\u276e\u276f\u1438\u1433\u1400\u2e40\u30a0\ua4ff"  # < > =
    "\u2216\u2572\u27cd\u29f5\u29f9\u31d4\u02c4\u02c6"  # \ ^
    "\u01c0\u2223\u23d0\u23fd\u2758\u2d4f\u02dc\u1fc0\u223c\u2317\u266f"  # | ~ #
)
_WORD = re.compile(r"\w+")
_SIMPLE = r"""(?:[^{}'"]|'[^{}'"]*+'|"[^{}'"]*+")"""
_FORMAT_PIECE = re.compile(rf"[^{{}}]++|{{{{|}}}}|(?P<held>{{{_SIMPLE}*+(?:{{{_SIMPLE}*+}}{_SIMPLE}*+)*+}})")
"""A piece of an f-string: text, a brace that is text, or code in braces in which no text holds a brace or a quote."""
_BROKEN = (tokenize.TokenError, SyntaxError, ValueError, IndexError, RecursionError)


def lookalikes(lines: Sequence[str], language: str) -> Sequence[frozenset[int]]:
    """Return for each line of code the places of characters that may pass for others.

    Args:
        lines: The code.
        language: `python`, in whose names every character beyond ASCII is one, or another.
    """
    if all(map(str.isascii, lines)):
        return [frozenset()] * len(lines)
    found = [frozenset(_anywhere(line)) for line in lines]
    names = _names_beyond_ascii(lines) if language == "python" else {}
    return [places | names.get(at, frozenset()) for at, places in enumerate(found)]


def _anywhere(line: str) -> Iterator[int]:
    """Yield the places of what passes for ASCII in any language, alone or by the word in which it stands."""
    if line.isascii():
        return
    yield from (at for at, char in _beyond_ascii(line) if char in _PUNCTUATION or _is_form_of_ascii(char))
    for word in _WORD.finditer(line):
        if any(map(_is_latin, word[0])):
            yield from (at for at in range(word.start(), word.end()) if _is_foreign(line[at]))
        elif all(char in _LATIN_TWINS for char in word[0] if char.isalpha()):
            yield from (at for at in range(word.start(), word.end()) if line[at] in _LATIN_TWINS)


@cache
def _is_form_of_ascii(char: str) -> bool:
    return any(unicodedata.normalize(form, char).isascii() for form in ("NFKC", "NFD"))


@cache
def _is_latin(char: str) -> bool:
    return char.isalpha() and unicodedata.normalize("NFD", char)[0].isascii()


@cache
def _is_foreign(char: str) -> bool:
    if char.isascii() or char in _GREEK or not char.isalpha():
        return False
    return not (_is_latin(char) or char in "ßæœøłđðþÆŒØŁĐÐÞ")


def _names_beyond_ascii(lines: Sequence[str]) -> dict[int, frozenset[int]]:
    """Return the places of what is beyond ASCII in Python's names, by line; if the code cannot be read, of all letters.

    Python reads a name in full-width letters as the plain one, and a Cyrillic letter as another than its Latin twin.
    """
    try:
        return _by_tokens(lines)
    except _BROKEN:
        return {
            row: frozenset(at for at, char in _beyond_ascii(line) if char.isalnum()) for row, line in enumerate(lines)
        }


def _by_tokens(lines: Sequence[str]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines), newline="\n").readline):
        for row, at, char in () if token.string.isascii() else _places(token):
            if lines[row][at : at + 1] != char:
                raise ValueError("the tokenizer counts lines or columns otherwise")
            found.setdefault(row, set()).add(at)
    return {row: frozenset(places) for row, places in found.items()}


def _places(token: tokenize.TokenInfo) -> Iterator[tuple[int, int, str]]:
    """Yield the row, the column and the character of what is beyond ASCII in a token's names."""
    row, column, text = token.start[0] - 1, token.start[1], token.string
    if token.type in {tokenize.NAME, tokenize.ERRORTOKEN}:
        within = {at for at, _ in _beyond_ascii(text)}
    elif token.type == tokenize.STRING and "f" in re.split("['\"]", text, maxsplit=1)[0].lower():
        within = set(_in_braces(text))
    else:
        return
    for at, char in enumerate(text):
        if at in within:
            yield row, column, char
        row, column = (row + 1, 0) if char == "\n" else (row, column + 1)


def _in_braces(text: str) -> Iterator[int]:
    """Yield the places beyond ASCII in the code of an f-string, which is one token until Python 3.12.

    From a brace on that is not understood all of them: a text in the code may hold one that ends nothing.
    """
    at = 0
    while at < len(text):
        piece = _FORMAT_PIECE.match(text, at)
        end = piece.end() if piece else len(text)
        if piece is None or piece["held"]:
            yield from (at + place for place, _ in _beyond_ascii(text[at:end]))
        at = end


def _beyond_ascii(text: str) -> Iterator[tuple[int, str]]:
    return ((at, char) for at, char in enumerate(text) if not char.isascii())
