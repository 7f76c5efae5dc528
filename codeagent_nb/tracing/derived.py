"""Finds values that were computed from stated ones: differences, sums, shares, means. Pure.

Only where the sentence says so, only from numbers that stand near it in the answer or that it names, and only with as
many tries as a value has room for: among the differences of twenty numbers, any number of two digits is found.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow

from codeagent_nb.tracing.digits import Reading, trailing_zeros
from codeagent_nb.tracing.labels import Name, tokens
from codeagent_nb.tracing.sources import Sources, Stated
from codeagent_nb.tracing.structure import BASE, is_round
from codeagent_nb.tracing.units import PERCENT, TIMES, Unit, conversion
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import LONGEST_SENTENCE, ways_said

FEW = 600
"""Numbers of a source all of which may be computed with."""

MOST_NEAR = 10

MOST_PAIRED = 12
"""Columns, and numbers of each, whose neighbours are added up."""

MOST_TRIED = (0, 10, 20, 100, 400)
"""Numbers that are computed for a value, by its significant digits."""

HUNDRED = Decimal(100)


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


@dataclass(frozen=True, slots=True)
class Column:
    """The numbers of a column or a list, each under a label of its own."""

    numbers: tuple[Stated, ...]

    @property
    def total(self) -> Decimal:
        """Their sum."""
        return _sum(self.numbers)

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
        known[word] = word in words or (len(word) > 4 and any(word.endswith(other) for other in words if len(other) > 4))
    return known[word]


def _without_year(name: Name) -> Name:
    return tuple(word for word in name if not (len(word) == 4 and word.isdigit())) or name


_POINTS = re.compile(r"poi?n|pun[tk]|enheter|\bpp$|percentage", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Computed:
    number: Decimal
    one: Stated
    is_pure: bool = False
    """Whether it has no unit of its own, as a share has none."""
    is_change: bool = False
    """Whether it is a change relative to a number, which is never one in points."""


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
    if is_percent and _POINTS.search(value.text):
        said -= {"ratio"}
    is_below_one = abs(value.readings[0].number) < 1
    tried: set[Decimal] = set()
    most = MOST_TRIED[min(_digits(value), len(MOST_TRIED) - 1)] // (2 if is_percent else 1)
    for computed in _attempts(said, pool, base, is_percent):
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


def _attempts(said: set[str], pool: Pool, base: Decimal | None, is_percent: bool) -> Iterator[_Computed]:
    try:
        near = pool.here[:MOST_NEAR]
        if base:
            yield from (_Computed(stated.number * base, stated) for stated in (*near, *pool.around[:MOST_NEAR]))
            yield from (_Computed(stated.number * base, stated) for stated in pool.named[:MOST_NEAR])
        if is_percent and "ratio" in said:
            yield from _of_pairs(_pairs_of(near[:3]), {"ratio"}, is_percent)
            yield from _shares(near[:2], pool.columns, said)
            if "so" in said:
                yield from _of_groups(near, {"ratio"}, pool, is_percent)
        yield from _of_pairs(_pairs_of(near), said, is_percent, is_mixed=True)
        if is_percent and "ratio" in said:
            yield from _shares_of(near[:2], pool.columns)
        if "part" in said and "difference" in said:
            yield from _of_pairs(_pairs_in_row(near, pool.columns), {"difference"}, False, is_mixed=True)
        yield from _of_groups(near, said, pool, is_percent)
        alike = [(one, other) for one in near[:3] for other in (*pool.named, *pool.partly) if one.column == other.column]
        yield from _of_pairs(alike[:MOST_NEAR], said, is_percent)
        joined = said | {"sum"} if "joined" in said else said
        yield from _of_pairs(_pairs_of(pool.named[:MOST_NEAR], alike=True), joined, is_percent)
        yield from _of_groups(pool.named[:MOST_NEAR], said, pool, is_percent)
        named = [*pool.named, *pool.partly][:MOST_NEAR]
        yield from _of_pairs(_pairs_of(named, alike=True), said, is_percent)
        around = pool.around[:MOST_NEAR]
        if not near:
            yield from _of_pairs(_pairs_of(around, alike=True), said, is_percent)
        yield from _of_pairs(_across(near, named), said, is_percent)
        yield from _of_pairs(_across(pool.named[:3], around), said, is_percent)
        yield from _of_pairs(_across(pool.partly[:MOST_NEAR], around), said - {"ratio"} if is_percent else said, is_percent)
        yield from _of_columns({stated.column for stated in (*near, *named, *around)}, said, pool, is_percent)
        yield from _of_pairs(_across(near, around), said, is_percent)
        yield from _of_pairs(_pairs_of(around, alike=True), said, is_percent)
        yield from _of_groups(around, said, pool, is_percent)
        yield from _of_groups(pool.partly[:MOST_NEAR], said, pool, is_percent)
        yield from _of_all_columns(said, pool)
        if "sum" in said:
            yield from _of_neighbours(pool)
    except (DivisionByZero, InvalidOperation, Overflow):
        return


def _shares(near: Sequence[Stated], found: Sequence[Column], said: set[str]) -> Iterator[_Computed]:
    """Yield the shares that the nearest numbers are of their columns, and of the days of a year."""
    for stated in near:
        whole = next((column.total for column in found if column.key == stated.column), None)
        if whole and _is_count(stated):
            yield _Computed(stated.number / whole * HUNDRED, stated, True)
        if "days" in said:
            yield _Computed(stated.number / 365 * HUNDRED, stated, True)


def _shares_of(near: Sequence[Stated], found: Sequence[Column]) -> Iterator[_Computed]:
    """Yield the shares that the numbers of a column have of the nearest numbers, where those are its total."""
    for stated in near:
        for column in found if stated.number else ():
            if abs(column.total - stated.number) <= abs(stated.number) / 1000 and 1 < len(column.numbers) <= MOST_NEAR:
                yield from (_Computed(one.number / stated.number * HUNDRED, stated, True) for one in column.numbers)


def _pairs_of(numbers: Sequence[Stated], *, alike: bool = False) -> Iterator[tuple[Stated, Stated]]:
    for apart in range(1, len(numbers)):
        for one, other in zip(numbers, numbers[apart:], strict=False):
            if not alike or one.column == other.column or _is_listed(one, other):
                yield one, other


def _across(some: Sequence[Stated], others: Sequence[Stated]) -> Iterator[tuple[Stated, Stated]]:
    """Yield pairs of which one is near and the other is not; of one table, those of one column."""
    for one in some:
        for other in others:
            if one.column == other.column or one.column[:2] != other.column[:2]:
                yield one, other


def _pairs_in_row(numbers: Sequence[Stated], found: Sequence[Column]) -> Iterator[tuple[Stated, Stated]]:
    """Yield numbers with others of their row: of 891 rows, 714 have an age."""
    for one in numbers[:3]:
        for column in found:
            if column.key[:2] == one.column[:2]:
                yield from ((one, other) for other in column.numbers if other.place[0] == one.place[0])


def _is_listed(one: Stated, other: Stated) -> bool:
    """Return whether two numbers stand in lists beside each other, as the rows of a matrix do."""
    return one.column[:2] == other.column[:2] and one.column[2].startswith("line ") and not one.labels


def _of_pairs(
    pairs: Iterable[tuple[Stated, Stated]], said: set[str], is_percent: bool, *, is_mixed: bool = False
) -> Iterator[_Computed]:
    tried = [(one, other) for one, other in pairs if one is not other]
    for how, way in _OF_TWO.items():
        for one, other in tried if how in said else ():
            is_in_one = one.column == other.column or one.column[:2] != other.column[:2] or _is_listed(one, other)
            if how in {"difference", "sum"} and not (is_mixed or is_in_one):
                continue  # apples and pears: two columns of one table
            if how in {"difference", "sum"} and _is_share(one) != _is_share(other):
                continue
            if is_percent and not _may_be_shared(how, one, other):
                continue
            yield from way(one, other, is_percent)


def _may_be_shared(how: str, one: Stated, other: Stated) -> bool:
    """Return whether a share or a change in percent is made of two numbers: those of one column, or two counts."""
    if how == "ratio" and not (_is_count(one) and _is_count(other)):
        return False
    are_whole = all(stated.number == stated.number.to_integral_value() for stated in (one, other))
    return one.column == other.column or are_whole or (how != "ratio" and one.column[0] != other.column[0])


def _is_count(stated: Stated) -> bool:
    """Return whether a share of a number may be asked for: shares of shares are not."""
    return abs(stated.number) > 1 and (stated.unit is None or stated.unit.dimension != PERCENT)


def _is_share(stated: Stated) -> bool:
    return stated.unit is not None and stated.unit.dimension == PERCENT


def _difference(one: Stated, other: Stated, is_percent: bool) -> Iterator[_Computed]:
    gap = one.number - other.number
    if not is_percent or max(abs(one.number), abs(other.number)) <= HUNDRED:
        yield _Computed(gap * HUNDRED if is_percent and abs(one.number) <= 1 else gap, one, is_percent)
    if is_percent:
        for base in (one, other):
            if base.number:
                yield _Computed(gap / base.number * HUNDRED, one, True, is_change=True)


def _total(one: Stated, other: Stated, is_percent: bool) -> Iterator[_Computed]:
    total = one.number + other.number
    yield _Computed(total * HUNDRED if is_percent and abs(one.number) <= 1 else total, one, is_percent)


def _ratio(one: Stated, other: Stated, is_percent: bool) -> Iterator[_Computed]:
    small, large = sorted((one, other), key=lambda stated: abs(stated.number))
    if is_percent and large.number:
        yield _Computed(small.number / large.number * HUNDRED, small, True)
    elif not is_percent:
        for above, below in ((large, small), (small, large)):
            if below.number:
                yield _Computed(above.number / below.number, above, True)


def _mean(one: Stated, other: Stated, is_percent: bool) -> Iterator[_Computed]:  # noqa: ARG001
    if one.column == other.column:
        yield _Computed((one.number + other.number) / 2, one)


def _rate(one: Stated, other: Stated, is_percent: bool) -> Iterator[_Computed]:
    large, small = sorted((one, other), key=lambda stated: -abs(stated.number))
    if not is_percent and small.number:
        yield _Computed(large.number / small.number, large)
        yield _Computed(small.number / large.number, small)


_OF_TWO: dict[str, Callable[[Stated, Stated, bool], Iterator[_Computed]]] = {
    "difference": _difference,
    "sum": _total,
    "ratio": _ratio,
    "mean": _mean,
    "each": _rate,
}


def _of_groups(numbers: Sequence[Stated], said: set[str], pool: Pool, is_percent: bool) -> Iterator[_Computed]:
    """Yield what all numbers together make that stand near in the answer and in one column."""
    groups: dict[tuple[int, int, str], list[Stated]] = {}
    for stated in numbers:
        group = groups.setdefault(stated.column, [])
        if stated not in group:
            group.append(stated)
    for group in groups.values():
        if len(group) < 2:
            continue
        sums = {_sum(group), *(_sum(group[:some]) for some in range(2, len(group)))}
        if "sum" in said:
            yield from (_Computed(total, group[0]) for total in sums)
        if "mean" in said:
            yield _Computed(_sum(group) / len(group), group[0])
        if "ratio" in said:
            whole = next((column for column in pool.columns if column.key == group[0].column), None)
            total = whole.total if whole else None
            by = HUNDRED if is_percent else Decimal(1)
            yield from (_Computed(one / total * by, group[0], True) for one in sums if total)


def _of_columns(
    concerned: set[tuple[int, int, str]], said: set[str], pool: Pool, is_percent: bool
) -> Iterator[_Computed]:
    """Yield what the columns have to say from which numbers are near or named."""
    for column in pool.columns:
        if column.key not in concerned or len(column.numbers) < 2:
            continue
        own = [stated for stated in (*pool.here, *pool.named, *pool.around) if stated.column == column.key]
        total, first = column.total, column.numbers[0]
        if "ratio" in said and total:
            by = HUNDRED if is_percent else Decimal(1)
            yield from (_Computed(stated.number / total * by, first, True) for stated in own[:3])
        least, most = sorted((stated.number for stated in column.numbers), key=abs)[:: len(column.numbers) - 1]
        if "ratio" in said and least and not is_percent:
            yield _Computed(most / least, first, True)
        if "difference" in said:
            numbers = [stated.number for stated in column.numbers]
            yield _Computed(max(numbers) - min(numbers), first)
        if "sum" in said:
            yield _Computed(total, first)
            yield from (_Computed(total - stated.number, first) for stated in own[:3])
        if "mean" in said:
            yield _Computed(total / len(column.numbers), first)


def _of_all_columns(said: set[str], pool: Pool) -> Iterator[_Computed]:
    for column in pool.columns:
        if "difference" in said and len(column.numbers) == 2:
            one, other = column.numbers
            yield _Computed(one.number - other.number, one)
        if len(column.numbers) > 1:
            if "sum" in said:
                yield _Computed(column.total, column.numbers[0])
            if "mean" in said:
                yield _Computed(column.total / len(column.numbers), column.numbers[0])


def _of_neighbours(pool: Pool) -> Iterator[_Computed]:
    """Yield the sums of two whole numbers that stand beside each other in a line: `n = 60, 58`."""
    beside = sorted(
        (stated for column in pool.columns[:MOST_PAIRED] for stated in column.numbers[:MOST_PAIRED]),
        key=lambda stated: (stated.column[:2], stated.place),
    )
    for one, other in zip(beside, beside[1:], strict=False):
        is_beside = one.column[0] == other.column[0] and one.place[0] == other.place[0]
        if is_beside and one.number == int(one.number) and other.number == int(other.number):
            yield _Computed(one.number + other.number, one)


def _sum(numbers: Iterable[Stated]) -> Decimal:
    return sum((stated.number for stated in numbers), Decimal(0))


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
