"""Owns dates and times of day as they are written in six languages. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from codeagent_nb.tracing.words import MONTHS

_NAMES = "|".join(sorted(MONTHS, key=len, reverse=True))
_IN_DIGITS = (
    r"(?P<iso>\d{4}-\d{2}(?:-\d{2})?)(?=[T\s]\d\d:\d\d|(?![\w-]))"
    r"|(?P<numeric>\d{1,2}[./]\d{1,2}[./]\d{4}|\d{2}\.\d{2}\.\d{2}|\d{1,2}/\d{1,2}/\d{2})(?![\w./]\w)"
)
_DATE_IN_DIGITS = re.compile(rf"(?<![\w.,-])(?:{_IN_DIGITS})")
_DATE = re.compile(
    rf"(?<![\w.,-])(?:{_IN_DIGITS}"
    rf"|(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.|er|º|°)?(?:\s(?:de|of))?\s)?(?P<month>{_NAMES})\b\.?"
    rf"(?:\s(?P<after>\d{{1,2}})(?:st|nd|rd|th)?(?![\w.,]?\d|\w))?(?:,?(?:\s(?:de|del))?\s(?P<year>\d{{4}}))?(?!\w))",
    re.IGNORECASE,
)
_BEGINNINGS = "|".join(sorted({name[:3] for name in MONTHS}))
_MAY_NAME = re.compile(rf"\d[^\d\n]{{1,6}}(?:{_BEGINNINGS})|\b(?:{_BEGINNINGS})[a-zäéû]{{0,7}}[^\w\n]{{1,6}}\d")
"""Whether a text in lower case may have a date with the name of a month, which takes long to look for."""

TIME = re.compile(r"(?<![\w.:,])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?![\w:])(?!\.\d)")
MOMENT = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?![\w-])|\b\d\d:\d\d:\d\d(?:\.\d{1,9})?"
)
"""A date or a time of day as programs print them."""


def blank(found: re.Match[str]) -> str:
    """Return as many spaces as a match is long."""
    return " " * len(found[0])


_ALSO_WORDS = frozenset({"may", "march", "mar", "set", "sept", "dec", "gen", "mag", "ago", "dic"})


@dataclass(frozen=True, slots=True)
class Date:
    """A date of which parts may be open.

    Args:
        year: Its year, if that is said.
        month: Its month.
        day: Its day, if that is said.
    """

    year: int | None
    month: int
    day: int | None

    def includes(self, other: "Date") -> bool:
        """Return whether another date, said as exactly or more so, lies in it."""
        pairs = ((self.year, other.year), (self.month, other.month), (self.day, other.day))
        return all(one is None or one == two for one, two in pairs)


def dates_in(text: str) -> Iterator[tuple[int, int, tuple[Date, ...]]]:
    """Yield the dates of a text: where each begins and ends, and what it may mean."""
    pattern = _DATE if _MAY_NAME.search(text.casefold()) else _DATE_IN_DIGITS
    for found in pattern.finditer(text):
        meant = tuple(date for date in _meant(found) if 1 <= date.month <= 12 and (date.day is None or date.day <= 31))
        if meant or found["numeric"]:  # 31.02.2024 is a date that nothing states
            yield found.start(), found.end(), meant


def _meant(found: re.Match[str]) -> Iterator[Date]:
    if iso := found["iso"]:
        year, month, *day = map(int, iso.split("-"))
        yield Date(year, month, day[0] if day else None)
    elif numeric := found["numeric"]:
        first, second, year = map(int, re.split(r"[./]", numeric))
        year += 2000 if year < 100 else 0
        yield Date(year, second, first)
        if "/" in numeric and first != second:
            yield Date(year, first, second)
    else:
        if found["month"] in _ALSO_WORDS and not found["year"]:
            return
        day_of = found["day"] or found["after"]
        if day_of or found["year"]:
            year_of = int(found["year"]) if found["year"] else None
            yield Date(year_of, MONTHS[found["month"].casefold()], int(day_of) if day_of else None)


def times_in(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the times of day of a text: where each begins and ends, and the time in one form."""
    for found in TIME.finditer(text):
        yield found.start(), found.end(), f"{int(found[1])}:{found[2]}:{found[3] or '00'}"
