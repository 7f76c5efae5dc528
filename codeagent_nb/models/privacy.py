"""How much of a user's data a model is sent: three levels, whose place counts as this machine. Pure.

What is left out at each level is `prompt/gate.py`'s business. Knows no event and no surface.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from codeagent_nb.models.types import HERE, host_of_model

Privacy = Literal["rows", "statistics", "schema"]
PrivacySetting = Literal["auto", "rows", "statistics", "schema"]
"""`auto` is `rows` for a model on this machine, `statistics` for any other."""

VARIABLE = "CODEAGENT_PRIVACY"
"""The environment's variable that sets it."""

LEVELS: tuple[Privacy, ...] = get_args(Privacy)
SETTINGS: tuple[PrivacySetting, ...] = get_args(PrivacySetting)

SENT: Mapping[Privacy, str] = {
    "rows": "your task, the code, descriptions of your data with its first rows, all that the code shows, plots too",
    "statistics": "your task, cells it speaks of, the code, names, types, sizes, counts and ranges of your data; of "
    "what the code shows only numbers, and words that were sent before; no tables and no plots",
    "schema": "your task, the code, names, types and sizes of your data as you gave it; whether the code ran, or with "
    "which kind of error it failed",
}
"""What leaves at each level, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LessTold:
    """A description for the levels at which less is told; an empty one is not told at all.

    Args:
        statistics: Without texts and rows.
        schema: Names, types and sizes alone.
    """

    statistics: str = ""
    schema: str = ""

    @classmethod
    def always(cls, text: str) -> "LessTold":
        """Return a text that is told at each level: what the user has typed."""
        return cls(statistics=text, schema=text)

    def at(self, level: Privacy) -> str:
        """Return what is told at a level below `rows`."""
        return self.schema if level == "schema" else self.statistics


def joined(parts: "list[LessTold]") -> LessTold:
    """Return descriptions as one."""
    texts = ("\n\n".join(filter(None, (part.at(level) for part in parts))) for level in LEVELS[1:])
    statistics, schema = texts
    return LessTold(statistics=statistics, schema=schema)


def level_for(setting: PrivacySetting, client: object) -> Privacy:
    """Return the level at which a model is sent of data.

    Args:
        setting: What is asked for.
        client: The model; None is told nothing.
    """
    if setting != "auto":
        return setting
    return "rows" if client is None or host_of_model(client) == HERE else "statistics"


def is_laxer(one: Privacy, other: Privacy) -> bool:
    """Return whether more is told at one level than at another."""
    return LEVELS.index(one) < LEVELS.index(other)


def read_setting(text: str, where: str) -> PrivacySetting:
    """Return the setting that a text names; an empty one is `auto`.

    Args:
        text: The name.
        where: What holds it.

    Raises:
        ValueError: There is none of that name.
    """
    found = next((each for each in SETTINGS if each == (text.strip() or "auto")), None)
    if found is None:
        raise ValueError(f"{where} must be one of {', '.join(SETTINGS)}; it is {text!r}")
    return found


def privacy_note(level: Privacy, host: str) -> str:
    """Return what is said of a level in a line about a run; empty at `rows`.

    Args:
        level: The level.
        host: Where the model is.
    """
    return "" if level == "rows" else f"{level} only to {host or 'the model'}"
