"""Sets apart values in another unit than the others of an answer where no source names one. Pure.

What a source only prints as a number may be in any unit, but not in two.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from codeagent_nb.tracing.claims import Claim
from codeagent_nb.tracing.units import PERCENT, TIMES, Unit

_OFTEN_MIXED = frozenset({TIMES, PERCENT, "time", "data"})
"""Dimensions in which an answer may change the unit from value to value."""


def set_apart_units(claims: Sequence[Claim], named: Collection[Unit]) -> None:
    """Take a value in another unit than most of its kind, or of its column, for one in a wrong unit.

    Args:
        claims: The values of the answer, in its order.
        named: The units that the sources name.
    """
    dimensions = {unit.dimension for unit in named}
    bare = [claim for claim in claims if claim.value.unit and all(stated.unit is None for stated in claim.fits)]
    for dimension in {_dimension(claim) for claim in bare} - dimensions - _OFTEN_MIXED:
        _set_apart(claim for claim in bare if _dimension(claim) == dimension)
    columns: dict[object, list[Claim]] = {}
    for claim in bare:
        if claim.fits and claim.fits[0].column[2] and _dimension(claim) not in _OFTEN_MIXED - {PERCENT}:
            columns.setdefault(claim.fits[0].column, []).append(claim)
    for alike in columns.values():
        if len({_dimension(claim) for claim in alike}) > 1:
            _set_apart(alike)


def _dimension(claim: Claim) -> str:
    return claim.value.unit.dimension if claim.value.unit else ""


def _set_apart(claims: Iterable[Claim]) -> None:
    alike = list(claims)
    counts = Counter(claim.value.unit for claim in alike)
    usual, _ = counts.most_common(1)[0]
    for claim in alike:
        if claim.value.unit != usual:
            claim.elsewhere = [*claim.fits, *claim.elsewhere]
            claim.fits = []
            claim.is_in_wrong_unit = True
