"""Owns what values of an answer may be computed from: numbers near them, named ones, columns. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from codeagent_nb.tracing.labels import Name, tokens
from codeagent_nb.tracing.sources import Sources, Stated
from codeagent_nb.tracing.units import Unit
from codeagent_nb.tracing.words import LONGEST_SENTENCE

FEW = 600
"""Numbers of a source all of which may be computed with."""


@dataclass(frozen=True, slots=True)
class Column:
    """The numbers of a column or a list, each under a label of its own."""

    numbers: tuple[Stated, ...]

    @property
    def total(self) -> Decimal:
        """Their sum."""
        return add_up(self.numbers)

    @property
    def key(self) -> tuple[int, int, str]:
        """What names it."""
        return self.numbers[0].column


def columns(sources: Sources) -> list[Column]:
    """Return the columns of the sources that are not long."""
    found: dict[tuple[int, int, str], dict[tuple[object, ...], Stated]] = {}
    for stated in sources.of_short_pages(FEW):
        if not stated.is_index:
            row = (stated.place, *(label.name for label in stated.labels))
            found.setdefault(stated.column, {}).setdefault(row, stated)
    return [Column(tuple(rows.values())) for rows in found.values()]


@dataclass(frozen=True, slots=True)
class Pool:
    """What a value may have been computed from.

    Args:
        here: Numbers that its own sentence states, the nearest first.
        named: Numbers all of whose labels the sentence names.
        partly: Numbers one of whose labels it names.
        around: Numbers that the answer states in the sentences, items or cells beside it, the nearest first.
        columns: The columns of the sources.
        units: What the sources name.
    """

    here: Sequence[Stated]
    named: Sequence[Stated]
    partly: Sequence[Stated]
    around: Sequence[Stated]
    columns: Sequence[Column]
    units: frozenset[Unit]


def named_in(sentence: str, found: Iterable[Column]) -> tuple[list[Stated], list[Stated]]:
    """Return the numbers that a sentence names: those of which it says all labels, and those with one."""
    words = {token.word for token in tokens(sentence[:LONGEST_SENTENCE])}
    known: dict[str, bool] = {}
    wholly: list[Stated] = []
    partly: list[Stated] = []
    for column in found:
        for stated in column.numbers:
            said = [
                all(_is_said(word, words, known) for word in _without_year(label.name))
                for label in stated.labels
                if label.name
            ]
            if any(said):
                (wholly if all(said) else partly).append(stated)
    return wholly, partly


def _is_said(word: str, words: set[str], known: dict[str, bool]) -> bool:
    """Return whether a word of a label is said, in whole or in part: `class` for `pclass`."""
    if word not in known:
        known[word] = word in words or (
            len(word) > 4 and any(word.endswith(other) for other in words if len(other) > 4)
        )
    return known[word]


def _without_year(name: Name) -> Name:
    return tuple(word for word in name if not (len(word) == 4 and word.isdigit())) or name


def add_up(numbers: Iterable[Stated]) -> Decimal:
    """Return the sum of numbers."""
    return sum((stated.number for stated in numbers), Decimal(0))
