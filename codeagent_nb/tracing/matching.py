"""Finds the numbers of the sources that a value could be: rounded, in another unit, in thousands. Pure."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from codeagent_nb.tracing.claims import Claim
from codeagent_nb.tracing.derived import readings_of
from codeagent_nb.tracing.digits import Reading
from codeagent_nb.tracing.passages import Passage
from codeagent_nb.tracing.sources import Sources, Stated
from codeagent_nb.tracing.units import MONEY, PERCENT, TIMES, Unit, conversion, label_unit, scale_in
from codeagent_nb.tracing.values import Value
from codeagent_nb.tracing.words import IN_THOUSANDS, LONGEST_SENTENCE, ways_said

_PRICED = frozenset({"area", "mass", "volume", "length", "energy", "time"})
"""What things are priced by: a number under `rent_m2` is money."""


class Matcher:
    """Finds the numbers that values could be.

    Args:
        sources: Where they are looked for.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def claim(self, value: Value, passage: Passage) -> Claim:
        """Return a value with the numbers of the sources that it could be, in the unit that its table or list says."""
        bare = self._claimed(value, passage)
        if value.unit is not None or not (passage.is_cell or passage.is_item) or value.is_hour:
            return bare
        told = passage.text if passage.is_cell else " ".join(passage.contexts[:1])
        scale = scale_in(told)
        if scale != 1 and not bare.fits:
            meant = tuple(reading.scaled(scale) for reading in value.readings)
            bare = self._claimed(replace(value, readings=meant, scale=scale), passage)
        unit = label_unit(told)
        if unit is None or (bare.fits and not passage.is_cell):
            return bare
        claim = self._claimed(replace(value, unit=unit), passage)
        return bare if unit.dimension == PERCENT and not claim.fits else claim

    def _claimed(self, value: Value, passage: Passage) -> Claim:
        """Return a value with the numbers of the sources that it could be in its unit."""
        claim = Claim(value)
        takes_rows = "row" in ways_said(passage.text)
        for stated, is_same_unit in self._alike(value, passage):
            if stated.is_index and not (takes_rows or value.is_hour):
                continue
            (claim.fits if is_same_unit else claim.elsewhere).append(stated)
        if not claim.fits and is_year(value):
            year = int(value.readings[0].number)
            source = self._sources.year_source(year)
            if source is not None:
                claim.fits.append(Stated(source, value.text, Decimal(year), None, ()))
        return claim

    def _alike(self, value: Value, passage: Passage) -> Iterator[tuple[Stated, bool]]:
        """Yield numbers that a value could be, and whether they are in its unit."""
        unit = value.unit
        for reading in readings_of(value):
            for stated in self._sources.within(reading):
                yield stated, self._is_unit_of(unit, stated)
            is_share = unit is not None and unit.dimension == PERCENT
            if reading.number > 0 and (is_share or "down" in ways_said(passage.text)):
                for stated in self._sources.within(Reading(-reading.number, reading.step)):
                    yield stated, self._is_unit_of(unit, stated)
            if reading.number < 0 and is_share:
                found = self._sources.within(Reading(-reading.number, reading.step))
                yield from ((stated, True) for stated in found if "down" in ways_said(stated.line[:LONGEST_SENTENCE]))
            yield from ((stated, True) for stated in self._converted(reading, unit))
            if value.scale != 1:
                yield from ((stated, True) for stated in self._in_scale(reading.scaled(1 / value.scale)))

    def _converted(self, reading: Reading, unit: Unit | None) -> Iterator[Stated]:
        if unit is None:
            if abs(reading.number) <= 1 and reading.step < 1:
                found = self._sources.within(reading.scaled(Decimal(100)))
                yield from (stated for stated in found if dimension_of(stated.unit) == PERCENT)
            return
        if unit.dimension == PERCENT:
            for sign in (1, -1) if reading.number > 0 else (1,):
                found = self._sources.within(reading.scaled(Decimal(sign) / 100))
                yield from (stated for stated in found if stated.unit is None and (sign > 0 or stated.number < 0))
            return
        for other in self._sources.units:
            by = conversion(unit, other)
            if other != unit and by is not None:
                found = self._sources.within(reading.scaled(by))
                yield from (stated for stated in found if stated.unit in {other, None})
        if unit.dimension == "time" and unit.factor is not None:
            found = self._sources.within(reading.scaled(unit.factor))
            yield from (stated for stated in found if ":" in stated.text)

    def _in_scale(self, reading: Reading) -> Iterator[Stated]:
        """Yield numbers whose label says that they are in thousands or millions."""
        for stated in self._sources.within(reading):
            told = stated.told.replace("_", " ").split() + list(self._sources.scale_words)
            if any(IN_THOUSANDS.fullmatch(word.strip("()[],.:$€£").casefold()) for word in told):
                yield stated

    def _is_unit_of(self, unit: Unit | None, stated: Stated) -> bool:
        if unit is None or unit.dimension == TIMES:
            return True
        if stated.unit is not None:
            is_price = unit.dimension == MONEY and stated.unit.dimension in _PRICED
            return stated.unit == unit or (is_price and self._may_be_named(unit))
        if unit.dimension == PERCENT:
            is_share = 0 < abs(stated.number) < 1
            return not is_share or any(dimension_of(other) == PERCENT for other in self._sources.units)
        return self._may_be_named(unit)

    def _may_be_named(self, unit: Unit) -> bool:
        """Return whether sources name a unit, or none of its dimension although they speak of it."""
        named = {other for other in self._sources.units if other.dimension == unit.dimension}
        return unit in named or (not named and self._sources.hints_at(unit.dimension))


def is_year(value: Value) -> bool:
    """Return whether a value is likely a year."""
    return value.is_count and 1_800 <= value.readings[0].number < 2_200 and len(value.text) == 4


def dimension_of(unit: Unit | None) -> str:
    """Return the dimension of a unit; nothing if there is none."""
    return unit.dimension if unit else ""
