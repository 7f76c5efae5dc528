"""Says in a word why a question is not right. A help for people: the score does not depend on it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tests.evaluation.scoring import EXACT, is_right, is_same, number, tags

Cause = Literal["right", "wrong value", "form", "error", "no code", "no answer", "fault"]

CAUSES: tuple[Cause, ...] = get_args(Cause)

MEANING: Mapping[Cause, str] = {
    "right": "every value is right, and tagged as it was asked for",
    "wrong value": "tagged, and another value",
    "form": "the right values were printed or said, not in the form that was asked for",
    "error": "the code that ran last failed",
    "no code": "no code ran",
    "no answer": "code ran; nothing that was asked for was tagged, and the right values are nowhere",
    "fault": "the time was up, or something outside the agent's code failed",
}

_NOISE = re.compile(r"[\s\"'`$€£%,]")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What is left of a run.

    Args:
        words: The closing words.
        printed: What all code printed.
        ran: Whether any code ran.
        failed: Whether the code that ran last failed.
        fault: What ended the run from outside.
    """

    words: str = ""
    printed: str = ""
    ran: bool = True
    failed: bool = False
    fault: str = ""


def cause_of(wanted: Mapping[str, str], ended: Ended) -> Cause:
    """Return why a question is not right; or that it is."""
    given = tags(ended.words)
    if ended.fault:
        return "fault"
    if is_right(given, wanted):
        return "right"
    if not ended.ran:
        return "no code"
    if ended.failed:
        return "error"
    text = f"{ended.printed}\n{ended.words}"
    if all(_is_there(given.get(name), value, text) for name, value in wanted.items()):
        return "form"
    return "wrong value" if given.keys() & wanted.keys() else "no answer"


def _is_there(given: str | None, wanted: str, text: str) -> bool:
    """Return whether the right value is there, in whatever form."""
    if given is not None and (is_same(given, wanted) or _is_nearly(given, wanted)):
        return True
    is_placeholder = given is None or (number(wanted) is not None and not _NUMBER.search(given))
    return is_placeholder and _is_in(wanted, text)


def _is_nearly(given: str, wanted: str) -> bool:
    """Return whether a tagged value is the right one but for case, quotes, blanks, a unit or its rounding."""
    if _bare(given) == _bare(wanted):
        return True
    numbers = _NUMBER.findall(given)
    return len(numbers) == 1 and _is_rounded(numbers[0], wanted)


def _is_in(wanted: str, text: str) -> bool:
    if number(wanted) is not None:
        return any(_is_rounded(found, wanted) for found in _NUMBER.findall(text))
    words = r"\s+".join(map(re.escape, wanted.casefold().split()))
    return bool(re.search(rf"(?<!\w){words}(?!\w)", text.casefold()))


def _is_rounded(found: str, wanted: str) -> bool:
    """Return whether a number is the wanted one, or has more decimals than that and is the same when rounded."""
    value, right = number(found.replace(",", "")), number(_NOISE.sub("", wanted))
    if value is None or right is None:
        return False
    places = len(_NOISE.sub("", wanted).partition(".")[2])
    return abs(value - right) < EXACT or (places > 0 and abs(round(value, places) - right) < EXACT)


def _bare(text: str) -> str:
    return _NOISE.sub("", text).casefold()
