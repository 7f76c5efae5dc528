"""Owns how marks look that models and chat templates put around parts of a reply. Must not know their meaning.

`<x>`, `<x a="b">`, `</x>`, `[X]`, `<|x|>`, `<|begin_of_x|>`, `<x|>`, `◁x▷`: every template has its own,
so they are read by their form, and what is looked at is the words of their names.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

FENCE_LINE = re.compile(
    r"(?P<lead>(?:[ \t>]++|(?:[-*+]|\d{1,9}[.)])[ \t]++)*+)(?P<ticks>`{3,}+(?=[^`\n]*+$)|~{3,}+)(?P<info>[^\n<\[]*+)",
    re.MULTILINE,
)
_FENCE_LINES = re.compile(rf"^{FENCE_LINE.pattern}", re.MULTILINE)
_MARK = re.compile(
    r"(?P<open>(?:<|&lt;)[/\\]?[ ]?[|\uff5c\u2016]?/?|(?:[\[◁【⟨《]|\{\{)/?)"
    r"(?P<name>[A-Za-z|\uff5c\u2016][\w:.|\uff5c\u2016▁-]{0,80}?)"
    r"(?P<more>[ \t=][^<>\[\]\n]{0,300}?)?(?P<void>/?)(?P<close>[|\uff5c\u2016]?(?:>|&gt;)|[\]▷】⟩》]|\}\})"
)
_CLOSERS = {"<": ">", "&": ";", "[": "]", "◁": "▷", "【": "】", "⟨": "⟩", "《": "》", "{": "}"}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BEGIN = frozenset({"begin", "start", "open"})
_END = frozenset({"end", "stop", "close", "finish"})
_SPACED_BOUNDS = frozenset({"begin", "start", "end", "stop"})  # `<details open>` has an attribute
_LONGEST_NAME = 3
_FILLING = _BEGIN | _END | {"of", "the"}
_LOOKED_BACK = 200  # characters of a line in which an open code span is looked for


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark in a text.

    Args:
        start: Where it begins in the text.
        end: Where it ends.
        name: The words of its name, in lower case, joined by `_`; without `begin`, `end` and their like.
        more: What follows the name within it: attributes.
        bracket: The sign that it begins with.
        is_end: Whether it ends a region.
        is_token: Whether it looks like a token of a chat template.
        is_weak: Whether it may be a heading, a link or a placeholder: without its end it is text.
    """

    start: int
    end: int
    name: str
    more: str = ""
    bracket: str = "<"
    is_end: bool = False
    is_token: bool = False
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class Region:
    """The text between two marks: `start..end` with them, `inner` without. A stray end has no start."""

    start: int
    end: int
    inner: str
    ended: bool = True
    mark: Mark | None = None


def find_marks(text: str, means: Callable[[str, str], bool]) -> Iterator[Mark]:
    """Yield the marks of a text in order, but not those which stand for nothing between them, as `<x/>` does.

    Args:
        text: Any text.
        means: Whether marks of this name, with these attributes, are wanted.
    """
    for match in _MARK.finditer(text):
        bracket = match["open"][0]
        if _CLOSERS[bracket] != match["close"][-1] or match["void"]:
            continue
        words, more = _words(match["name"]), (match["more"] or "").strip()
        if _is_spaced(words, more):
            words, more = _words(f"{match['name']} {more}"), ""
        name = "_".join(word for word in words if word not in _FILLING) or "_".join(words)
        if means(name, more):
            yield Mark(
                start=match.start(),
                end=match.end(),
                name=name,
                more=more,
                bracket=bracket,
                is_end=_is_end(match, words),
                is_token="|" in match[0] or "\uff5c" in match[0],
                is_weak=_is_weak(text, match),
            )


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_▁]+", _CAMEL.sub("_", name).lower()) if word]


def _is_spaced(words: list[str], more: str) -> bool:
    """Return whether what follows a name goes on with it: `BEGIN THINKING`, `chain of thought`, `THINKING END`."""
    following = more.lower().split()
    if not following or not more.replace(" ", "").isalpha() or len(following) > _LONGEST_NAME:
        return False
    is_phrase = "of" in following or bool({*words} & (_BEGIN | _END))
    return is_phrase or (len(following) == 1 and following[0] in _SPACED_BOUNDS)


def _is_end(match: re.Match[str], words: list[str]) -> bool:
    if {*match["open"]} & {"/", "\\"} or {*words[:1], *words[-1:]} & _END:
        return True
    return match["close"] == "|>" and match["open"] == "<"  # `<x|>` ends `<|x>`


def _is_weak(text: str, match: re.Match[str]) -> bool:
    if match["open"][0] in "[{":
        return not match["name"].isupper() or text[match.end() : match.end() + 1] in {"(", "[", ":"}
    starts_line = text[max(match.start() - 1, 0) : match.start()] in {"", "\n"}
    ends_line = text[match.end() : match.end() + 1] in {"", "\n"}
    return not (starts_line or ends_line or "|" in match["close"])


def outside_fences(text: str, marks: Iterable[Mark]) -> Iterator[Mark]:
    """Yield the marks that do not stand in a fenced block."""
    lines = _FENCE_LINES.finditer(text)
    line, fence = next(lines, None), ""
    for mark in marks:
        while line is not None and line.start() < mark.start:
            fence, line = _after_fence_line(fence, line), next(lines, None)
        if not fence:
            yield mark


def _after_fence_line(fence: str, match: re.Match[str]) -> str:
    if not fence:
        return match["ticks"]
    return "" if match["ticks"].startswith(fence) and not match["info"].strip() else fence


def regions(text: str, marks: list[Mark]) -> Iterator[Region]:
    """Find the regions between marks outside of fences; within a region fences mean nothing.

    Args:
        text: The text.
        marks: Its marks, in order.

    Yields:
        The regions in order, each mark with the next end of its name, or else with the next end of any name. Where
        an end has no beginning, a region without a start.
    """
    yield from _Walk(text, marks).regions()


class _Walk:
    """One pass over the fence lines and marks of a text."""

    def __init__(self, text: str, marks: list[Mark]) -> None:
        fences = [(match.start(), match) for match in _FENCE_LINES.finditer(text)]
        places: list[tuple[int, Mark | re.Match[str]]] = [*fences, *((mark.start, mark) for mark in marks)]
        self._text = text
        self._items = [item for _, item in sorted(places, key=lambda place: place[0])]
        self._last_fence = max((start for start, _ in fences), default=-1)
        self._fence = ""
        self._doubtful: Mark | None = None  # an end in a fence: it is code if a closer follows, else it ends a draft
        self._in_fence: set[str] = set()  # names of the marks that begin in it
        self._ends = self._next_ends()

    def _next_ends(self) -> list[int | None]:
        """Return for each place the next end that belongs to it."""
        ends: list[int | None] = [None] * len(self._items)
        by_name: dict[str, int] = {}
        nearest: int | None = None
        for number in range(len(self._items) - 1, -1, -1):
            item = self._items[number]
            if isinstance(item, Mark):
                if item.is_end:
                    by_name[item.name] = nearest = number
                else:
                    ends[number] = by_name.get(item.name, None if item.is_weak else nearest)
        return ends

    def regions(self) -> Iterator[Region]:
        number = 0
        while number < len(self._items):
            item = self._items[number]
            number += 1
            if not isinstance(item, Mark):
                yield from self._pass_fence(item)
            elif item.is_end:
                yield from self._pass_end(item)
            elif self._fence:
                self._in_fence.add(item.name)
            elif is_mentioned(self._text, item):
                number = self._after_mention(item, number)
            else:
                region, number = self._open(item, number)
                if region:
                    yield region
        if self._doubtful:
            yield self._stray(self._doubtful)

    def _after_mention(self, mark: Mark, number: int) -> int:
        """Return the number of what follows a mark that is talked about, together with its end if that is, too."""
        end = self._ends[number - 1]
        closer = self._items[end] if end is not None else None
        if end is None or not isinstance(closer, Mark):
            return number
        is_line = "\n" not in self._text[mark.end : closer.start]
        is_quoted = self._text[closer.end : closer.end + 1] in {*"`\"'"}
        return end + 1 if is_line or is_quoted else number

    def _open(self, mark: Mark, number: int) -> tuple[Region | None, int]:
        """Return the region that a mark begins, if it does, and the number of what follows it."""
        end = self._ends[number - 1]
        if end is not None:
            closer = self._items[end]
            inner = self._text[mark.end : _start(closer)]
            return Region(mark.start, _end(closer), inner, mark=mark), end + 1
        if mark.is_weak and (mark.bracket in "[{" or self._last_fence < mark.start):
            return None, number
        return Region(mark.start, len(self._text), self._text[mark.end :], ended=False, mark=mark), len(self._items)

    def _pass_fence(self, match: re.Match[str]) -> Iterator[Region]:
        if self._doubtful and match["ticks"].startswith(self._fence) and match["info"].strip():
            yield self._stray(self._doubtful)
            self._fence = ""
        if not self._fence:
            self._in_fence.clear()
        self._fence = _after_fence_line(self._fence, match)
        self._doubtful = self._doubtful if self._fence else None

    def _pass_end(self, mark: Mark) -> Iterator[Region]:
        is_phrase = mark.is_weak and " " in self._text[mark.start : mark.end].strip("<> ")
        if is_phrase or is_mentioned(self._text, mark):  # `[end of analysis]` may be a remark
            return
        if not self._fence:
            yield self._stray(mark)
        elif mark.name not in self._in_fence and _stands_alone(self._text, mark):
            self._doubtful = mark

    def _stray(self, mark: Mark) -> Region:
        return Region(-1, mark.end, self._text[mark.start : mark.end], mark=mark)


def _start(item: Mark | re.Match[str]) -> int:
    return item.start if isinstance(item, Mark) else item.start()


def _end(item: Mark | re.Match[str]) -> int:
    return item.end if isinstance(item, Mark) else item.end()


def is_mentioned(text: str, mark: Mark) -> bool:
    """Return whether a mark is talked about: in quotes, or in a code span."""
    if mark.start > 0 and text[mark.start - 1] in "`\"'":
        return True
    if mark.is_end:
        return False
    line = text.rfind("\n", max(mark.start - _LOOKED_BACK, 0), mark.start) + 1
    before = text[max(line, mark.start - _LOOKED_BACK) : mark.start]
    return before.count("`") % 2 == 1


def _stands_alone(text: str, mark: Mark) -> bool:
    before, after = text[max(mark.start - 1, 0) : mark.start], text[mark.end : mark.end + 1]
    return before in {"", "\n"} and after in {"", "\n"}
