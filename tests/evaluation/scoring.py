"""The strict score: every value that was asked for stands in the answer as `@name[value]`, and is right. Pure."""

import re
from collections.abc import Mapping

_TAG = re.compile(r"@(\w+)\[(.*?)\]")
EXACT = 1e-6


def tags(text: str) -> dict[str, str]:
    """Return the values of an answer by name; the last of a name counts, and a value ends at the first `]`."""
    return dict(_TAG.findall(text))


def is_same(given: str | None, wanted: str) -> bool:
    """Return whether a value is right: the same text, or the same number."""
    if given is None:
        return False
    one, other = number(given), number(wanted)
    return given == wanted or (one is not None and other is not None and abs(one - other) < EXACT)


def is_right(given: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Return whether all values that were asked for are there and right; more than these do no harm."""
    return all(is_same(given.get(name), value) for name, value in wanted.items())


def number(text: str) -> float | None:
    """Return the number that a text is, None if it is none."""
    try:
        return float(text)
    except ValueError:
        return None
