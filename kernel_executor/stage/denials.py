"""What is said of deeds of the code's on files of the user's, and how files are named in it. Pure."""

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Denial:
    """What the code did to a file of the user's.

    Args:
        name: The file.
        deed: `removed`, `replaced`, `changed` or `taken`.
        other: What the code's own file of a name that was taken is called now.
    """

    name: str
    deed: str
    other: str = ""

    def __str__(self) -> str:
        if self.other:
            return f"{shown_name(self.name)} is the user's; the code's file is {shown_name(self.other)} now."
        return f"{shown_name(self.name)} is the user's and was put back after the code had {self.deed} it."


def shown_name(name: str) -> str:
    """Return a file's name as it can be shown and sent: what is not UTF-8, or steers a terminal, is spelled out."""
    text = os.fsencode(name).decode(errors="replace")
    return text if text.isprintable() else ascii(text)[1:-1]
