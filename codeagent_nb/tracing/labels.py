"""Owns labels: what a printed number stands under, and what that label is told apart from. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from codeagent_nb.tracing.synonyms import canonical
from codeagent_nb.tracing.units import unit_of
from codeagent_nb.tracing.words import IN_THOUSANDS, STATISTICS, STOP

Name = tuple[str, ...]

MOST_NAMES = 3_000
"""Names that are kept of one column."""

_WORD = re.compile(
    r"[♀♂]|(?<=\d{4})Q[1-4](?!\w)|(?<![^\W_])[A-Za-z]{1,3}[\d²³]{1,4}(?![^\W_])|[A-ZÄÖÜ]?[a-zà-öø-ÿß]{1,60}+"
    r"|[A-ZÄÖÜÉ]{1,60}+"
    r"(?![a-zß])|[^\W\d_]{1,60}|\d{1,20}+"
)
_YEAR = re.compile(r"\d{4}-$")
_YEAR_AND_MONTH = re.compile(r"\d{4}-\d\d-$")
_CODE = re.compile(r"[A-Za-z][\d²³]")
_PARENTHESES = re.compile(r"[(\[]([^()\[\]]{0,30})[)\]]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word that may tell a label.

    Args:
        word: In the form in which words are compared.
        start: Where it begins.
        end: Where it ends.
    """

    word: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of a text that may tell labels apart: a day behind its month, a quarter as one word."""
    held: Token | None = None
    for token in _words(text):
        if held and token.word.startswith("month-"):
            yield token
            yield held
            held = None
        elif held and token.word in _QUARTERS and len(held.word) == 1:
            yield Token(f"q{held.word}", held.start, token.end)
            held = None
        else:
            if held:
                yield held
            held = token if len(token.word) < 3 and token.word.isdigit() else None
            if not held:
                yield token
    if held:
        yield held


_QUARTERS = frozenset({"quarter", "quartal", "trimestre", "kvartal"})


def _words(text: str) -> Iterator[Token]:
    previous = ""
    for found in _WORD.finditer(text):
        written = found[0]
        if dated := _date_part(text, found):
            yield Token(dated, found.start(), found.end())
            continue
        if written == "s" and text[found.start() - 1 : found.start()] in {"'", "’"}:  # noqa: RUF001
            continue
        if _CODE.search(written):
            word = written.casefold().replace("²", "2")
        elif len(written) == 1 and not written.isdigit() and written not in "♀♂":
            word = written if _is_letter_name(text, found, previous) else ""
        else:
            word = canonical(written) or _plain(written.casefold())
        previous = word or written
        if word:
            yield Token(word, found.start(), found.end())


_KINDS = """
group gruppe groupe grupo gruppo grupp variant variante class klasse classe clase type typ tipo cluster
category kategorie catégorie categoría categoria grade grado stufe level niveau nivel livello section team
plan option model modell modèle modelo modello sample probe job task line product produkt produit producto
prodotto version station site zone zona
"""
_OF_A_KIND = frozenset(_KINDS.split())


def _is_letter_name(text: str, found: re.Match[str], previous: str) -> bool:
    """Return whether a single letter is a name, as in "group A", and no word."""
    letter = found[0]
    if not letter.isupper():
        return False
    after = text[found.end() : found.end() + 2]
    return previous in _OF_A_KIND or letter not in "AIOEY" or not re.match(r" [a-zà-ÿ]", after)


def _date_part(text: str, found: re.Match[str]) -> str:
    """Return the month or the day of a date as programs write it, in the form in which words are compared."""
    start, end = found.span()
    if end - start != 2 or text[start - 1 : start] != "-" or not found[0].isdigit():
        return ""
    if _YEAR.search(text, max(0, start - 5), start):
        return f"month-{int(found[0])}"
    return str(int(found[0])) if _YEAR_AND_MONTH.search(text, max(0, start - 8), start) else ""


def _plain(word: str) -> str:
    if word in STOP:
        return ""
    if word in STATISTICS:
        return STATISTICS[word]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


_WHOLE: dict[str, Name] = {
    "50%": ("median",),
    "25%": ("25", "%"),
    "75%": ("75", "%"),
    "F": ("female",),
    "M": ("male",),
    "f": ("female",),
    "m": ("male",),
}
"""Labels that are known as a whole."""


@lru_cache(maxsize=2_048)
def name_of(label: str) -> Name:
    """Return the words that tell a label, without units."""
    if (known := _WHOLE.get(label.strip())) is not None:
        return known
    label = _PARENTHESES.sub(lambda found: " " if unit_of(found[1].strip()) else found[0], label[:200])
    name = [token.word for token in tokens(label)]
    last = re.split(r"[\s_]", label.strip())[-1]
    if (
        len(name) > 1 and "_" in label and unit_of(last) and last not in {"min", "max"} and name[-1] == _plain(last)
    ) or (len(name) > 1 and IN_THOUSANDS.fullmatch(last)):
        name.pop()
    return tuple(name)


@dataclass(slots=True)
class Group:
    """Labels of one row, column or list, which are told apart.

    Args:
        names: Each name and a label as it is written.
        are_columns: Whether they head columns.
    """

    names: dict[Name, str] = field(default_factory=dict)
    are_columns: bool = False
    _by_word: dict[str, set[Name]] | None = None

    def add(self, label: str) -> Name:
        """Take in a label; return its name."""
        name = name_of(label)
        if name and len(self.names) < MOST_NAMES:
            self.names.setdefault(name, label)
        return name

    def with_any(self, found: Iterable[str]) -> set[Name]:
        """Return the names that have any of these words."""
        if self._by_word is None:
            self._by_word = {}
            for name in self.names:
                for word in name:
                    self._by_word.setdefault(word, set()).add(name)
        return {name for word in found for name in self._by_word.get(word, ())}


@dataclass(frozen=True, slots=True)
class Label:
    """A label that a number stands under.

    Args:
        name: The words that tell it.
        text: As it is written.
        group: What it is told apart from.
    """

    name: Name
    text: str
    group: Group = field(compare=False, hash=False)


def contrast(name: Name, other: Name) -> tuple[Name, Name, Name, Name]:
    """Return what two names begin and end with alike, and what each has between."""
    first = 0
    while first < min(len(name), len(other)) and name[first] == other[first]:
        first += 1
    last = 0
    while last < min(len(name), len(other)) - first and name[-1 - last] == other[-1 - last]:
        last += 1
    return name[:first], name[len(name) - last :], name[first : len(name) - last], other[first : len(other) - last]
