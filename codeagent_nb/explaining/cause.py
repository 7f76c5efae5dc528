"""What a row of the table of well-known causes is: how it is recognized, and its remedy. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kernel_executor import FailedLine

LONGEST_PART = 60
"""Characters of a part of a message that a remedy repeats."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A well-known cause of an error.

    Args:
        error: Pattern of the exception's whole name.
        message: Pattern of what its message contains.
        remedy: What to do, in one line; `{name}` stands for a group of `message`, or for a fact of `facts_of`.
        source: Pattern of what the failed line contains; a line that is not known contains nothing.
        when: Further condition.
    """

    error: str
    message: str
    remedy: str
    source: str = ""
    when: Callable[[FailedLine], bool] | None = None

    def remedy_for(self, line: FailedLine) -> str:
        """Return the remedy if this is the cause, else nothing."""
        if not re.fullmatch(self.error, line.error):
            return ""
        found = re.search(self.message, line.message)
        if not found or not re.search(self.source, line.source) or not (self.when is None or self.when(line)):
            return ""
        parts = {name: " ".join((part or "").split())[:LONGEST_PART] for name, part in found.groupdict().items()}
        return self.remedy.format_map({**facts_of(line), **parts})


def facts_of(line: FailedLine) -> dict[str, str]:
    """Return facts that a remedy may name: `name`, `of` and `near` of a missing name, and `text`, the seen texts."""
    missing = next((each for each in line.missing if each.near), line.missing[0] if line.missing else None)
    texts = next((value.name for value in line.values if value.dtype in TEXT_DTYPES), "x")
    return {
        "name": repr(missing.name) if missing else "",
        "of": missing.of if missing and missing.of.isidentifier() else "df",
        "near": repr(missing.near[0]) if missing and missing.near else "",
        "files": ", ".join(map(repr, missing.near[:3])) if missing else "",
        "text": texts,
    }


TEXT_DTYPES = frozenset({"str", "object", "string"})


def first_cause(causes: Iterable[Cause], line: FailedLine) -> str:
    """Return the remedy of the first cause that is the one, or nothing."""
    return next(filter(None, (cause.remedy_for(line) for cause in causes)), "")


def of_names(error: str, message: str, remedies: dict[str, str]) -> tuple[Cause, ...]:
    """Return a row for each name of a table.

    Args:
        error: Pattern of the exception's name.
        message: Pattern of its message, with `NAME` where the name stands.
        remedies: What to do, by name.
    """
    return tuple(Cause(error, message.replace("NAME", re.escape(name)), remedy) for name, remedy in remedies.items())
