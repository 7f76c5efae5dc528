"""Owns when two texts say the same: numbers within a tolerance, readings of the clock set aside. Pure.

Knows texts, no outputs. What is set aside is returned, so that it can be said.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isclose

RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""Numbers with a point or an exponent are the same within these; whole numbers only if they are equal."""

TINY = 1e-15
"""Two numbers below it that are written with exponents differ by what rounding makes of zero; larger ones, such as a
p-value of 3.2e-15, mean what they say."""

TOLERANCE = (
    f"numbers with a decimal point within {RELATIVE:g} of one another, relatively, or {ABSOLUTE:g}; "
    f"those with exponents only relatively, unless both are below {TINY:g}"
)

TOKEN = re.compile(
    r"(?P<moment>\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?)"
    r"|(?P<clock>\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?)"
    r"|(?P<number>(?:(?<![\w.)\]])[-+])?(?:\d+\.\d*|\.?\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<space>\s+)"
    r"|(?P<word>[^\W\d]+|.)",
    re.DOTALL,
)

SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Window:
    """When a replay ran: what it shows of that time is read from the clock, not computed.

    Args:
        begins: Its beginning.
        ends: Its end.
    """

    begins: datetime
    ends: datetime

    def holds(self, kind: str, text: str) -> bool:
        """Return whether a text is a reading of the clock in this time.

        Args:
            kind: `moment`, `clock` or `number`.
            text: What was shown.
        """
        if kind == "number":
            return self._holds_seconds(text)
        return any(self._holds_here(kind, text, zone) for zone in (UTC, None))

    def _holds_here(self, kind: str, text: str, zone: object) -> bool:
        begins, ends = ((at.astimezone(UTC) if zone else at.astimezone()) for at in (self.begins, self.ends))
        if kind == "clock":
            text = f"{begins:%Y-%m-%d} {text:0>8}"
        try:
            shown = datetime.fromisoformat(text.replace(",", ".")).replace(tzinfo=begins.tzinfo)
        except ValueError:
            return False
        if len(text) == len("2020-01-01"):
            return shown.date() in {begins.date(), ends.date()}
        wide = SLACK if text.count(":") == 2 else timedelta(minutes=1)
        return begins - wide <= shown <= ends + wide

    def _holds_seconds(self, text: str) -> bool:
        if len(text) < len("1700000000"):
            return False
        value = float(text)
        begins, ends = (self.begins - SLACK).timestamp(), (self.ends + SLACK).timestamp()
        return any(begins <= value / unit <= ends for unit in (1, 1e3, 1e6, 1e9))


@dataclass(frozen=True, slots=True)
class TextDifference:
    """Where two texts part.

    Args:
        saved: What stands in the notebook, around that.
        now: What the replay has shown, around that.
        is_number: Whether two numbers differ.
    """

    saved: str
    now: str
    is_number: bool = False


@dataclass(slots=True)
class Compared:
    """What came of comparing texts.

    Args:
        clock: Readings of the clock that were set aside.
        noise: Numbers so near zero that they were set aside.
        difference: The first difference.
    """

    clock: int = 0
    noise: int = 0
    difference: TextDifference | None = None


def compare_texts(saved: str, now: str, window: Window) -> Compared:
    """Compare a saved text with what a replay has shown."""
    done = Compared()
    if saved == now:
        return done
    for one, other in _pairs(saved.rstrip(), now.rstrip()):
        if one and other and _is_same(one, other):
            continue
        if one and other and _is_noise(one, other):
            done.noise += 1
            continue
        if one and other and _is_clock(one, other, window):
            done.clock += 1
            continue
        kinds = [match.lastgroup if match else "" for match in (one, other)]
        done.difference = TextDifference(
            _around(saved, one), _around(now, other), is_number=kinds == ["number", "number"]
        )
        break
    return done


def _pairs(saved: str, now: str) -> Iterator[tuple[re.Match[str] | None, re.Match[str] | None]]:
    ones, others = TOKEN.finditer(saved), TOKEN.finditer(now)
    while True:
        one, other = next(ones, None), next(others, None)
        if one is None and other is None:
            return
        yield one, other
        if one is None or other is None:
            return


def _is_same(one: re.Match[str], other: re.Match[str]) -> bool:
    first, second = one.group(), other.group()
    if first == second:
        return True
    if one.lastgroup != other.lastgroup:
        return False
    if one.lastgroup == "space":  # columns are aligned by the longest number
        return first.count("\n") == second.count("\n")
    return one.lastgroup == "number" and same_number(first, second)


def same_number(first: str, second: str) -> bool:
    """Return whether two numbers, as they are written, are the same but for noise."""
    if _is_whole(first) or _is_whole(second):
        return first == second
    absolute = 0.0 if _has_exponent(first) and _has_exponent(second) else ABSOLUTE
    return isclose(float(first), float(second), rel_tol=RELATIVE, abs_tol=absolute)


def _has_exponent(text: str) -> bool:
    return "e" in text.lower()


def _is_noise(one: re.Match[str], other: re.Match[str]) -> bool:
    texts = (one.group(), other.group())
    are_numbers = one.lastgroup == other.lastgroup == "number"
    return are_numbers and all(_has_exponent(text) and abs(float(text)) < TINY for text in texts)


def _is_whole(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def _is_clock(one: re.Match[str], other: re.Match[str], window: Window) -> bool:
    kind = other.lastgroup or ""
    return kind == one.lastgroup and kind in {"moment", "clock", "number"} and window.holds(kind, other.group())


AROUND = 40  # characters


def _around(text: str, match: re.Match[str] | None) -> str:
    if match is None:
        return ""
    begins = max(0, match.start() - AROUND // 2, text.rfind("\n", 0, match.start()) + 1)
    line_ends = text.find("\n", match.end())
    ends = min(len(text) if line_ends < 0 else line_ends, match.end() + AROUND)
    return text[begins:ends].strip() or match.group()
