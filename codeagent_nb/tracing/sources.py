"""Reads what sources state: every number, date and time of an output, a task or a description. Pure.

Numbers are found at once; what one stands under is read only for those that an answer has, as an output may be long.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from codeagent_nb.tracing.dates import MOMENT, Date, blank, dates_in, times_in
from codeagent_nb.tracing.digits import IN_OUTPUT, MACHINE, Reading, readings
from codeagent_nb.tracing.dimensions import is_hinted
from codeagent_nb.tracing.durations import PRINTED, printed_in
from codeagent_nb.tracing.labels import Group, Label
from codeagent_nb.tracing.layout import SERIES_ENDS, Layout
from codeagent_nb.tracing.units import UNITS, Unit, label_unit, named_units, scale_after, unit_after, unit_before
from kernel_executor.outputs.html_text import html_text

MOST_READ = 400_000
"""Characters that are read of all sources."""

MOST_OF_ONE = 48_000
"""Characters that are read of one source, of its beginning and of its end: what is between them nobody reads."""

MOST_NUMBERS = 100_000

MOST_ALIKE = 200
"""Places of one number that are looked at."""

MOST_UNITS = 20_000
"""Characters of a source in which units are looked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that values may come from.

    Args:
        id: Names it: the cell or block that printed it, the task, a description.
        text: What it says; a table as pandas prints it, or with tabs between its cells.
    """

    id: str
    text: str

    @classmethod
    def of_html(cls, identifier: str, page: str) -> "Source":
        """Return what a reader sees of HTML as a source: a table with tabs between its cells."""
        return cls(identifier, html_text(page))


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


@dataclass(frozen=True, slots=True)
class Stated:
    """A number that a source states.

    Args:
        source: The source's id.
        text: As it is written.
        number: The number.
        unit: Its unit, if one is named beside it or in its label.
        labels: What it stands under.
        is_index: Whether it only numbers a row of a table.
        column: Names the column or the list that it stands in.
        place: Its line, and where it begins there.
        line: The text of that line.
    """

    source: str
    text: str
    number: Decimal
    unit: Unit | None
    labels: tuple[Label, ...]
    is_index: bool = False
    column: tuple[int, int, str] = (0, 0, "")
    place: tuple[int, int] = (0, 0)
    line: str = ""

    @property
    def told(self) -> str:
        """It with its labels, for a reader."""
        return " ".join([*dict.fromkeys(label.text for label in self.labels), self.text])


_IN_SCALE = re.compile(
    r"(?<=[(\[_])(?:thousand|million|billion|mio|mrd)s?|(?<=\bin )(?:thousand|million|billion)s?", re.IGNORECASE
)
_LEFT_OUT = re.compile(r"^\[\.\.\. [\d,]{1,20} .{0,40}left out \.\.\.\]$", re.MULTILINE)
_SIGNS = re.compile(r"[\x00-\x08\x0b-\x1f]|\x1b\[[0-9;]{0,20}m")


def _ends(text: str) -> str:
    """Return the first and the last lines of a text that is long."""
    if len(text) <= MOST_OF_ONE:
        return text
    begins = text.rfind("\n", MOST_OF_ONE // 4, MOST_OF_ONE // 2)
    ends = text.find("\n", len(text) - MOST_OF_ONE // 2, len(text) - MOST_OF_ONE // 4)
    first = text[: begins if begins > 0 else MOST_OF_ONE // 2]
    return first + "\n" + text[ends + 1 if ends > 0 else len(text) - MOST_OF_ONE // 2 :]


class _Page:
    """A source, line by line."""

    def __init__(self, source: Source, text: str, pairs: dict[str, Group]) -> None:
        self.id = source.id
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


class Sources:
    """What all sources state, to be looked up.

    Args:
        sources: In the order in which they are asked.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._pages: list[_Page] = []
        self._places: list[Place] = []
        self._known: dict[int, Stated] = {}
        self._texts: list[tuple[str, str]] = []
        self.scale_words: set[str] = set()
        self.has_hours = False
        self._hinted: dict[str, bool] = {}
        units: set[Unit] = set()
        pairs: dict[str, Group] = {}
        room = MOST_READ
        for source in sources:
            text = _SIGNS.sub("", _LEFT_OUT.sub("", _ends(source.text)[:room]))
            room -= len(text)
            page = _Page(source, text, pairs)
            self._pages.append(page)
            units |= named_units(text[:MOST_UNITS])
            self.scale_words |= {found[0].casefold() for found in _IN_SCALE.finditer(text[:MOST_UNITS])}
            self._texts.append((source.id, text))
            room_left = MOST_NUMBERS - len(self._places)
            self.has_hours = self.has_hours or _HOURS.search(text[:MOST_UNITS]) is not None
            self._places += islice(_numbers(len(self._pages) - 1, page.lines), room_left)
        self.units = frozenset(units)
        self._sorted = sorted(range(len(self._places)), key=lambda place: float(self._places[place].number))
        self._sizes = [float(self._places[place].number) for place in self._sorted]

    @cached_property
    def dates(self) -> list[tuple[str, Date]]:
        """The dates that the sources state, each with its source's id."""
        return [(source, date) for source, text in self._texts for _, _, meant in dates_in(text) for date in meant]

    @cached_property
    def times(self) -> dict[str, str]:
        """The times of day that the sources state, each with its source's id."""
        found: dict[str, str] = {}
        for source, text in self._texts:
            for _, _, time in times_in(text):
                found.setdefault(time, source)
        return found

    def time_source(self, text: str) -> str | None:
        """Return the source that states a time of day; one without seconds may have any."""
        for _, _, time in times_in(text):
            exact = self.times.get(time)
            minute = time.rpartition(":")[0]
            near = (source for other, source in self.times.items() if other.rpartition(":")[0] == minute)
            return exact or (next(near, None) if text.count(":") == 1 else None)
        return None

    def within(self, reading: Reading) -> Iterator[Stated]:
        """Yield the numbers that round to a reading, in the order of the sources."""
        half = reading.step / 2
        low, high = float(reading.number - half), float(reading.number + half)
        noise = abs(high) * 1e-12
        first = bisect_left(self._sizes, low - noise)
        last = bisect_right(self._sizes, high + noise)
        exact = half * (1 + Decimal("1e-9"))
        places = [
            place
            for place in self._sorted[first : min(last, first + MOST_ALIKE)]
            if abs(self._places[place].number - reading.number) <= exact
        ]
        yield from (self.stated(place) for place in sorted(places))

    def stated(self, place: int) -> Stated:
        """Return the number at a place, with what it stands under."""
        if place not in self._known:
            self._known[place] = self._state(self._places[place])
        return self._known[place]

    def of_short_pages(self, most: int) -> Iterator[Stated]:
        """Yield the numbers of sources that have no more than some, in their order."""
        counts = Counter(place.page for place in self._places)
        yield from (self.stated(number) for number, place in enumerate(self._places) if counts[place.page] <= most)

    def hints_at(self, dimension: str) -> bool:
        """Return whether anything of a dimension is named, as a unit or in words."""
        if dimension not in self._hinted:
            texts = (text[:MOST_UNITS] for _, text in self._texts)
            is_named = any(unit.dimension == dimension for unit in self.units)
            self._hinted[dimension] = is_named or any(is_hinted(dimension, text) for text in texts)
        return self._hinted[dimension]

    def year_source(self, year: int) -> str | None:
        """Return the source that names a year, in a date or in the name of a file or a column."""
        named = re.compile(rf"(?<!\d){year}(?!\d)")
        return next((source for source, text in self._texts if named.search(text)), None)

    @property
    def groups(self) -> Iterator[Group]:
        """The labels of rows, columns and lists in what was read of the sources' layout."""
        for page in self._pages:
            yield from page.groups()

    def _state(self, place: Place) -> Stated:
        page = self._pages[place.page]
        line = page.lines[place.line]
        layout = page.layout(place.line)
        labels = layout.labels(place.line, place.start)
        _, end = scale_after(line, place.end)
        unit = unit_after(line, end)[0] or unit_before(line, place.start)[0] or _labelled_unit(labels)
        if ":" in line[place.start : place.end]:
            unit = UNITS["s"]
        unit = unit or (label_unit(layout.title) if layout.title else None)
        last = labels[-1 if layout.is_table else 0].text if labels and (layout.is_table or len(labels) > 1) else ""
        if not layout.is_table and (item := _item_in(line, place.start)):
            last = item
        elif not layout.is_table and _LISTED.search(line, max(0, place.start - 2_000), place.end + 2_000):
            last = f"line {place.line}"
        elif not layout.is_table and not labels and layout.is_numbered and _LEADS.match(line, 0, place.end + 1):
            last = "index"
        elif not layout.is_table and not last and layout.is_of_one:
            last = layout.title or "series"
        elif not layout.is_table and (alike := layout.place_in_line(place.line, place.start)) is not None:
            last = alike
        return Stated(
            page.id,
            line[place.start : place.end],
            place.number,
            unit,
            labels,
            layout.is_index(place.line, place.start) and unit is None,
            (place.page, layout.first, last),
            (place.line, place.start),
            line,
        )


def _item_in(line: str, start: int) -> str:
    """Return which item of a tuple among others a number is; nothing if it is none."""
    before = line[max(0, start - 200) : start]
    opened = before.rfind("(")
    if opened < 0 or ")" in before[opened:] or line.count("(", 0, 4_000) < 2:
        return ""
    return f"item {before.count(',', opened)}"


def _labelled_unit(labels: tuple[Label, ...]) -> Unit | None:
    units = [unit for label in reversed(labels) if (unit := label_unit(label.text))]
    return units[0] if units else None


def _numbers(page: int, lines: list[str]) -> Iterator[Place]:
    for number, line in enumerate(lines):
        if line.count(":") > 1:
            for start, end, seconds in printed_in(line):
                yield Place(page, number, start, end, seconds)
            line = PRINTED.sub(blank, line)
        if "-" in line or ":" in line:
            line = MOMENT.sub(blank, line)
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
_HOURS = re.compile(r"hour|stunde|uhrzeit|heure|\bhora|\bora\b|timme", re.IGNORECASE)
_LISTED = re.compile(r"[\[(]\s*-?\d[\d.]*(?:,\s*|\s+)-?\d")
_LEADS = re.compile(r"\s*-?\d[\d.-]{0,12}\s$")
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
