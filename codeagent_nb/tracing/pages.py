"""Reads a source line by line: its numbers, and what each of them stands under. Pure."""

import re
from bisect import bisect_right, insort
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from codeagent_nb.tracing.dates import MOMENT, blank
from codeagent_nb.tracing.digits import IN_OUTPUT, MACHINE, readings
from codeagent_nb.tracing.durations import PRINTED, printed_in
from codeagent_nb.tracing.headers import SERIES_ENDS
from codeagent_nb.tracing.labels import Group
from codeagent_nb.tracing.layout import Layout
from codeagent_nb.tracing.units import scale_after

MOST_OF_ONE = 32_000
"""Characters that are read of one source, of its beginning and of its end: what is between them nobody reads."""


class Place(NamedTuple):
    """Where a number stands; a tuple, as there may be a great many.

    Args:
        page: Which source.
        line: Which of its lines.
        start: Where in that line it begins.
        end: Where it ends.
        number: The number.
    """

    page: int
    line: int
    start: int
    end: int
    number: Decimal


def ends_of(text: str) -> str:
    """Return the first and the last lines of a text that is long."""
    if len(text) <= MOST_OF_ONE:
        return text
    begins = text.rfind("\n", MOST_OF_ONE // 4, MOST_OF_ONE // 2)
    ends = text.find("\n", len(text) - MOST_OF_ONE // 2, len(text) - MOST_OF_ONE // 4)
    first = text[: begins if begins > 0 else MOST_OF_ONE // 2]
    return first + "\n" + text[ends + 1 if ends > 0 else len(text) - MOST_OF_ONE // 2 :]


class Page:
    """A source, line by line."""

    def __init__(self, identifier: str, text: str, pairs: dict[str, Group]) -> None:
        self.id = identifier
        self.lines = text.split("\n")
        self._pairs = pairs
        self._layouts: dict[int, Layout] = {}
        ends = (
            number if not line.strip() else number + 1
            for number, line in enumerate(self.lines)
            if not line.strip() or line.endswith(SERIES_ENDS)
        )
        self._blocks = sorted({0, *ends, len(self.lines)})
        self._blocks = [end for end in self._blocks if not (0 < end < len(self.lines) and self._is_in_report(end))]

    def _is_in_report(self, empty: int) -> bool:
        """Return whether an empty line only parts a header from its rows, as in a report of scikit-learn."""
        above = self.lines[empty - 1]
        return (
            not self.lines[empty].strip()
            and above.startswith("   ")
            and len(above.split()) > 1
            and not any(map(str.isdigit, above.replace("f1", "")))
            and any(map(str.isdigit, self.lines[empty + 1] if empty + 1 < len(self.lines) else ""))
        ) or (empty + 1 < len(self.lines) and _AVERAGES.match(self.lines[empty + 1]) is not None)

    def layout(self, line: int) -> Layout:
        """Return how the lines about one are laid out; an empty line parts them."""
        place = bisect_right(self._blocks, line)
        first, after = self._blocks[place - 1], self._blocks[place]
        first += not self.lines[first].strip()
        while first not in self._layouts:
            lines = self.lines[first:after]
            read = Layout(lines, first, {} if len(lines) > 1 else self._pairs).read()
            self._layouts[first] = read
            if read.end < len(lines):
                insort(self._blocks, first + read.end)
                if line >= first + read.end:
                    first += read.end
        return self._layouts[first]

    def groups(self) -> Iterator[Group]:
        """Yield the labels of what was read so far."""
        for layout in self._layouts.values():
            yield from layout.groups


def _compound(line: str) -> Iterator[tuple[int, int, Decimal]]:
    """Yield the numbers of several parts: durations, in seconds, and those whose thousands stand apart."""
    if line.count(":") > 1:
        yield from printed_in(line)
    for found in _SPACED.finditer(line) if ": " in line or "= " in line else ():
        yield *found.span(), Decimal(re.sub(r"[ \u00a0]", "", found[0]).replace(",", "."))


def _without_moments(line: str) -> str:
    """Return a line with dates and times blanked, and with commas where a number is parted by underscores."""
    if line.count(":") > 1:
        line = PRINTED.sub(blank, line)
    if "_" in line:
        line = _UNDERSCORED.sub(",", line)
    return MOMENT.sub(blank, line) if "-" in line or ":" in line else line


def numbers_in(page: int, lines: list[str]) -> Iterator[Place]:
    """Yield the numbers of a source, durations in seconds among them; what is in dates is none."""
    for number, written in enumerate(lines):
        yield from (Place(page, number, *found) for found in _compound(written))
        line = _without_moments(written)
        for found in IN_OUTPUT.finditer(line):
            start, end = found.span()
            meant = _plain(found) or [reading.number for reading in readings(found)]
            if _MAY_SCALE.match(line, end):
                scale, _ = scale_after(line, end)
                if scale != 1:
                    yield from (Place(page, number, start, end, one * scale) for one in meant)
            for one in meant:
                yield Place(page, number, start, end, one)
        if "," in line:
            yield from _apart(page, number, line)


_AVERAGES = re.compile(r"\s+(?:accuracy|micro avg|macro avg)\s")
_SPACED = re.compile(r"(?<=[:=] )\d{1,3}(?: \d{3}){1,4}(?:,\d{1,9})?(?![\d.,]|[ ]\d)")
"""A number whose thousands stand apart, as nothing but a single number would behind a colon."""
_UNDERSCORED = re.compile(r"(?<=\d)_(?=\d{3}(?!\d))")
_MAY_SCALE = re.compile(r"[  ]?[^\W\d_]")


def _plain(found: re.Match[str]) -> list[Decimal]:
    """Return the number that digits mean that are written as programs do; nothing if they are not."""
    if found["plain"] and not found["power"] and "," not in found["plain"]:
        return [Decimal(f"-{found['plain']}" if found["sign"] in _MINUS else found["plain"])]
    return []


_MINUS = frozenset({"-", "−"})  # noqa: RUF001
_TOGETHER = re.compile(r"\d[\d.]{0,60}(?:,[-+]?[\d.]{1,60}){1,10000}")


def _apart(page: int, number: int, line: str) -> Iterator[Place]:
    """Yield the numbers between which only a comma stands, as in a row of a CSV file."""
    is_row = ", " not in line and re.search(r"[^\d\s],|,[^\d\s]", line) is not None
    for together in _TOGETHER.finditer(line):
        if not is_row and IN_OUTPUT.fullmatch(together[0]):
            continue
        for found in MACHINE.finditer(line, together.start(), together.end()):
            yield Place(page, number, found.start(), found.end(), Decimal(found[0]))
