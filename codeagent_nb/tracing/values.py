"""Reads the values of an answer: its numbers, dates and times, and what does not count as one. Pure.

Code, addresses, names such as `x1`, versions, list markers and what orders or numbers something are not values.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Literal

from codeagent_nb.tracing import words
from codeagent_nb.tracing.dates import Date, dates_in, times_in
from codeagent_nb.tracing.digits import IN_PROSE, Reading, readings
from codeagent_nb.tracing.durations import printed_in, said_in
from codeagent_nb.tracing.prose import prose
from codeagent_nb.tracing.structure import Number, is_structure
from codeagent_nb.tracing.units import UNITS, Unit, scale_after, unit_after, unit_before

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
        is_hour: Whether it is an hour of the day: `17 Uhr`, `8 am`.
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
    is_hour: bool = False

    @property
    def is_count(self) -> bool:
        """Whether it may be a count of things: a whole number that is not negative, without a unit."""
        number = self.readings[0] if self.readings else None
        return bool(number and self.unit is None and number.step == 1 and self.scale == 1 and number.number >= 0)


def read_values(text: str) -> tuple[Value, ...]:
    """Return the values that a text states, in its order."""
    shown = prose(text)
    found = list(_moments(shown))
    for value in found:
        shown = f"{shown[: value.start]}{MOMENT * (value.end - value.start)}{shown[value.end :]}"
    flat = shown.replace("\x00", "")
    back = [place for place, letter in enumerate(shown) if letter != "\x00"]
    for value in islice(_numbers(flat), MOST_VALUES):
        start, end = back[value.start], back[value.end - 1] + 1
        found.append(replace(value, start=start, end=end))
    read = sorted(_in_one_style(found, shown), key=lambda value: value.start)
    return tuple(_scaled_alike(value, read[place + 1 :][:1], shown) for place, value in enumerate(read))


_UP_TO = re.compile(r"[\s\x00]*(?:to|and|or|bis|und|auf|à|et|al?|y|ed?|till|och|[–-])[\s\x00]*(?:[$€£]|US\$)?")  # noqa: RUF001


def _scaled_alike(value: Value, after: Sequence[Value], text: str) -> Value:
    """Return a value with the word behind the next one, too: "from 1.1 to 2.2 million"."""
    scale = after[0].scale if after else Decimal(1)
    if (
        scale == 1
        or value.scale != 1
        or value.kind != "number"
        or not _UP_TO.fullmatch(text, value.end, after[0].start)
    ):
        return value
    return replace(value, readings=(*(one.scaled(scale) for one in value.readings), *value.readings), scale=scale)


def _in_one_style(values: Sequence[Value], text: str) -> Iterator[Value]:
    """Yield the values, those of two readings with the one that fits how the answer writes its other numbers."""
    marks = {found[1] for value in values if len(value.readings) == 1 and (found := _DECIMALS.search(value.text))}
    if not marks and len(_ENGLISH.findall(text)) > 1:
        marks = {"."}
    for value in values:
        ambiguous = _AMBIGUOUS.search(value.text) if len(value.readings) > 1 and len(marks) == 1 else None
        if ambiguous:
            is_decimal = ambiguous[1] in marks
            kept = [reading for reading in value.readings if (reading.step < value.scale) == is_decimal]
            yield replace(value, readings=tuple(kept) or value.readings)
        else:
            yield value


def _moments(text: str) -> Iterator[Value]:
    """Yield dates, times and durations; what is blanked parts nothing, so that a bold date stays one."""
    end = 0
    for start, stop, seconds, last in said_in(text):
        # 8 h 57 min 40 s are 8 h 57 min or 8 h 58 min.
        yield Value(start, stop, text[start:stop], readings=(Reading(seconds, 2 * last),), unit=UNITS["s"])
    for start, stop, meant in dates_in(text):
        yield Value(start, stop, text[start:stop], "date", dates=meant)
    for start, stop, _ in times_in(text):
        said = text[start:stop]
        if said.count(":") > 1:
            seconds = next(seconds for _, _, seconds in printed_in(said))
            yield Value(start, stop, said, readings=(Reading(seconds, Decimal(1)),), unit=UNITS["s"])
        elif start >= end:
            yield Value(start, stop, said, "time")


def _numbers(text: str) -> Iterator[Value]:
    for found in islice(IN_PROSE.finditer(text), 4 * MOST_VALUES):
        value = _value(text, found)
        if value and not is_structure(
            Number(text, *found.span(), value.readings[0], value.unit is None and value.scale == 1, bool(found["sign"]))
        ):
            yield value


MOMENT = "¤"
"""Stands for what is a date or a time where numbers are looked for."""

_ENGLISH = re.compile(
    r"\b(?:the|average|takes?|there|most|highest|lowest|of|is|are|and|with|has|was|were|on|which|than)\b"
)
_DECIMALS = re.compile(r"\d([.,])(?:\d{1,2}|\d{4,})(?!\d)")
_AMBIGUOUS = re.compile(r"\d([.,])\d{3}(?!\d)")
_CLOCK = re.compile(r"[  ]?(?:(?P<half>[ap])\.?m\b\.?|uhr\b|o['’]clock\b)", re.IGNORECASE)  # noqa: RUF001


def _hour(text: str, start: int, clock: re.Match[str], reading: Reading) -> Value:
    number = reading.number + (12 if (clock["half"] or "").casefold() == "p" and reading.number < 12 else 0)
    meant = (Reading(number, reading.step),)
    return Value(start, clock.end(), text[start : clock.end()], readings=meant, is_hour=True)


_GLUED = re.compile(r"[^\W\d_]{1,20}+[²³]?|[º°ª]")


def _value(text: str, found: re.Match[str]) -> Value | None:
    start, end = found.span()
    meant = readings(found)
    glued = _GLUED.match(text, end)
    scale, end = scale_after(text, end)
    unit, stop = unit_after(text, end)
    if glued and end == found.end() and not (unit and stop >= glued.end()) and not _CLOCK.match(text, end):
        return None  # an ordinal, or a name
    if glued and glued[0] == "s" and 1_000 <= meant[0].number < 2_200 and meant[0].step == 1:
        return None  # the 1990s
    before, begins = unit_before(text, start + len(found["sign"] or ""))
    unit, start = (before, min(start, begins)) if before and not (unit and unit.dimension == "money") else (unit, start)
    if scale != 1:
        meant = tuple(reading.scaled(scale) for reading in meant)
    if (clock := _CLOCK.match(text, found.end())) and meant[0].step == 1 and 0 <= meant[0].number <= 24:
        return _hour(text, start, clock, meant[0])
    is_rough = bool(words.ROUGH.search(text, max(0, start - 25), start))
    return Value(start, stop, text[start:stop], readings=meant, unit=unit, scale=scale, is_rough=is_rough)
