"""Reads how the lines of an output are laid out: as a table or as labels and numbers; what each number stands under.

Pure. A table is one in fixed columns, as pandas prints it, or one with tabs, bars or commas between its cells.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codeagent_nb.tracing.cells import (
    LONGEST,
    RULE,
    Cell,
    count_separators,
    is_header,
    is_number,
    shared_ends,
    split_cells,
)
from codeagent_nb.tracing.headers import INDEX_NAME, SERIES_ENDS, are_index_names, is_pivot, names_index, top_headers
from codeagent_nb.tracing.labels import Group, Label
from codeagent_nb.tracing.pairs import MOST_LINES, MOST_LOOKED_AT, Pairs

_COMMA_OF_WORDS = re.compile(r"[^\d\s],|,[^\d\s]")
_NAME_LINE = re.compile(r"(?:^|, )Name: (.{1,80}?), (?:dtype|Length)")


@dataclass(slots=True)
class Layout:
    """What the numbers of some neighbouring lines stand under.

    Args:
        lines: The lines.
        first: Which line of its source the first of them is.
        kinds: The labels of numbers that stand in no table, by the kind of the numbers.
        columns: The labels of a table's columns, of those with whole numbers only and of others.
        headers: Where each stands, and its text.
        levels: The labels of its rows, for each column of text.
    """

    lines: Sequence[str]
    first: int
    kinds: dict[str, Group]
    columns: dict[bool, Group] = field(default_factory=dict)
    headers: list[Cell] = field(default_factory=list)
    levels: dict[int, Group] = field(default_factory=dict)
    has_bare_index: bool = False
    separator: str = ""
    body: int = 0
    end: int = 0
    _starts: list[int] = field(default_factory=list)
    _ends: frozenset[int] = frozenset()
    _carried: dict[int, dict[int, str]] = field(default_factory=dict)
    _pairs: Pairs | None = None
    _broken: set[str] = field(default_factory=set)

    @property
    def groups(self) -> tuple[Group, ...]:
        """What labels are told apart from."""
        return (*self.kinds.values(), self.pairs.heads, *self.columns.values(), *self.levels.values())

    @property
    def pairs(self) -> Pairs:
        """The lines, read as labels and numbers."""
        if self._pairs is None:
            self._pairs = Pairs(self.lines[: self.end], self.kinds)
        return self._pairs

    @property
    def is_table(self) -> bool:
        """Whether the lines are a table."""
        return bool(self.headers)

    def labels(self, line: int, start: int) -> tuple[Label, ...]:
        """Return what the number at a place stands under."""
        row = line - self.first
        text = self.lines[row]
        if len(text) <= LONGEST and self.is_table and row >= self.body:
            return tuple(self._table_labels(row, start))
        return tuple(self.pairs.labels(row, start))

    @property
    def is_of_one(self) -> bool:
        """Whether the lines are a series: what stands in them is of one kind."""
        return bool(self.lines) and self.lines[self.end - 1].endswith(SERIES_ENDS)

    def place_in_line(self, line: int, start: int) -> str | None:
        """Return what tells a number in lines that are written alike."""
        return self.pairs.place_in_line(line - self.first, start)

    @property
    def is_numbered(self) -> bool:
        """Whether lines begin with a number that they are numbered by, as those of a series do."""
        return self.pairs.is_numbered

    def is_index(self, line: int, start: int) -> bool:
        """Return whether a number only numbers a row."""
        row = line - self.first
        text = self.lines[row]
        if not self.has_bare_index or row < self.body or len(text) > LONGEST:
            return False
        cells = self.cells(text)
        return bool(cells) and start < cells[0][1] and len(cells) > 1

    @property
    def title(self) -> str:
        """What pandas says that a series is called."""
        found = _NAME_LINE.search(self.lines[self.end - 1][:LONGEST]) if self.lines else None
        return found[1] if found else ""

    def cells(self, text: str) -> list[Cell]:
        """Return the cells of a line: where each begins and ends, and its text."""
        return split_cells(text, self.separator, self._ends)

    def _table_labels(self, row: int, start: int) -> Iterator[Label]:
        cells = self.cells(self.lines[row])
        # A number within a text, as in 2023-Q1, stands under nothing.
        column = next((cell for cell in cells if cell[0] <= start < cell[1]), None)
        if column and not is_number(column[2]):
            return
        for level, text in self._row_labels(row).items():
            if column is None or text != column[2]:
                yield self._label(self.levels[level], text)
        if column and (header := self._header(cells, column)):
            yield self._label(self._columns_like(header), header)

    def _header(self, cells: list[Cell], cell: Cell) -> str:
        if self.separator:
            place = cells.index(cell) + len(self.headers) - len(cells)
            return self.headers[place][2] if 0 <= place < len(self.headers) else ""
        begins, ends, _ = cell
        same = [header for header in self.headers if header[1] == ends]
        over = same or [header for header in self.headers if header[0] < ends and begins < header[1]]
        if over:
            return over[0][2]
        place = cells.index(cell) + len(self.headers) - len(cells)
        return self.headers[place][2] if 0 <= place < len(self.headers) else ""

    def _label(self, group: Group, text: str) -> Label:
        return Label(group.add(text), text, group)

    def read(self) -> "Layout":
        """Find out what the lines are, and how many of them belong together."""
        self.end = len(self.lines)
        for separator in ("\t", "|", ","):
            if self._read_separated(separator):
                return self
        self.separator = ""
        for row in range(min(len(self.lines) - 1, MOST_LINES)):
            if self._read_fixed(row):
                break
            self.headers, self._ends, self._starts = [], frozenset(), []
        if not self.headers:
            self.pairs.read()
        return self

    def _read_separated(self, separator: str) -> bool:
        if separator == "," and not _COMMA_OF_WORDS.search(self.lines[0]):
            return False
        run = self._run(separator)
        if len(run) < 2:
            return False
        before = [row for row in range(run[0]) if not RULE.match(self.lines[row])]
        if before:
            self.end = before[-1] + 1
            return True
        self.separator = separator
        self.end = run[-1] + 1
        shown = run
        self.headers = split_cells(self.lines[shown[0]], separator)
        self.body = shown[1]
        is_year_by_year = not self.headers[0][2] and separator == "\t"
        if not is_year_by_year and not any(text.strip() and not is_number(text) for _, _, text in self.headers):
            self.headers = []
            return False
        second = split_cells(self.lines[shown[1]], separator)
        self.has_bare_index = not self.headers[0][2].strip() or len(second) > len(self.headers)
        if (
            second
            and len(shown) > 2
            and not any(is_number(cell[2]) for cell in second)
            and not self.headers[0][2].strip()
        ):
            self.has_bare_index = False  # the second line names the index
            self.body = shown[2]
        self._read_rows()
        return True

    def _run(self, separator: str) -> list[int]:
        """Return the first lines that have the same cells; lines between them, and those above, may be rules."""
        run: list[int] = []
        most = 0
        for row, line in enumerate(self.lines):
            if RULE.match(line):
                continue
            count = count_separators(line, separator)
            alike = count > 0 and (not run or abs(count - most) <= (2 if separator == "\t" else 0))
            if alike:
                run.append(row)
                most = max(most, count)
            elif len(run) == 1 and separator == "\t" and INDEX_NAME.fullmatch(line.strip()):
                continue
            elif run or row > 3:
                break
        return run

    def _read_fixed(self, row: int) -> bool:
        """Read a table whose header is in a row; what stands before it is none, and it is left for later."""
        below = row + 1
        if not self.lines[row].startswith("  ") and _DIGIT.search(self.lines[row]) and not names_index(self.lines, row):
            return False
        self._ends = shared_ends(self.lines[row], self.lines[below : below + 4])
        headers = self.cells(self.lines[row])
        rows = [self.cells(line) for line in self.lines[below : below + 3]]
        is_named = len(rows) > 1 and len(rows[0]) < len(headers) and not any(is_number(cell[2]) for cell in rows[0])
        if is_named and not self.lines[below].startswith(" "):
            self._starts = [found.start() for found in re.finditer(r"\S+", self.lines[below])]
            below, rows = below + 1, rows[1:]
        if not (rows and is_header(self.lines[row], headers, rows[0])) or are_index_names(self.lines, headers, rows[0]):
            return False
        top = top_headers(self.lines, row, headers)
        if row and not top:
            self.end = row
            self.headers = []
            return True
        self.headers, self.body = top or headers, below
        if is_pivot(self.lines, row):
            name = headers[0][2]
            self.headers = [headers[0], *((begin, end, f"{name} {text}") for begin, end, text in headers[1:])]
        are_numbered = all(row[0][2].split()[0].isdigit() for row in rows if row)
        self.has_bare_index = (
            not self._starts and self.lines[row].startswith(" ") and len(rows[0]) > len(headers) and are_numbered
        )
        self.end = next(
            (number for number in range(below + 1, len(self.lines)) if not self._goes_on(self.lines[number])),
            len(self.lines),
        )
        self._read_rows()
        return True

    def _goes_on(self, line: str) -> bool:
        """Return whether a line is a row of the table above it; a report of scikit-learn has empty ones."""
        if not line.strip():
            return True
        cells = self.cells(line[:LONGEST])
        numbers = [cell for cell in cells if is_number(cell[2])]
        if self._ends:
            is_aligned = any(end in self._ends for _, end, _ in cells) and bool(numbers or len(cells) > 1)
            if _SENTENCE.search(line) and abs(len(cells) - len(self.headers)) > 1:
                return False
            return is_aligned or (len(numbers) > 1 and len(cells) == len(self.headers) and not _SENTENCE.search(line))
        return len(numbers) > 1 and abs(len(cells) - len(self.headers)) <= 1

    def _read_rows(self) -> None:
        for text in self._numeric_headers():
            self._columns_like(text).add(text)
        before: dict[int, str] = {}
        for row in range(self.body, min(self.end, MOST_LINES)):
            line = self.lines[row]
            if len(line) > LONGEST or RULE.match(line):
                continue
            before = self._row(line, before)
            self._carried[row] = before

    def _numeric_headers(self) -> list[str]:
        """Return the headers of columns that have numbers: a value is under none of the others."""
        found: set[str] = set()
        for row in range(self.body, min(self.end, self.body + MOST_LOOKED_AT)):
            line = self.lines[row]
            if len(line) <= LONGEST and not RULE.match(line):
                cells = self.cells(line)
                for cell in cells:
                    if is_number(cell[2]) and (header := self._header(cells, cell)):
                        found.add(header)
                        if not cell[2].isdigit():
                            self._broken.add(header)
        return [text for _, _, text in self.headers if text.strip() and text in found]

    def _columns_like(self, header: str) -> Group:
        """Return the headers of columns of one kind, of whole numbers or others: a mean is not taken for a count."""
        return self.columns.setdefault(header in self._broken, Group(are_columns=True))

    def _row_labels(self, row: int) -> dict[int, str]:
        if row not in self._carried and row >= MOST_LINES:
            self._carried[row] = self._row(self.lines[row], self._carried.get(row - 1, {}))
        return self._carried.get(row, {})

    def _row(self, line: str, before: dict[int, str]) -> dict[int, str]:
        """Return a row's labels; one that is not repeated in a row below holds there, too."""
        named: dict[int, str] = {}
        cells = self.cells(line)
        missing = len(self.headers) - len(cells) if self.separator == "\t" else 0
        for place, (start, _, text) in enumerate(cells):
            level = place + max(0, missing) if self.separator else self._level(start, place)
            if text.strip() and (
                not is_number(text) or (place == 0 and (text.endswith("%") or not self.has_bare_index))
            ):
                named[level] = text
                self.levels.setdefault(level, Group()).add(text)
        first = min(named, default=0)
        if (self._starts or self.separator == "\t") and first in range(1, 4):
            named = {level: text for level, text in before.items() if level < first} | named
        return named

    def _level(self, start: int, place: int) -> int:
        return self._starts.index(start) if start in self._starts else place


_SENTENCE = re.compile(r"[^\W\d_](?:: | = |, )")
_DIGIT = re.compile(r"(?<![^\W_])\d")
