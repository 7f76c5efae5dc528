"""Reads what sources state: every number, date and time of an output, a task or a description. Pure.

Numbers are found at once; what one stands under is read only for those that an answer has, as an output may be long.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice

from codeagent_nb.tracing.dates import Date, dates_in, times_in
from codeagent_nb.tracing.digits import Reading
from codeagent_nb.tracing.dimensions import is_hinted
from codeagent_nb.tracing.labels import Group, Label
from codeagent_nb.tracing.pages import Page, Place, ends_of, numbers_in
from codeagent_nb.tracing.units import UNITS, Unit, label_unit, named_units, scale_after, unit_after, unit_before
from kernel_executor.outputs.html_text import html_text

MOST_READ = 400_000
"""Characters that are read of all sources."""

MOST_NUMBERS = 100_000

MOST_ALIKE = 60
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
_LEFT_OUT = re.compile(
    r"^\[\.\.\. [\d,]{1,20} .{0,40}left out \.\.\.\]$|<Figure size \d{1,6}x\d{1,6} with \d{1,4} Axes>", re.MULTILINE
)
_SIGNS = re.compile(r"[\x00-\x08\x0b-\x1f]|\x1b\[[0-9;]{0,20}m")


class Sources:
    """What all sources state, to be looked up.

    Args:
        sources: In the order in which they are asked.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._pages: list[Page] = []
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
            text = _SIGNS.sub("", _LEFT_OUT.sub("", ends_of(source.text)[:room]))
            room -= len(text)
            page = Page(source.id, text, pairs)
            self._pages.append(page)
            units |= named_units(text[:MOST_UNITS])
            self.scale_words |= {found[0].casefold() for found in _IN_SCALE.finditer(text[:MOST_UNITS])}
            self._texts.append((source.id, text))
            room_left = MOST_NUMBERS - len(self._places)
            self.has_hours = self.has_hours or _HOURS.search(text[:MOST_UNITS]) is not None
            self._places += islice(numbers_in(len(self._pages) - 1, page.lines), room_left)
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


_HOURS = re.compile(r"hour|stunde|uhrzeit|heure|\bhora|\bora\b|timme", re.IGNORECASE)
_LISTED = re.compile(r"[\[(]\s*-?\d[\d.]*(?:,\s*|\s+)-?\d")
_LEADS = re.compile(r"\s*-?\d[\d.-]{0,12}\s$")
