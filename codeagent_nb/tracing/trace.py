"""Traces each value of an answer to what states it, or says why none does (design D25). Pure.

A value is traced if a source states a number that rounds to it, in its unit and under the name that the answer gives
it, or if the sentence says that it was computed from such numbers and it was.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from codeagent_nb.tracing.claims import Claim
from codeagent_nb.tracing.counted import ANSWER, counted_in, left_out, total_of
from codeagent_nb.tracing.derived import derived_from
from codeagent_nb.tracing.digits import Reading
from codeagent_nb.tracing.labels import tokens
from codeagent_nb.tracing.matching import Matcher, dimension_of, is_year
from codeagent_nb.tracing.mixed_units import set_apart_units
from codeagent_nb.tracing.naming import sort_out
from codeagent_nb.tracing.passages import Passage, passages
from codeagent_nb.tracing.pool import Column, Pool, columns, named_in
from codeagent_nb.tracing.prose import names_in, prose
from codeagent_nb.tracing.sources import Source, Sources, Stated
from codeagent_nb.tracing.units import MONEY, PERCENT, TIMES, Unit
from codeagent_nb.tracing.values import Value, read_values
from codeagent_nb.tracing.words import LONGEST_SENTENCE
from kernel_executor.text import shorten

NOWHERE = "not in any output"
OTHER_LABEL = "stands there under another label: {told}"
OTHER_UNIT = "in another unit: {told}"
TOLD = 80  # characters

MOST_COMPUTED = 60
"""Values of an answer that no source states and that are computed again."""

_SECOND_OF_TWO = re.compile(
    r"\d(?:[\s\x00]?[^\W\d_]{1,3}|[\s\x00]?[%$€£])?[\s\x00]?(?:[–]|\b(?:to|vs\.?|versus|bis|statt|gegen|à|contre|al?|contro|till|mot)\b)"  # noqa: RUF001
    r"[\s\x00]?[$€£]?$"
)
"""Before the second of two values that are both stated: "from 172 to 232", "77 % vs. 21 %"."""
_AFTERNOON = re.compile(r"\s?p\.?m\b", re.IGNORECASE)

MOST_BESIDE = 12
"""Values of an answer on either side of one that it may be computed from."""


@dataclass(frozen=True, slots=True)
class TracedValue:
    """A value of an answer, and where it comes from.

    Args:
        start: Where it begins in the answer.
        end: Where it ends, its unit with it.
        text: As it is written there.
        source: The id of the source that justifies it; None if none does.
        reason: Why none does; empty if one does.
    """

    start: int
    end: int
    text: str
    source: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """What came of tracing an answer.

    Args:
        values: Its values, in its order.
    """

    values: tuple[TracedValue, ...]

    @property
    def untraced(self) -> tuple[TracedValue, ...]:
        """The values that no source justifies."""
        return tuple(value for value in self.values if value.source is None)


def trace(text: str, sources: Iterable[Source]) -> Tracing:
    """Trace the values of an answer.

    Args:
        text: The answer.
        sources: What it may take values from, in the order in which they are to be named.
    """
    values = read_values(text)
    if not values:
        return Tracing(())
    return Tracing(tuple(_Tracer(text, values, Sources(sources)).traced()))


class _Tracer:
    def __init__(self, text: str, values: Sequence[Value], sources: Sources) -> None:
        self._text = prose(text)
        self._names = names_in(text)
        self._sources = sources
        self._matcher = Matcher(sources)
        self._columns: list[Column] | None = None
        self._tried = 0
        self._named: dict[str, tuple[list[Stated], list[Stated]]] = {}
        self._claims: list[tuple[Passage, Claim]] = []
        self._passages = list(_with_values(self._text, values))

    def traced(self) -> Iterator[TracedValue]:
        read = [
            (
                passage,
                [self._matcher.claim(value, passage) if value.kind == "number" else Claim(value) for value in values],
            )
            for passage, values in self._passages
        ]
        for passage, claims in read:
            sort_out(passage, [claim for claim in claims if _is_named(claim.value)], self._names)
            self._drop_unlikely(passage, claims)
        self._claims = [(passage, claim) for passage, claims in read for claim in claims]
        set_apart_units([claim for _, claim in self._claims], self._sources.units)
        for place in range(len(self._claims)):
            yield self._judged(place)

    def _drop_unlikely(self, passage: Passage, claims: Sequence[Claim]) -> None:
        """Take from whole numbers that stand alone those that are not whole and of which the passage names nothing."""
        said = {token.word for part in (passage.text, *passage.contexts) for token in tokens(part[:LONGEST_SENTENCE])}
        for claim in claims:
            if not passage.is_cell and _counts_things(claim.value):
                whole = claim.value.readings[0].number
                claim.fits = [
                    stated
                    for stated in claim.fits
                    if _is_whole(stated)
                    or (stated.unit is not None and stated.unit == claim.value.unit)
                    or abs(abs(stated.number) - whole) > 1
                    or _is_named_in(stated, said)
                ]

    def _judged(self, place: int) -> TracedValue:
        passage, claim = self._claims[place]
        value = claim.value
        if value.kind != "number":
            source = self._moment(value)
        elif claim.fits:
            source = claim.fits[0].source
        else:
            source = self._computed(place, claim, passage)
            if source is not None and value.readings:
                # What was computed may be computed with, in its turn.
                number = max(reading.number for reading in value.readings)
                near = self._near(place)
                column = near[0].column if near else (0, 0, "")
                claim.fits.append(Stated(source, value.text, number, None, (), column=column))
                claim.is_computed = True
        reason = _reason(claim) if source is None else ""
        return TracedValue(value.start, value.end, value.text, source, reason)

    def _near(self, place: int, *, is_here: bool | None = None) -> list[Stated]:
        """Return the numbers that the answer states beside a value, the nearest first.

        Args:
            place: Which of the values.
            is_here: Whether they stand in its sentence, item or cell, or outside of it; None if that is all one.
        """
        own, this = self._claims[place]
        is_small = _is_small(this.value)
        others = sorted(
            (number for number in range(place - MOST_BESIDE, place + MOST_BESIDE) if 0 <= number < len(self._claims)),
            key=lambda number: place - number if number < place else number - place + 1.5,  # what follows is further
        )
        near = [
            claim
            for number in others
            if (claim := self._claims[number][1]).fits
            and number != place
            and not is_year(claim.value)
            and claim.fits[0].column[2] != "index"
            and (number == place - 1 or not (claim.is_computed and dimension_of(claim.value.unit) == PERCENT))
            and (is_here is None or (self._claims[number][0] is own) == is_here)
        ]
        # In full, too, where a source has thousands or millions.
        near.sort(key=lambda claim: claim.is_computed or (_is_small(claim.value) and not is_small))
        return [_as_share(claim) for claim in near] + [said for claim in near if (said := _as_said(claim))]

    def _moment(self, value: Value) -> str | None:
        if value.kind == "time":
            said = value.text
            if _AFTERNOON.match(self._text, value.end):
                hour, _, rest = said.partition(":")
                said = f"{int(hour) % 12 + 12}:{rest}"
            return self._sources.time_source(said) or self._hour(said)
        return next(
            (source for source, stated in self._sources.dates for date in value.dates if date.includes(stated)), None
        )

    def _hour(self, text: str) -> str | None:
        """Return the source that states a full hour as a number: `17:00` as the row 17 of trips by hour."""
        hour, _, rest = text.partition(":")
        if rest.strip("0:") or not self._sources.has_hours:
            return None
        return next((stated.source for stated in self._sources.within(Reading(Decimal(hour), Decimal(1)))), None)

    def _computed(self, place: int, claim: Claim, passage: Passage) -> str | None:
        value = claim.value
        if self._columns is None:
            self._columns = columns(self._sources)
        if counted := counted_in(value, self._text, self._sources, self._columns):
            return counted
        beside = [other for other, one in self._claims if other is passage and one is not claim and one.fits]
        if _is_small(value) and value.readings[0].number == len(beside) > 1:
            return ANSWER  # 2 clusters with 120 and 80 points
        self._tried += 1
        if self._tried > MOST_COMPUTED or claim.misnamed or claim.is_in_wrong_unit:
            return None
        if not self._may_be_in(value.unit, place):
            return None
        if _SECOND_OF_TWO.search(self._text, max(0, value.start - 24), value.start):
            return None
        sentence = " ".join((passage.text, *passage.contexts[:1]))
        if counted := total_of(value, self._columns) or left_out(value, sentence, self._columns):
            return counted
        if sentence not in self._named:
            self._named[sentence] = named_in(sentence, self._columns)
        here, around = self._near(place, is_here=True), self._near(place, is_here=False)
        named, partly = self._named[sentence]
        return derived_from(value, sentence, Pool(here, named, partly, around, self._columns, self._sources.units))

    def _may_be_in(self, unit: Unit | None, place: int) -> bool:
        """Return whether a value may be computed in a unit: what the sources or other values of the answer are in."""
        if unit is None or unit.dimension in {PERCENT, TIMES, MONEY, "time"}:
            return True
        said = [claim.value.unit for number, (_, claim) in enumerate(self._claims) if number != place]
        return any(other and other.dimension == unit.dimension for other in (*said, *self._sources.units))


def _is_named(value: Value) -> bool:
    """Return whether a value stands under names: a moment does not, nor does a year."""
    return value.kind == "number" and not is_year(value)


def _is_small(value: Value) -> bool:
    """Return whether a value may be no more than a name, as 3 in "class 3", or a count of few things."""
    return value.is_count and value.readings[0].number <= 20


def _as_share(claim: Claim) -> Stated:
    """Return the number that a value is, as a share if the answer says so: shares of shares are not asked for."""
    stated = claim.fits[0]
    is_share = dimension_of(claim.value.unit) == PERCENT and stated.unit is None and abs(stated.number) > 1
    return replace(stated, unit=claim.value.unit) if is_share else stated


def _as_said(claim: Claim) -> Stated | None:
    """Return the number that a value is in full, if the source has it in thousands or millions."""
    stated, value = claim.fits[0], claim.value
    if value.scale != 1 and any(abs(stated.number * value.scale - one.number) <= one.step for one in value.readings):
        return replace(
            stated, number=stated.number * value.scale, column=(*stated.column[:2], f"{stated.column[2]} in full")
        )
    return None


def _counts_things(value: Value) -> bool:
    """Return whether a value likely counts things, days or times, and so few that one meets others by chance."""
    if value.kind != "number" or value.scale != 1 or dimension_of(value.unit) not in {"", TIMES, "time"}:
        return False
    reading = value.readings[0]
    return reading.step == 1 and 0 <= reading.number < 1_000 and not (value.is_rough and reading.number % 10 == 0)


def _is_whole(stated: Stated) -> bool:
    return stated.number == stated.number.to_integral_value()


def _is_named_in(stated: Stated, said: set[str]) -> bool:
    """Return whether of each of a number's labels something is said."""
    rows = [label.name for label in stated.labels if label.name and not label.group.are_columns]
    names = rows or [label.name for label in stated.labels if label.name]
    is_quartile = any(name in {("25", "%"), ("75", "%")} for name in names) and any("quart" in word for word in said)
    return is_quartile or all(any(word in said for word in name) for name in names)


def _with_values(text: str, values: Sequence[Value]) -> Iterator[tuple[Passage, list[Value]]]:
    """Yield the passages that have values, with them."""
    left = list(values)
    for passage in passages(text):
        own = []
        while left and left[0].start < passage.end:
            own.append(left.pop(0))
        if own:
            yield passage, own
    if left:
        yield Passage(left[0].start, len(text), text[left[0].start :]), left


def _reason(claim: Claim) -> str:
    if claim.misnamed:
        return OTHER_LABEL.format(told=shorten(claim.misnamed[0].told, TOLD))
    if claim.elsewhere:
        stated = claim.elsewhere[0]
        unit = f" {stated.unit.name}" if stated.unit and stated.unit.name not in stated.told else ""
        return OTHER_UNIT.format(told=f"{shorten(stated.told, TOLD)}{unit}")
    return NOWHERE
