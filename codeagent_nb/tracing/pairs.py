"""Finds what a number in a line of labels and numbers stands under. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from codeagent_nb.tracing.cells import LONGEST
from codeagent_nb.tracing.dates import MOMENT, blank
from codeagent_nb.tracing.headers import INDEX_NAME
from codeagent_nb.tracing.labels import Group, Label
from codeagent_nb.tracing.units import unit_after

MOST_LINES = 150
"""Lines of a table or a list whose labels are read; those of later ones only where a value of the answer stands."""
MOST_LOOKED_AT = 40  # rows by which is told which columns have numbers
MOST_INNER = 60  # lines that a label of an outer index may hold for
LABEL = 80  # characters before a number that may be its label
_WORDS = re.compile(r"[^\W\d]+(?: [^\W\d]+)*")
_NUMBERS = re.compile(r"\d[\d.,]*")


def shape_of(line: str) -> str:
    """Return how a line is written, whatever its words and numbers."""
    return re.sub(r"\s+", " ", _NUMBERS.sub("0", _WORDS.sub("a", line[: LABEL * 3])))


_QUOTED_NAME = re.compile(r"['\"“«‘]([^'\"”»’]{1,40})['\"”»’]\s*[:=]?\s*(?:is|was|has|had|with|at)?\s*$")  # noqa: RUF001
_IN_A_SENTENCE = re.compile(r"(?<=[a-zß] )[A-ZÄÖÜ][\w-]+(?: [A-ZÄÖÜ][\w-]+)*")
_IN_TUPLE = re.compile(r"\((?:[\d.]+, )?['\"]([^'\"()]{1,60})['\"](?:, [^,()'\"]{1,30}){0,6}, ?$")
_IN_DICT = re.compile(
    r"\{\s*['\"][^'\"{}]{1,40}['\"]: ['\"]([^'\"{}]{1,60})['\"](?:, ['\"][^'\"{}]{1,40}['\"]: [^,{}'\"]{1,30}){0,6}"
    r", ['\"]([^'\"{}]{1,40})['\"]: ?$"
)
_BREAK = re.compile(r"[{;,|\[(]")
_LAST_NUMBER = re.compile(r"(?<![\w.])[-+]?\d(?:[\d.,]*\d)?(?:[eE][-+]?\d+)?")


def _tuple_name(before: str) -> str:
    """Return the name in a tuple before a number that is not its second item: `(1, 'Latte', 3.8, 967)`."""
    opened = before.rfind("(")
    named = _IN_TUPLE.match(before, opened) if opened >= 0 and ")" not in before[opened:] else None
    return named[1] if named else ""


def pair_labels(text: str, start: int) -> tuple[str, str]:
    """Return the label right before a number, and what the line begins with before a colon, if that is another one."""
    before = text[max(0, start - 2 * LABEL) : start]
    begins = 0
    for found in _LAST_NUMBER.finditer(before):
        begins = found.end()
    if name := _tuple_name(before):
        return name, ""
    if keyed := _IN_DICT.search(before, max(0, before.rfind("{"))):
        return keyed[2], keyed[1]
    _, after = unit_after(before, begins) if begins else (None, 0)
    near = before[after:].lstrip("),;|/ ]}")
    parts = [part for part in _BREAK.split(near.rstrip("([{$€£¥₹ ")) if part.strip(" '\":=")]
    near = parts[-1] if parts and len(near) > 1 else near
    if quoted := _QUOTED_NAME.search(near):
        near = quoted[1]
    elif names := _IN_A_SENTENCE.findall(near) if len(near.split()) > 3 else []:
        near = names[-1]
    near = near.strip(" '\"\t:=~≈-–*#>$€£¥₹")[-LABEL:]  # noqa: RUF001
    head, colon, rest = text[: min(start, LABEL)].partition(":")
    head = head.strip(" '\"\t-*#>{")
    if not colon or head == near or not re.search(r"\w", rest) or re.search(r"\d", head):
        return near, ""
    if near.startswith(head):
        near = near[len(head) :].strip(" :'\"{")
    return near, head


_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_LEADING = re.compile(r"(?:\s*|([^\W\d][\w-]{0,40})\s+)(-?\d[\d.-]{0,12})\s+")
_MONEY = re.compile(r"[$€£¥₹]?")
_OUTER = re.compile(r"([^\W\d][\w .-]{0,40}?)\s{2,}\S")


@dataclass(slots=True)
class Pairs:
    """Labels and numbers in lines that are no table.

    Args:
        lines: The lines.
        kinds: The labels of numbers of one kind, which are told apart from each other.
        heads: What lines begin with before a colon.
    """

    lines: Sequence[str]
    kinds: dict[str, Group]
    heads: Group = field(default_factory=Group)
    _near: dict[str, int] = field(default_factory=dict)
    _is_numbered: bool | None = None

    @property
    def is_numbered(self) -> bool:
        """Whether lines begin with a number that they are numbered by, as those of a series do."""
        if self._is_numbered is None:
            leading = (_LEADING.match(line[:LONGEST]) for line in self.lines[:MOST_LOOKED_AT])
            numbers = [found[2] for found in leading if found]
            are_alike = all(map(str.isdigit, numbers)) or all("-" in number[1:] for number in numbers)
            self._is_numbered = len(set(numbers)) > 1 and are_alike
        return self._is_numbered

    @property
    def _index(self) -> str:
        """What the first line says that the index of a series is called."""
        names = self.lines[0].split()
        return names[-1] if 0 < len(names) < 4 and all(INDEX_NAME.fullmatch(name) for name in names) else ""

    def place_in_line(self, row: int, start: int) -> str | None:
        """Return what tells a number in lines that are written alike: their words blanked, and which number it is."""
        text = self.lines[row]
        shape = shape_of(text)
        if (
            self.is_numbered
            or shape.count("0") < 2
            or not any(shape_of(self.lines[at]) == shape for at in (row - 1, row + 1) if self._has(at))
        ):
            return None
        return f"{shape} {shape_of(text[:start]).count('0')}"

    def _has(self, row: int) -> bool:
        return 0 <= row < len(self.lines)

    def labels(self, row: int, start: int) -> Iterator[Label]:
        """Yield what the number at a place stands under."""
        near, head = self._near_and_head(row, start)
        if near:
            yield _label(self._alike(self.lines[row], start), near)
        if head and (self._near.get(near, 0) > 1 or not near):
            yield _label(self.heads, head)

    def _near_and_head(self, row: int, start: int) -> tuple[str, str]:
        """Return what `pair_labels` does; of a series with two indices the outer label with the inner one."""
        text = self.lines[row]
        near, head = pair_labels(text, start)
        if not near and (moment := MOMENT.match(text)) and moment.end() < start:
            near = moment[0][:10]
        if (
            not near
            and self.is_numbered
            and (number := _LEADING.match(text))
            and _MONEY.fullmatch(text, number.end(), start)
        ):
            near = " ".join(filter(None, (number[1], self._index, number[2])))
        if near and not head and text.startswith("  "):
            for above in reversed(self.lines[max(0, row - MOST_INNER) : row]):
                if not above.startswith(" "):
                    outer = _OUTER.match(above)
                    return (f"{outer[1]} {near}" if outer else near), head
        return near, head

    def read(self) -> None:
        """Read the labels of all numbers."""
        for row, text in enumerate(self.lines[:MOST_LINES]):
            if len(text) > LONGEST:
                continue
            for found in re.finditer(r"(?<![\w.,])[-+]?\d[\d.,]*", MOMENT.sub(blank, text)):
                if self.is_numbered and (number := _LEADING.match(text)) and found.start() < number.end():
                    continue
                near, head = self._near_and_head(row, found.start())
                self._near[near] = self._near.get(near, 0) + 1
                if near:
                    self._alike(text, found.start()).add(near)
                if head:
                    self.heads.add(head)

    def _alike(self, text: str, start: int) -> Group:
        """Return the labels of numbers of one kind: a share is not taken for a count, whatever it is called."""
        number = _NUMBER.match(text, start)
        unit, _ = unit_after(text, number.end() if number else start)
        is_whole = number is not None and not re.search(r"\.\d|e", number[0])
        kind = f"{unit.dimension if unit else ''} {'whole' if is_whole else ''}"
        return self.kinds.setdefault(kind, Group())


def _label(group: Group, text: str) -> Label:
    return Label(group.add(text), text, group)
