"""Finds names like one that is not there: of columns, keys, attributes, variables, modules, files."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable
from itertools import islice

MOST_NEAR = 5

MOST_NAMES = 2_000
"""Names that are looked through; near ones among so many are found in 20 ms."""

LONGEST = 200

SHORTEST_PART = 3
"""Characters that a name must have for others to be near because they contain it."""


LEAST_ALIKE = 0.7
"""How much of two names must be the same, in both together, if they are to be near."""


def near(name: str, names: Iterable[str]) -> list[str]:
    """Return the names that are most like one: the same but for case, blanks, underscores; then parts; then similar."""
    wanted = _bare(name)
    ranks: list[tuple[float, str]] = []
    for each in dict.fromkeys(islice(names, MOST_NAMES)):
        if len(each) <= LONGEST and each != name:
            rank = _distance(wanted, _bare(each))
            if rank is not None:
                ranks.append((rank, each))
    return [each for _, each in sorted(ranks)[:MOST_NEAR]]


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name[:LONGEST]).casefold()


def _distance(wanted: str, found: str) -> float | None:
    if not wanted or not found:
        return None
    if wanted == found:
        return 0.0
    shorter, longer = sorted((wanted, found), key=len)
    if len(shorter) >= SHORTEST_PART and shorter in longer:
        return 1.0 - len(shorter) / len(longer) / 2
    matcher = difflib.SequenceMatcher(None, wanted, found)
    if _is_short_for(wanted, found):
        return 2.0 - max(matcher.ratio(), LEAST_ALIKE)
    if matcher.quick_ratio() < LEAST_ALIKE:
        return None
    ratio = matcher.ratio()
    return 2.0 - ratio if ratio >= LEAST_ALIKE else None


def _is_short_for(shorter: str, longer: str) -> bool:
    """Return whether all letters of one are in the other, in this order, the first one in front: `yr` for `year`."""
    letters = iter(longer)
    is_long_enough = len(shorter) > 1 and 3 * len(shorter) >= len(longer)
    return is_long_enough and shorter[0] == longer[0] and all(letter in letters for letter in shorter)


def near_files(path: str) -> tuple[str, list[str]]:
    """Return the folder in which a file is missing, as its path names it, and what is there that is like it."""
    folder, name = os.path.split(path[:4_096])
    try:
        with os.scandir(folder or ".") as found:
            names = [entry.name for entry in islice(found, MOST_NAMES) if not entry.name.startswith(".")]
    except (OSError, ValueError):
        return folder, []
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    same_kind = sorted(each for each in names if ending and each.lower().endswith(ending))
    likely = list(dict.fromkeys([*near(name, names), *same_kind]))[:MOST_NEAR]
    return folder, [os.path.join(folder, each) for each in likely]  # noqa: PTH118


def near_modules(name: str) -> list[str]:
    """Return the installed modules whose names are like one."""
    top, _, rest = name.partition(".")
    if rest:
        return []
    names = set(getattr(sys, "stdlib_module_names", ())) | set(sys.builtin_module_names)
    for folder in [each for each in sys.path if type(each) is str][:20]:
        try:
            with os.scandir(folder or ".") as found:
                names.update(_module_of(entry.name) for entry in islice(found, MOST_NAMES))
        except (OSError, ValueError):
            continue
    similar = difflib.get_close_matches(top, [each for each in names if each.isidentifier()], MOST_NEAR, 0.75)
    return [each for each in similar if not each.startswith("_")]


def _module_of(file: str) -> str:
    return file.partition(".")[0] if file.endswith((".py", ".so")) or "." not in file else ""
