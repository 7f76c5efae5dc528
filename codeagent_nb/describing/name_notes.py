"""Notes on names of columns that are easily written wrongly. Pure; runs *in the kernel*, see `describe_file.py`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

GREEK = "[\u0391\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf]"
"""The Greek letters that are taken for Latin ones."""


def note_on_name(name: Any) -> str:
    """Return what is not seen at first sight in a name; empty if it reads as it is written."""
    if type(name) is not str or not name:
        return "the name is an empty text" if name == "" and type(name) is str else ""
    if not name.strip():
        return "the name is white space"
    ends = [end for end, is_there in (("starts", name[0].isspace()), ("ends", name[-1].isspace())) if is_there]
    if ends:
        return f"the name {' and '.join(ends)} with a {'space' if {name[0], name[-1]} & {' '} else 'white space'}"
    return _note_on_letters(name)


def _note_on_letters(name: str) -> str:
    if re.search(r"[\r\n]", name):
        return "the name has a line end"
    if re.search(r"\s\s", name):
        return "the name has two spaces together"
    odd = next((sign for sign in name if sign != " " and unicodedata.category(sign) in ("Zs", "Cf", "Cc")), "")
    if odd:
        return f"the name has {odd!a}, {unicodedata.name(odd, 'a control character').lower()}"
    typed = next((sign for sign in name if unicodedata.category(sign) in ("Pd", "Pi", "Pf") and not sign.isascii()), "")
    if typed:
        return f"the name has {typed!a}, {unicodedata.name(typed).lower()}"
    return "the name has letters of two alphabets" if any(map(_is_mixed, re.findall(r"\w+", name))) else ""


def _is_mixed(word: str) -> bool:
    """Return whether a word has Latin letters and others that look like them."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in word if letter.isalpha()}
    return "LATIN" in scripts and ("CYRILLIC" in scripts or bool(re.search(GREEK, word)))


def notes_on_names(names: Sequence[Any], written: Sequence[str] = ()) -> list[str]:
    """Return a note on each name, or an empty text.

    Args:
        names: Of the columns, as they are read.
        written: The same as the file has them, if that is known: pandas makes `a.1` of a second `a`.
    """
    texts = [name if type(name) is str else "" for name in names]
    notes = [note_on_name(name) for name in names]
    folded: dict[str, int] = {}
    places: dict[str, int] = {}
    for at, name in enumerate(texts):
        file_name = written[at] if len(written) == len(texts) else name
        if re.fullmatch(rf"Unnamed: {at}(_level_\d+)?", name):
            notes[at] = notes[at] or "the file has no name for it"
        elif file_name in places and name:
            notes[at] = _on_second(places[file_name], file_name, name)
        elif (key := " ".join(name.casefold().split())) in folded and key:
            notes[at] = notes[at] or f"differs from {short_name(texts[folded[key]])} only in case or spaces"
        places.setdefault(file_name, at)
        folded.setdefault(" ".join(name.casefold().split()), at)
    return notes


def _on_second(first: int, written: str, name: str) -> str:
    if written == name:
        return f"the same name as column {first + 1}"
    return f"{short_name(written)} in the file, the same name as column {first + 1}"


def short_name(name: str) -> str:
    """Return a name as code writes it, in short."""
    return repr(name if len(name) <= 40 else f"{name[:37]}...")
