"""Owns durations as programs print them and as people say them: `0 days 08:57:22`, "8 hours and 57 minutes". Pure."""

import re
from collections.abc import Iterator
from decimal import Decimal

PRINTED = re.compile(r"(?<![\d:.,-])(?:(-?\d{1,6}) days? ?\+?,? ?)?(\d{1,3}):(\d\d):(\d\d(?:\.\d{1,9})?)(?![\d:])")
"""A duration as a program prints it; so does it a time of day."""

_AND = r"(?:[ ,]{1,3}|[ ,]{0,2}(?:and|und|et|y|e|och|&)[  ])?"
_PART = {
    86_400: r"(?:d|days?|tage?n?|jours?|días?|giorn[io]|dagar|dygn)",
    3_600: r"(?:h|hrs?|hours?|std\.?|stunden?|heures?|horas?|or[ae]|timmar|timme)",
    60: r"(?:m|min|mins|minutes?|minuten?|minutos?|minut[oi]|minuter)",
    1: r"(?:s|secs?|seconds?|sekunden?|secondes?|segundos?|second[oi]|sekunder)",
}
SAID = re.compile(
    r"(?<![\w.,])(?:"
    + "|".join(
        rf"(\d{{1,4}})[  ]?{_PART[big]}{_AND}(\d{{1,2}})[  ]?{_PART[small]}"
        + (rf"(?:{_AND}(\d{{1,2}})[  ]?{_PART[1]})?" if small > 1 else "")
        + r"(?![\w'’])"  # noqa: RUF001
        for big, small in ((86_400, 3_600), (3_600, 60), (60, 1))
    )
    + ")",
    re.IGNORECASE,
)
_FACTORS = ((86_400, 3_600, 1), (3_600, 60, 1), (60, 1))


def printed_in(line: str) -> Iterator[tuple[int, int, Decimal]]:
    """Yield the durations of a line of output: where each begins and ends, and its seconds."""
    for found in PRINTED.finditer(line):
        days, hours, minutes, seconds = found.groups()
        yield (
            found.start(),
            found.end(),
            ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + Decimal(seconds),
        )


def said_in(text: str) -> Iterator[tuple[int, int, Decimal, Decimal]]:
    """Yield the durations that a text says in two units or more: where, their seconds, and those of the last unit."""
    for found in SAID.finditer(text):
        groups = found.groups()
        parts = next(part for part in (groups[:3], groups[3:6], groups[6:]) if part[0] is not None)
        factors = next(factor for factor, at in zip(_FACTORS, (0, 3, 6), strict=True) if groups[at] is not None)
        said = [(int(part), factor) for part, factor in zip(parts, factors, strict=True) if part is not None]
        yield found.start(), found.end(), Decimal(sum(part * factor for part, factor in said)), Decimal(said[-1][1])
