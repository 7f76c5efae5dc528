"""Reads the values of an answer: its numbers, dates and times, and what does not count as one. Pure.

Code, addresses, names such as `x1`, versions, list markers and what orders or numbers something are not values.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Literal

from codeagent_nb.tracing import words
from codeagent_nb.tracing.dates import Date, dates_in, times_in
from codeagent_nb.tracing.digits import IN_PROSE, Reading, readings
from codeagent_nb.tracing.units import Unit, scale_after, unit_after, unit_before

MOST_READ = 60_000
"""Characters of an answer that are read."""

MOST_VALUES = 1_000
"""Numbers of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a text states.

    Args:
        start: Where it begins.
        end: Where it ends, its unit with it.
        text: As it is written.
        kind: What it is.
        readings: The numbers it may mean, the likelier first.
        unit: Its unit, if it names one.
        scale: What a word such as "million" has multiplied its readings with.
        is_rough: Whether the text says that it is rounded.
        dates: The dates it may mean.
    """

    start: int
    end: int
    text: str
    kind: Literal["number", "date", "time"] = "number"
    readings: tuple[Reading, ...] = ()
    unit: Unit | None = None
    scale: Decimal = Decimal(1)
    is_rough: bool = False
    dates: tuple[Date, ...] = ()

    @property
    def is_count(self) -> bool:
        """Whether it may be a count of things: a whole number that is not negative, without a unit."""
        number = self.readings[0] if self.readings else None
        return bool(number and self.unit is None and number.step == 1 and self.scale == 1 and number.number >= 0)


_FENCE = re.compile(r"^ {0,3}(`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_NO_PROSE = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|!?\[(?P<link>[^\[\]\n]{0,200}+)\]\([^)\n]{0,2000}\)"
    r"|\b(?:https?|ftp|file)://\S+|\bwww\.\S+"
    r"|(?<![\w./])(?:[\w.-]{0,60}/){1,20}[\w.-]{1,100}\.[A-Za-z]\w{1,5}\b|\b[\w-]{1,80}\.(?:csv|tsv|xlsx?"
    r"|json|parquet|png|svg|pdf|txt|py|ipynb|html?|zip|gz)\b"
    r"|\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|</?[a-zA-Z][^<>\n]{0,300}>",
    re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,300})\1(?!`)")
_FILE = re.compile(r"(?!0x)[\w./-]+\.\w{1,7}$")
_NAME = re.compile(r"[\w .%/:+-]+")
_QUOTED = re.compile(
    r"(?:[^\W\d][\w %-]{0,40}[:=])?\s*[~≈<>$€£₹]?\s?[-+−]?[\d.,'\s\u00a0\u202f]{1,40}"  # noqa: RUF001
    r"(?:[eE][-+]?\d{1,3})?\s?(?:%|[^\W\d_]{1,8})?\s*"
)
"""What of inline code is a value: `3700.66 g`, `mean = 3700.66`."""

_EMPHASIS = re.compile(r"[*_]{1,3}(?=[\d$€£¥₹~≈+\-−.])|(?<=[\d%€$)\w.])\*{1,3}|\\(?=[%$_#&~<>])")  # noqa: RUF001


def prose(text: str) -> str:
    """Return a text with all that states no value blanked, at the same length."""
    text = _FENCE.sub(_blank, text[:MOST_READ])
    text = _NO_PROSE.sub(_unlinked, text)
    text = _SPAN.sub(_code_span, text)
    return _EMPHASIS.sub(_blank, text)


def names_in(text: str) -> str:
    """Return a text in which names are looked for, at the same length: as `prose`, but with files and columns in it."""
    text = _FENCE.sub(_blank, text[:MOST_READ])
    text = _NO_PROSE.sub(lambda match: match[0] if _FILE.match(match[0]) else _unlinked(match), text)
    text = _SPAN.sub(lambda match: _bare(match) if _NAME.fullmatch(match[2]) else _blank(match), text)
    return _EMPHASIS.sub(_blank, text)


def _bare(match: re.Match[str]) -> str:
    edge = "\x00" * len(match[1])
    return f"{edge}{match[2]}{edge}"


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "\x00", match[0])


def _unlinked(match: re.Match[str]) -> str:
    if match["link"] is None:
        return _blank(match)
    start, end = match.span("link")
    return "\x00" * (start - match.start()) + match["link"] + "\x00" * (match.end() - end)


def _code_span(match: re.Match[str]) -> str:
    if not _QUOTED.fullmatch(match[2]):
        return match[0] if re.fullmatch(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*", match[2]) else _blank(match)
    return _bare(match)


def read_values(text: str) -> tuple[Value, ...]:
    """Return the values that a text states, in its order."""
    shown = prose(text)
    found = list(_moments(shown))
    for value in found:
        shown = f"{shown[: value.start]}{'#' * (value.end - value.start)}{shown[value.end :]}"
    flat = shown.replace("\x00", "")
    back = [place for place, letter in enumerate(shown) if letter != "\x00"]
    for value in islice(_numbers(flat), MOST_VALUES):
        start, end = back[value.start], back[value.end - 1] + 1
        found.append(replace(value, start=start, end=end))
    return tuple(sorted(found, key=lambda value: value.start))


def _moments(text: str) -> Iterator[Value]:
    """Yield dates and times; what is blanked parts nothing, so that a bold date stays one."""
    end = 0
    for start, stop, meant in dates_in(text):
        yield Value(start, stop, text[start:stop], "date", dates=meant)
    for start, stop, _ in times_in(text):
        if start >= end:
            yield Value(start, stop, text[start:stop], "time")


def _numbers(text: str) -> Iterator[Value]:
    for found in islice(IN_PROSE.finditer(text), 4 * MOST_VALUES):
        value = _value(text, found)
        if value and not _is_structure(text, found, value):
            yield value


_GLUED = re.compile(r"[^\W\d_]{1,20}+[²³]?|[º°ª]")


def _value(text: str, found: re.Match[str]) -> Value | None:
    start, end = found.span()
    meant = readings(found)
    glued = _GLUED.match(text, end)
    scale, end = scale_after(text, end)
    unit, stop = unit_after(text, end)
    if glued and end == found.end() and not (unit and stop >= glued.end()):
        return None  # an ordinal, or a name
    if glued and glued[0] == "s" and 1_000 <= meant[0].number < 2_200 and meant[0].step == 1:
        return None  # the 1990s
    before, begins = unit_before(text, start + len(found["sign"] or ""))
    unit, start = (before, min(start, begins)) if before and not (unit and unit.dimension == "money") else (unit, start)
    if scale != 1:
        meant = tuple(reading.scaled(scale) for reading in meant)
    is_rough = bool(words.ROUGH.search(text, max(0, start - 25), start))
    return Value(start, stop, text[start:stop], readings=meant, unit=unit, scale=scale, is_rough=is_rough)


_MARKER = re.compile(r"(?:^|\n)[ \t>]*(?:#{1,6}[ \t]+|[-*][ \t]+)?\(?$")
_AFTER_MARKER = re.compile(r"[.)](?=\s)")
_ENDS = re.compile(r"[^\W\d_]-$|#$")


def _is_structure(text: str, found: re.Match[str], value: Value) -> bool:
    """Return whether a number numbers, orders or belongs to a convention, and states nothing."""
    start, end = found.span()
    before = text[max(0, start - 45) : start]
    number = value.readings[0]
    is_small = number.step == 1 and 0 <= number.number <= 100 and not found["sign"]
    if is_small and _MARKER.search(text, max(0, start - 20), start) and _AFTER_MARKER.match(text, end):
        return True
    if words.STRUCTURE_AFTER.match(text, end) and number.number <= 100:
        return True
    if words.CONVENTION_BEFORE.search(before) and number.number in words.CONVENTIONAL:
        return True
    if words.PERCENTILE_BEFORE.search(before) and number.number <= 100:
        return True
    if number.number in {0, 1, 100} and value.is_count and words.RANGE_BEFORE.search(before):
        return True
    return _is_numbering(before, value, is_small=is_small)


def _is_numbering(before: str, value: Value, *, is_small: bool) -> bool:
    if _ENDS.search(before) and not words.ROUGH.search(before):
        return True  # COVID-19, top-5, #1
    is_bare = value.unit is None and value.scale == 1
    return bool(is_bare and (is_small or value.readings[0].step < 1) and words.STRUCTURE_BEFORE.search(before))
