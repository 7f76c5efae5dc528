"""Finds values that were computed from stated ones: differences, sums, shares, means. Pure.

Only where the sentence says so, only from numbers that stand near it in the answer or that it names, and only with as
many tries as a value has room for: among the differences of twenty numbers, any number of two digits is found.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from codeagent_nb.tracing.attempts import attempts
from codeagent_nb.tracing.digits import Reading, trailing_zeros
from codeagent_nb.tracing.pool import Pool
from codeagent_nb.tracing.sources import Stated
from codeagent_nb.tracing.structure import BASE, is_round
from codeagent_nb.tracing.units import PERCENT, TIMES, Unit, conversion
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import LONGEST_SENTENCE, ways_said

MOST_TRIED = (0, 10, 20, 100, 400)
"""Numbers that are computed for a value, by its significant digits."""


def readings_of(value: Value) -> Iterator[Reading]:
    """Yield what a value may mean; a rough one is less exact by its zeros."""
    for reading in value.readings:
        yield reading
        zeros = trailing_zeros(reading.number / reading.step) if value.is_rough else 0
        if zeros:
            # About 60 is no 56.
            yield Reading(reading.number, min(reading.step.scaleb(zeros), max(abs(reading.number) / 10, reading.step)))


def rounds_to(number: Decimal, value: Value) -> bool:
    """Return whether a computed number rounds to a value, whatever its sign."""
    return any(
        abs(abs(number * scale) - abs(reading.number)) <= reading.step / 2 * (1 + Decimal("1e-9"))
        for reading in readings_of(value)
        for scale in {Decimal(1), value.scale}
    )


_POINTS = re.compile(r"poi?n|pun[tk]|enheter|\bpp$|percentage", re.IGNORECASE)


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
    if "so" in said:
        said |= {"sum", "ratio", "difference"}
    base = _base_in(sentence)
    is_percent = value.unit is not None and value.unit.dimension == PERCENT
    if value.is_count or (is_percent and _POINTS.search(value.text)):
        said -= {"ratio"}  # 58 outliers are no ratio
    if value.unit is not None and value.unit.dimension == TIMES:
        said &= {"ratio", "top"}
    is_below_one = abs(value.readings[0].number) < 1
    tried: set[Decimal] = set()
    most = MOST_TRIED[min(_digits(value), len(MOST_TRIED) - 1)] // (2 if is_percent else 1)
    for computed in attempts(said, pool, base, is_percent=is_percent):
        if computed.is_change and "ratio" not in said:
            continue
        if computed.is_pure and not is_percent and (abs(computed.number) < 1) != is_below_one:
            continue
        tried.add(abs(computed.number))
        if len(tried) > most:
            return None
        factors = (Decimal(1),) if computed.is_pure else _factors(value.unit, computed.one, pool.units)
        if any(rounds_to(computed.number * factor, value) for factor in factors):
            return computed.one.source
    return None


def _digits(value: Value) -> int:
    """Return how many significant digits a value has."""
    reading = value.readings[0]
    digits = str(abs(int(reading.number / reading.step))) if reading.step else "0"
    return max(1, len(digits.rstrip("0") if value.is_rough else digits))


def _base_in(sentence: str) -> Decimal | None:
    """Return the ten, hundred or thousand for each of which a sentence says something."""
    for found in BASE.finditer(sentence[:LONGEST_SENTENCE]):
        number = Decimal(re.sub(r"\D", "", found[1]))
        if is_round(number):
            return number
    return None


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
