"""Finds values that count what an answer or a source lists, or what was left out of it. Pure."""

import re
from collections.abc import Iterator, Sequence

from codeagent_nb.tracing.pool import Column
from codeagent_nb.tracing.sources import Sources, Stated
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import LONGEST_SENTENCE

MOST_COUNTED = 20
"""A whole number up to here may be a count of something that is listed."""

MOST_SUMMED = 40
"""Rows of a column of counts whose total may be said without a word for it."""

ANSWER = "answer"
"""Stands for the answer itself, of what is counted in it."""

SOURCES = "sources"
"""Stands for all sources, of what is counted in them."""


def counted_in(value: Value, text: str, sources: Sources, found: Sequence[Column]) -> str | None:
    """Return what lists as many things as a small whole number says: a source, or `answer`; None if nothing does."""
    number = value.readings[0].number
    if not value.is_count or not 0 < number <= MOST_COUNTED:
        return None
    if any(number == count for count in _listed(text)):
        return ANSWER
    for column in found:
        if len(column.numbers) == number and number > 1:
            return column.numbers[0].source
    if any(len(group.names) == number for group in sources.groups if number > 1):
        return SOURCES
    return None


def _listed(text: str) -> Iterator[int]:
    """Yield how many items each list of an answer has."""
    items = 0
    for line in [*text.split("\n"), ""]:
        if line.lstrip(" \t\x00")[:1] in {"-", "*", "•", "|"} or line.lstrip(" \t\x00")[:1].isdigit():
            items += 1
        elif line.strip():
            if items:
                yield items
                yield items - 2  # rows of a table, below its header
            items = 0
    yield items
    yield items - 2


def total_of(value: Value, found: Sequence[Column]) -> str | None:
    """Return the source of a column of counts that a value is the total of: `891 passengers` need no other word."""
    if not value.is_count or not value.readings[0].number > MOST_COUNTED:
        return None
    wanted = {reading.number for reading in value.readings}
    for column in found:
        if 1 < len(column.numbers) <= MOST_SUMMED and column.total in wanted and all(map(_is_count, column.numbers)):
            return column.numbers[0].source
    return None


def _is_count(stated: Stated) -> bool:
    return stated.number >= 0 and stated.number == stated.number.to_integral_value() and stated.unit is None


LEFT_OUT = re.compile(
    r"remov|drop|delet|discard|exclud|filter|duplicat|fewer|gone|left out|clean"
    r"|entfern|gelösch|bereinig|doppel|duplikat|ausgeschl|verworfen|weggelassen"
    r"|supprim|élimin|doublon|retir|exclu|filtr|eliminad|eliminar|duplicad|descart"
    r"|rimoss|eliminat|duplicat|scartat|esclus|borttag|ta[gs]its bort|togs bort|dubblett",
    re.IGNORECASE,
)
"""What a sentence says in which a value may be the difference of a source's "before" and "after"."""

_BEFORE_AND_AFTER = re.compile(
    r"->|→|=>|\b(?:before|after|from|remain|left|kept|vorher|nachher|vor|nach|avant|après|antes|después|prima"
    r"|dopo)\b",
    re.IGNORECASE,
)
LONGEST = 300  # characters of a line in which those words are looked for
MOST_APART = 3  # numbers between "before" and "after"


def left_out(value: Value, sentence: str, found: Sequence[Column]) -> str | None:
    """Return the source whose numbers of "before" and "after" differ by a value."""
    if not value.is_count or not LEFT_OUT.search(sentence[:LONGEST_SENTENCE]):
        return None
    places = {
        (stated.column[0], *stated.place): stated
        for column in found
        for stated in column.numbers
        if _BEFORE_AND_AFTER.search(stated.line[:LONGEST])
    }
    numbers = [stated for _, stated in sorted(places.items(), key=lambda item: item[0])]
    for place, one in enumerate(numbers):
        for other in numbers[place + 1 : place + 1 + MOST_APART]:
            if abs(one.number - other.number) == value.readings[0].number > 0:
                return one.source
    return None
