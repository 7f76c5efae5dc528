"""What is mapped into the memory of this process, as /proc tells it."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

LINE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$", re.MULTILINE)


class Area(NamedTuple):
    """One line of /proc/self/maps.

    Args:
        start: Its first address.
        end: The address behind it.
        flags: Such as `rw-s`.
        path: The file it is of, or what else stands there; empty for memory of nobody's.
    """

    start: int
    end: int
    flags: str
    path: str

    @property
    def is_shared(self) -> bool:
        """Whether it is written to, and others see that."""
        return self.flags[1] == "w" and self.flags[3] == "s"

    @property
    def name(self) -> str:
        """The name of its file."""
        return os.path.basename(self.path)  # noqa: PTH119


def areas() -> list[Area]:
    """Return what is mapped now, in order."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        return parsed(file.read())


def parsed(text: str) -> list[Area]:
    """Return what a text like that of /proc/self/maps tells."""
    return [Area(int(start, 16), int(end, 16), flags, path) for start, end, flags, path in LINE.findall(text)]
