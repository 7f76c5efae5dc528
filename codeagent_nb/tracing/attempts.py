"""Computes what a sentence may say that it computed, the likeliest first. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation, Overflow
from itertools import pairwise

from codeagent_nb.tracing.pool import Column, Pool, add_up
from codeagent_nb.tracing.sources import Stated
from codeagent_nb.tracing.units import PERCENT

MOST_NEAR = 10

MOST_PAIRED = 12
"""Columns, and numbers of each, whose neighbours are added up."""

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Computed:
    """A number that was computed, and one that it was computed from."""

    number: Decimal
    one: Stated
    is_pure: bool = False
    """Whether it has no unit of its own, as a share has none."""
    is_change: bool = False
    """Whether it is a change relative to a number, which is never one in points."""


def attempts(said: set[str], pool: Pool, base: Decimal | None, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what may have been computed: of near numbers first, then of named ones, of columns, of others.

    Args:
        said: How the sentence says it was computed.
        pool: From what.
        base: What something is said for each of, if it is.
        is_percent: Whether a share or a change in percent is wanted.
    """
    try:
        near = pool.here[:MOST_NEAR]
        if base:
            bearing = (*near, *pool.around[:MOST_NEAR], *pool.named[:MOST_NEAR])
            yield from (Computed(stated.number * base, stated) for stated in bearing)
        yield from _of_near(near, said, pool, is_percent=is_percent)
        yield from _of_named(near, said, pool, is_percent=is_percent)
        yield from _of_around(near, said, pool, is_percent=is_percent)
        yield from _of_all_columns(said, pool)
        if "top" in said:
            yield from _of_largest(pool, is_percent=is_percent)
        if "sum" in said:
            yield from _of_neighbours(pool)
        yield from _of_few(said, pool, is_percent=is_percent)
    except (DivisionByZero, InvalidOperation, Overflow):
        return


def _of_near(near: Sequence[Stated], said: set[str], pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what is made of numbers in the sentence itself."""
    if is_percent and "ratio" in said:
        yield from _of_pairs(_pairs_of(near[:3]), {"ratio"}, is_percent=True)
        yield from _shares(near[:2], pool.columns, said)
        if "so" in said:
            yield from _of_groups(near, {"ratio"}, pool, is_percent=is_percent)
    yield from _of_pairs(_pairs_of(near), said, is_percent=is_percent, is_mixed=True)
    if is_percent and "ratio" in said:
        yield from _shares_of(near[:2], pool.columns)
    if "part" in said and "difference" in said:
        yield from _of_pairs(_pairs_in_row(near, pool.columns), {"difference"}, is_mixed=True)
    yield from _of_groups(near, said, pool, is_percent=is_percent)


def _of_named(near: Sequence[Stated], said: set[str], pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what is made of numbers whose labels the sentence names."""
    named = [*pool.named, *pool.partly]
    alike = [(one, other) for one in near[:3] for other in named if one.column == other.column]
    yield from _of_pairs(alike[:MOST_NEAR], said, is_percent=is_percent)
    joined = said | {"sum"} if "joined" in said else said
    yield from _of_pairs(_pairs_of(pool.named[:MOST_NEAR], alike=True), joined, is_percent=is_percent)
    yield from _of_groups(pool.named[:MOST_NEAR], said, pool, is_percent=is_percent)
    yield from _of_pairs(_pairs_of(named[:MOST_NEAR], alike=True), said, is_percent=is_percent)


def _of_around(near: Sequence[Stated], said: set[str], pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what is made of numbers beside the sentence, and of columns that have any of all these."""
    around = pool.around[:MOST_NEAR]
    named = [*pool.named, *pool.partly][:MOST_NEAR]
    if len(near) < 2:
        yield from _of_pairs(_pairs_of(around, alike=True), said, is_percent=is_percent)
    yield from _of_pairs(_across(near, named), said, is_percent=is_percent)
    yield from _of_pairs(_across(pool.named[:3], around), said, is_percent=is_percent)
    rest = said - {"ratio"} if is_percent else said
    yield from _of_pairs(_across(pool.partly[:MOST_NEAR], around), rest, is_percent=is_percent)
    concerned = {stated.column for stated in (*near, *named, *around)}
    yield from _of_columns(concerned, said, pool, is_percent=is_percent)
    yield from _of_pairs(_across(near, around), said, is_percent=is_percent)
    yield from _of_pairs(_pairs_of(around, alike=True), said, is_percent=is_percent)
    yield from _of_groups(around, said, pool, is_percent=is_percent)
    yield from _of_groups(pool.partly[:MOST_NEAR], said, pool, is_percent=is_percent)


def _shares(near: Sequence[Stated], found: Sequence[Column], said: set[str]) -> Iterator[Computed]:
    """Yield the shares that the nearest numbers are of their columns, and of the days of a year."""
    for stated in near:
        whole = next((column.total for column in found if column.key == stated.column), None)
        if whole and _is_count(stated):
            yield Computed(stated.number / whole * HUNDRED, stated, is_pure=True)
        if "days" in said:
            yield Computed(stated.number / 365 * HUNDRED, stated, is_pure=True)


def _shares_of(near: Sequence[Stated], found: Sequence[Column]) -> Iterator[Computed]:
    """Yield the shares that the numbers of a column have of the nearest numbers, where those are its total."""
    for stated in near:
        for column in found if stated.number else ():
            if abs(column.total - stated.number) <= abs(stated.number) / 1000 and 1 < len(column.numbers) <= MOST_NEAR:
                yield from (
                    Computed(one.number / stated.number * HUNDRED, stated, is_pure=True) for one in column.numbers
                )


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
    pairs: Iterable[tuple[Stated, Stated]], said: set[str], *, is_percent: bool = False, is_mixed: bool = False
) -> Iterator[Computed]:
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


def _difference(one: Stated, other: Stated, is_percent: bool) -> Iterator[Computed]:
    gap = one.number - other.number
    if not is_percent or max(abs(one.number), abs(other.number)) <= HUNDRED:
        yield Computed(gap * HUNDRED if is_percent and abs(one.number) <= 1 else gap, one, is_pure=is_percent)
    if is_percent:
        for base in (one, other):
            if base.number:
                yield Computed(gap / base.number * HUNDRED, one, is_pure=True, is_change=True)


def _total(one: Stated, other: Stated, is_percent: bool) -> Iterator[Computed]:
    total = one.number + other.number
    yield Computed(total * HUNDRED if is_percent and abs(one.number) <= 1 else total, one, is_pure=is_percent)


def _ratio(one: Stated, other: Stated, is_percent: bool) -> Iterator[Computed]:
    small, large = sorted((one, other), key=lambda stated: abs(stated.number))
    if is_percent and large.number:
        yield Computed(small.number / large.number * HUNDRED, small, is_pure=True)
    elif not is_percent:
        for above, below in ((large, small), (small, large)):
            if below.number:
                yield Computed(above.number / below.number, above, is_pure=True)


def _mean(one: Stated, other: Stated, is_percent: bool) -> Iterator[Computed]:
    if one.column == other.column:
        yield Computed((one.number + other.number) / 2, one)
    elif (one.column[:2], one.place[0]) == (other.column[:2], other.place[0]):
        yield from _rate(one, other, is_percent)  # 48 orders of 12,480 € in all


def _rate(one: Stated, other: Stated, is_percent: bool) -> Iterator[Computed]:
    large, small = sorted((one, other), key=lambda stated: -abs(stated.number))
    if not is_percent and small.number:
        yield Computed(large.number / small.number, large)
        yield Computed(small.number / large.number, small)


_OF_TWO: dict[str, Callable[[Stated, Stated, bool], Iterator[Computed]]] = {
    "difference": _difference,
    "sum": _total,
    "ratio": _ratio,
    "mean": _mean,
    "each": _rate,
}


def _of_groups(numbers: Sequence[Stated], said: set[str], pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what all numbers together make that stand near in the answer and in one column."""
    groups: dict[tuple[int, int, str], list[Stated]] = {}
    for stated in numbers:
        group = groups.setdefault(stated.column, [])
        if stated not in group:
            group.append(stated)
    for group in groups.values():
        if len(group) < 2:
            continue
        sums = {add_up(group), *(add_up(group[:some]) for some in range(2, len(group)))}
        if "sum" in said:
            yield from (Computed(total, group[0]) for total in sums)
        if "mean" in said:
            yield Computed(add_up(group) / len(group), group[0])
        if "ratio" in said:
            whole = next((column for column in pool.columns if column.key == group[0].column), None)
            total = whole.total if whole else None
            by = HUNDRED if is_percent else Decimal(1)
            yield from (Computed(one / total * by, group[0], is_pure=True) for one in sums if total)


def _of_columns(
    concerned: set[tuple[int, int, str]], said: set[str], pool: Pool, is_percent: bool
) -> Iterator[Computed]:
    """Yield what the columns have to say from which numbers are near or named."""
    for column in pool.columns:
        if column.key not in concerned or len(column.numbers) < 2:
            continue
        own = [stated for stated in (*pool.here, *pool.named, *pool.around) if stated.column == column.key]
        total, first = column.total, column.numbers[0]
        if "ratio" in said and total:
            by = HUNDRED if is_percent else Decimal(1)
            yield from (Computed(stated.number / total * by, first, is_pure=True) for stated in own[:3])
        least, most = sorted((stated.number for stated in column.numbers), key=abs)[:: len(column.numbers) - 1]
        if "ratio" in said and least and not is_percent:
            yield Computed(most / least, first, is_pure=True)
        if "difference" in said:
            numbers = [stated.number for stated in column.numbers]
            yield Computed(max(numbers) - min(numbers), first)
        if "sum" in said:
            yield Computed(total, first)
            yield from (Computed(total - stated.number, first) for stated in own[:3])
        if "mean" in said:
            yield Computed(total / len(column.numbers), first)


def _of_all_columns(said: set[str], pool: Pool) -> Iterator[Computed]:
    for column in pool.columns:
        if "difference" in said and len(column.numbers) == 2:
            one, other = column.numbers
            yield Computed(one.number - other.number, one)
        if len(column.numbers) > 1:
            if "sum" in said:
                yield Computed(column.total, column.numbers[0])
            if "mean" in said:
                yield Computed(column.total / len(column.numbers), column.numbers[0])


def _of_largest(pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield the sums of the largest numbers of each column, or their shares."""
    for column in pool.columns:
        numbers = sorted((stated.number for stated in column.numbers), reverse=True)
        for some in range(2, min(len(numbers), 6)):
            total = sum(numbers[:some], Decimal(0))
            if not is_percent:
                yield Computed(total, column.numbers[0])
            elif column.total:
                yield Computed(total / column.total * HUNDRED, column.numbers[0], is_pure=True)


def _of_few(said: set[str], pool: Pool, *, is_percent: bool) -> Iterator[Computed]:
    """Yield what any two numbers make where sources have only a few."""
    numbers = [stated for column in pool.columns for stated in column.numbers]
    if len(numbers) <= MOST_NEAR:
        alike = [(one, other) for one, other in _pairs_of(numbers) if one.unit == other.unit]
        yield from _of_pairs(alike, said, is_percent=is_percent, is_mixed=True)


def _of_neighbours(pool: Pool) -> Iterator[Computed]:
    """Yield the sums of two whole numbers that stand beside each other in a line: `n = 60, 58`."""
    beside = sorted(
        (stated for column in pool.columns[:MOST_PAIRED] for stated in column.numbers[:MOST_PAIRED]),
        key=lambda stated: (stated.column[:2], stated.place),
    )
    for one, other in pairwise(beside):
        is_beside = one.column[0] == other.column[0] and one.place[0] == other.place[0]
        if is_beside and one.number == int(one.number) and other.number == int(other.number):
            yield Computed(one.number + other.number, one)
