"""What one look at this machine gives. Knows nobody who looks."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "weak", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        what: Its name.
        state: `weak` is a drawback one can live with.
        detail: What was found.
        fix: The command that fixes it.
    """

    what: str
    state: State
    detail: str
    fix: str = ""
