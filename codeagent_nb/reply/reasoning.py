"""Owns what is reasoning in a reply, by the marks around it. Must not know what may run.

Every model family has marks of its own, and new ones each month; so a mark is known by a word in its name, not by a
list of names.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codeagent_nb.reply.channels import channels_as_marks
from codeagent_nb.reply.marks import Mark, Region, find_marks, regions

_WORD = re.compile(
    r"think|thought|reason|analysis|analy[sz]ing|scratch_?pad|reflect|monologue|deliberat|ruminat|ponder|contemplat"
    r"|introspect|brainstorm|(?:^|_)cot(?:_|$)"
)
_FOLDED = re.compile(r"\b(?:type|class|id|role|name)\s*=\s*[\"']?[^\"'>]*(?:think|thought|reason)", re.IGNORECASE)
_FOLDS = frozenset({"details", "div", "section", "aside"})
# What some say in words around it: Granite, Apriel, the command line of Ollama.
_SPOKEN = (
    re.compile(
        r"\A\s*Here(?: is|'s| are) my [\w ]{0,30}(?:think|thought|reason)[\w ]{0,30}:(?P<thought>.*?)"
        r"(?:^Here(?: is|'s) my (?:final )?(?:response|answer):|\[BEGIN FINAL RESPONSE\])(?P<rest>.*)\Z",
        re.DOTALL | re.MULTILINE | re.IGNORECASE,
    ),
    re.compile(
        r"\A\s*Thinking\.\.\.(?P<thought>.*?)^[ \t]*+\.\.\.done thinking\.(?P<rest>.*)\Z", re.DOTALL | re.MULTILINE
    ),
)


@dataclass(frozen=True, slots=True)
class Thinking:
    """A reply in its two parts, and whether the reasoning came to an end."""

    visible: str
    thought: str | None = None
    ended: bool = True


def names_reasoning(name: str) -> bool:
    """Return whether something of this name holds reasoning: a mark, or a block."""
    return bool(_WORD.search(name.replace("-", "_").lower()))


def split_thinking(text: str) -> Thinking:
    """Take the reasoning out of a reply; code in it is a draft, which plain fence readers run.

    Args:
        text: A cleaned reply.

    Returns:
        What is left, the reasoning, and False if its last part has no end.
    """
    text = channels_as_marks(_spoken_as_marks(text), names_reasoning)
    visible: list[str] = []
    thoughts: list[str] = []
    position, ended = 0, True
    for region in _reasoning(text):
        if region.start < 0:  # an end without a start: the server ate the opening tag, all before is reasoning
            thoughts.extend((*visible, text[position : region.end - len(region.inner)]))
            visible.clear()
        else:
            visible.append(text[position : region.start])
            thoughts.append(region.inner)
        position, ended = region.end, region.ended
    if not position:
        return Thinking(text)
    visible.append(text[position:])
    thought = "\n\n".join(part.strip() for part in thoughts if part.strip())
    return Thinking("".join(visible).strip(), thought or None, ended)


def _reasoning(text: str) -> Iterator[Region]:
    return regions(text, list(_without_other_folds(find_marks(text, _may_be_reasoning))))


def _may_be_reasoning(name: str, more: str) -> bool:
    return names_reasoning(name) or (name in _FOLDS and bool(not more or _FOLDED.search(more)))


def _without_other_folds(marks: Iterable[Mark]) -> Iterator[Mark]:
    """Leave out the elements that fold something else away."""
    opened: set[str] = set()
    for mark in marks:
        if mark.name in _FOLDS and not (mark.name in opened if mark.is_end else mark.more):
            continue
        (opened.discard if mark.is_end else opened.add)(mark.name)
        yield mark


def _spoken_as_marks(text: str) -> str:
    for pattern in _SPOKEN:
        if match := pattern.match(text):
            return f"<thought>{match['thought']}</thought>{match['rest']}"
    return text
