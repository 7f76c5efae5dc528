"""What is known to work best with a model, by what it says of itself. Pure; knows no client and no loop."""

import re
from dataclasses import dataclass

from codeagent_nb.models.types import ModelInfo

SMALL = 9.0
"""Billions of parameters up to which a model is small. The largest that was measured to lose by more turns has 8."""

UNKNOWN = frozenset({"", "unknown", "replay"})
"""Families of which nothing is known."""

SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
"""`7b`, `1.5B`, `8x7b`: so their names tell how large open models are."""

SMALL_NAMES = re.compile(r"\b(?:tiny|nano|phi-?3-mini|tinyllama|smollm\d*)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a model is worked with, where the user says nothing else.

    Args:
        max_steps: Pieces of code that may succeed, one after another, before the model has to answer.
    """

    max_steps: int


ONE_STEP = Profile(max_steps=1)
STEP_BY_STEP = Profile(max_steps=12)


def profile_of(info: ModelInfo) -> Profile:
    """Return the profile of a model; one of which nothing is known, or that is small, takes one step.

    With the embedded model each further turn is another chance to lose what was found (effectiveness, measured).
    """
    family = str(info.get("family") or "").strip().lower()
    if family in UNKNOWN or SMALL_NAMES.search(family):
        return ONE_STEP
    sizes = [float(each or 1) * float(size) for each, size in SIZE.findall(family)]
    return ONE_STEP if sizes and max(sizes) <= SMALL else STEP_BY_STEP
