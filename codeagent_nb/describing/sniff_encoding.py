"""Guesses how text is encoded. Pure; runs *in the kernel*, see `describe_data.py`.

Byte order marks and UTF-8 say what they are. Of the encodings before Unicode, that one is taken in which the words look
most like words: letters of one script, no signs within, no capitals behind small letters.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from itertools import islice

MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
LEGACY = (
    *("latin-1", "cp1252", "cp1250", "cp1251", "cp1253", "cp850", "mac_roman"),
    *("cp932", "euc_jp", "euc_kr", "gb18030", "big5"),
)
"""By how likely they are where the text is as plausible in each."""


def encoding_of(data: bytes, whole: bool) -> str:
    """Return the encoding of text; empty if it is none. `whole` is False if `data` ends somewhere within."""
    for mark, name in MARKS.items():
        if data.startswith(mark):
            return name if _decodes(data, name, whole) else ""
    if b"\0" in data[:4_000]:
        first, second = data[:4_000:2].count(0), data[1:4_000:2].count(0)
        wide = "utf-16-le" if second > 4 * first else "utf-16-be" if first > 4 * second else ""
        likely = wide and max(first, second) * 8 > len(data[:4_000]) and _decodes(data, wide, whole)
        return wide if likely and not _controls(data[:4_000].decode(wide, "replace").encode()) else ""
    if _controls(data[:4_000]) * 50 > len(data[:4_000]):
        return ""
    if _decodes(data, "utf-8", whole):
        return "utf-8"
    possible = [name for name in LEGACY if _decodes(data, name, whole)]
    part = _foreign_part(data)
    return min(possible, key=lambda name: _strangeness_as(name, part), default="")


def _strangeness_as(encoding: str, part: bytes) -> float:
    text = part.decode(encoding, "replace")
    return _strangeness(text) + 0.5 * (encoding == "euc_jp" and _lacks_kana(text)) + text.count("\ufffd")


def _decodes(data: bytes, encoding: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, whole)
    except UnicodeDecodeError:
        return False
    return True


def _controls(data: bytes) -> int:
    return sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in data)


def _foreign_part(data: bytes) -> bytes:
    """Return lines with bytes that are not ASCII, up to some thousand bytes."""
    lines = (line for line in re.split(rb"[\r\n]+", data[:1_000_000]) if not line.isascii())
    return b"\n".join(line[:500] for line in islice(lines, 60))


WORD = re.compile(r"[A-Za-z\u0080-\u2fff\u3040-\ufeff\uff10-\U0010ffff]+")  # without the signs of Asian texts


def _strangeness(text: str) -> float:
    """Return how unlike words a text is, as it is when it is decoded wrongly."""
    words = [word for word in WORD.findall(text) if not word.isascii()]
    return sum(map(_strangeness_of_word, words)) / max(len(words), 1)


ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "FULLWIDTH", "IDEOGRAPHIC")
USUAL_SIGNS = frozenset("\u20ac\u00a3\u00a5\u00a7\u00a9\u00ae\u00b0\u00b1\u00ab\u00bb\u00bf\u00a1\u00b7\u2122\u00a0")


def _strangeness_of_word(word: str) -> float:
    kinds = [unicodedata.category(letter) for letter in word]
    letters = [letter for letter, kind in zip(word, kinds) if kind[0] == "L"]
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in letters}
    scripts = {"CJK" if script in ASIAN else script for script in scripts} - {"MICRO", "FEMININE", "MASCULINE"}
    found = 5.0 * sum(kind in ("Cc", "Cn", "Co", "Cs") for kind in kinds) + 2.0 * (len(scripts) > 1)
    # "Gr\u0161\u00a7e" has a sign within; "it\u2019s" and "10\u2013\u20ac" are usual.
    inner = zip(word[1:-1], kinds[1:-1])
    found += sum(
        (kind[0] in "SP" or kind == "No") and sign not in "\u2019\u2010\u2011\u2013\u00b7" for sign, kind in inner
    )
    found += 0.3 * sum(
        kind[0] in "SPN" and not _is_usual(sign) for sign, kind in zip(word, kinds) if not sign.isascii()
    )
    if "LATIN" in scripts:
        found += _strangeness_of_latin(letters)
    if scripts & {"CYRILLIC", "GREEK"}:
        found += sum(b.isupper() and a.islower() for a, b in zip(letters, letters[1:]))
    return found


def _is_usual(sign: str) -> bool:
    return sign in USUAL_SIGNS or "\u2010" <= sign <= "\u203a"


def _strangeness_of_latin(letters: list[str]) -> float:
    accents = sum(not letter.isascii() for letter in letters)
    capitals = sum(not b.isascii() and b.isupper() and a.islower() for a, b in zip(letters, letters[1:]))
    alone = accents == len(letters) < 3
    return 2.0 * (len(letters) > 2 and accents >= 0.8 * len(letters)) + capitals + 0.2 * alone


def _lacks_kana(text: str) -> bool:
    """Return whether a text has none of the letters that are in all Japanese, but in no Chinese and no Korean."""
    return not re.search("[\u3041-\u30ff]", text)
