"""Finds values that were computed from stated ones: counts, differences, sums, shares, means. Pure.

Only where the sentence says so, and only from numbers that the answer itself is about: among all numbers of a long
output some two have any difference.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow

from codeagent_nb.tracing.digits import Reading, trailing_zeros
from codeagent_nb.tracing.labels import tokens
from codeagent_nb.tracing.sources import Sources, Stated
from codeagent_nb.tracing.units import PERCENT, TIMES, Unit, conversion
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import LONGEST_SENTENCE, ways_said

FEW = 600
"""Numbers of sources all of which may be computed with."""

MOST_PAIRED = 16

MOST_COUNTED = 20
"""A whole number up to here may be a count of something that is listed."""

HUNDRED = Decimal(100)


def readings_of(value: Value) -> Iterator[Reading]:
    """Yield what a value may mean; a rough one is less exact by its zeros."""
    for reading in value.readings:
        yield reading
        zeros = trailing_zeros(reading.number / reading.step) if value.is_rough else 0
        if zeros:
            yield Reading(reading.number, reading.step.scaleb(zeros))


def rounds_to(number: Decimal, value: Value) -> bool:
    """Return whether a computed number rounds to a value, whatever its sign."""
    return any(
        abs(abs(number * scale) - abs(reading.number)) <= reading.step / 2 * (1 + Decimal("1e-9"))
        for reading in readings_of(value)
        for scale in {Decimal(1), value.scale}
    )


@dataclass(frozen=True, slots=True)
class Column:
    """The numbers of a column or a list, each under a label of its own."""

    numbers: tuple[Stated, ...]

    @property
    def total(self) -> Decimal:
        """Their sum."""
        return sum((stated.number for stated in self.numbers), Decimal(0))


def columns(sources: Sources) -> list[Column]:
    """Return the columns of sources that are not long."""
    if len(sources) > FEW:
        return []
    found: dict[tuple[int, int, str], dict[tuple[object, ...], Stated]] = {}
    for stated in sources.all():
        if not stated.is_index:
            row = (stated.place, *(label.name for label in stated.labels))
            found.setdefault(stated.column, {}).setdefault(row, stated)
    return [Column(tuple(rows.values())) for rows in found.values()]


@dataclass(frozen=True, slots=True)
class Pool:
    """What a value may have been computed from.

    Args:
        here: Numbers that its sentence states, or whose labels it names.
        cited: Numbers that the answer states.
        columns: The columns of the sources.
        units: What the sources name.
    """

    here: Sequence[Stated]
    cited: Sequence[Stated]
    columns: Sequence[Column]
    units: frozenset[Unit]


def named_in(sentence: str, found: Iterable[Column]) -> list[Stated]:
    """Return the numbers of which a label's words all stand in a sentence."""
    words = {token.word for token in tokens(sentence[:LONGEST_SENTENCE])}
    return [
        stated
        for column in found
        for stated in column.numbers
        if any(label.name and words.issuperset(label.name) for label in stated.labels)
    ]


def derived_from(value: Value, sentence: str, pool: Pool) -> str | None:
    """Return the source of the numbers that a value was computed from, as its sentence says.

    Args:
        value: The value.
        sentence: The sentence, with those that say what it is about.
        pool: What it may have been computed from.
    """
    said = set(ways_said(sentence))
    if "part" in said and value.is_count:
        said.add("difference")
    is_percent = value.unit is not None and value.unit.dimension == PERCENT
    ways = [(how, way) for how, way in _OF_TWO.items() if how in said]
    for one, other in _pairs(pool):
        factors = _factors(value.unit, one, pool.units)
        for how, way in ways:
            if how == "ratio" and is_percent and not (_is_count(one) and _is_count(other)):
                continue
            if how in {"difference", "sum"} and one.column != other.column and one.column[:2] == other.column[:2]:
                continue  # apples and pears: two columns of one table
            numbers = _tried(way, one, other, is_percent)
            by = (Decimal(1),) if how == "ratio" or is_percent else factors
            if any(rounds_to(number * factor, value) for number in numbers for factor in by):
                return one.source
    concerned = (
        {column.numbers[0].column for column in pool.columns}
        if said & {"sum", "mean"}
        else {stated.column for stated in (*pool.here, *pool.cited)}
    )
    for column in pool.columns:
        if len(column.numbers) > 1 and column.numbers[0].column in concerned:
            factors = (Decimal(1),) if is_percent else _factors(value.unit, column.numbers[0], pool.units)
            computed = _of_column(column, said, pool, is_percent)
            if any(rounds_to(number * factor, value) for number in computed for factor in factors):
                return column.numbers[0].source
    return None


def _is_count(stated: Stated) -> bool:
    """Return whether a share of a number may be asked for: shares of shares are not."""
    return abs(stated.number) > 1 and (stated.unit is None or stated.unit.dimension != PERCENT)


def _factors(unit: Unit | None, stated: Stated, units: frozenset[Unit]) -> tuple[Decimal, ...]:
    """Return what a number is multiplied with to be in a unit; nothing if it is in one that does not convert."""
    if unit is None or unit.dimension == TIMES:
        return (Decimal(1),)
    if stated.unit is not None:
        by = conversion(stated.unit, unit)
        return () if by is None else (by,)
    named = [other for other in units if other.dimension == unit.dimension]
    if not named or unit in named:
        return (Decimal(1), *_conversions(named, unit))
    return tuple(_conversions(named, unit))


def _conversions(named: Iterable[Unit], unit: Unit) -> list[Decimal]:
    return [by for other in named if other != unit and (by := conversion(other, unit)) is not None]


def _pairs(pool: Pool) -> Iterator[tuple[Stated, Stated]]:
    here, cited = pool.here[:MOST_PAIRED], pool.cited[:MOST_PAIRED]
    for one in here:
        yield from ((one, other) for other in here if other is not one)
    for one in here:
        yield from ((one, other) for other in cited if other is not one and other.column == one.column)
        yield from ((other, one) for other in cited if other is not one and other.column == one.column)
    for one in cited:
        yield from ((one, other) for other in cited if other is not one and other.column == one.column)


_Way = Callable[[Decimal, Decimal, bool], Iterable[Decimal]]


def _tried(way: _Way, one: Stated, other: Stated, is_percent: bool) -> list[Decimal]:
    try:
        return list(way(one.number, other.number, is_percent))
    except (DivisionByZero, InvalidOperation, Overflow):
        return []


def _difference(one: Decimal, other: Decimal, is_percent: bool) -> Iterator[Decimal]:
    yield one - other
    if is_percent:
        yield (one - other) * HUNDRED
        yield (one - other) / abs(other) * HUNDRED


def _sum(one: Decimal, other: Decimal, is_percent: bool) -> Iterator[Decimal]:
    yield one + other
    if is_percent:
        yield (one + other) * HUNDRED


def _ratio(one: Decimal, other: Decimal, is_percent: bool) -> Iterator[Decimal]:
    yield one / other * (HUNDRED if is_percent else 1)


def _mean(one: Decimal, other: Decimal, is_percent: bool) -> Iterator[Decimal]:  # noqa: ARG001
    yield (one + other) / 2
    yield one / other


_OF_TWO: dict[str, _Way] = {"difference": _difference, "sum": _sum, "ratio": _ratio, "mean": _mean}


def _of_column(column: Column, said: set[str], pool: Pool, is_percent: bool) -> Iterator[Decimal]:
    total = column.total
    here = [stated for stated in pool.here if stated.column == column.numbers[0].column]
    several = [here] if len(here) > 1 else []
    if "sum" in said:
        yield total
        yield from (total - stated.number for stated in here)
        yield from (sum((stated.number for stated in some), Decimal(0)) for some in several)
    if "ratio" in said and total:
        by = HUNDRED if is_percent else Decimal(1)
        yield from (stated.number / total * by for stated in here)
        yield from (sum((stated.number for stated in some), Decimal(0)) / total * by for some in several)
    if "mean" in said:
        yield total / len(column.numbers)
        yield from (sum((stated.number for stated in some), Decimal(0)) / len(some) for some in several)


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


ANSWER = "answer"
"""Stands for the answer itself, of what is counted in it."""

SOURCES = "sources"
"""Stands for all sources, of what is counted in them."""


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
