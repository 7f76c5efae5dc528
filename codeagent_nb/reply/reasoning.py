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
_TYPED = re.compile(r"\b(?:type|name|role)\s*=\s*[\"']?analysis\b", re.IGNORECASE)
_NO_FOLD = re.compile(r"param|arg|function|invoke|tool|input|field|^(?:img|br|hr|meta|link|a|code|pre)$")
"""Elements whose attributes name something else: what a call is given, a field of a form, a class of code."""
_SUMMARY = re.compile(r"\s*<summary\b[^>]*>(?P<summary>[^\n]{0,200}?)</summary>", re.IGNORECASE)
_SAYS_REASONING = re.compile(
    r"[\W_]*(?:[\w']+\s+){0,2}(?:think\w*|thoughts?|reasoning|chain[ -]of[ -]thought|scratch ?pad)"
    r"(?:\s+(?:process|steps?|trace|log|for\b.*|\(.*))?[\W_]*",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^>]*>")
_SURE = re.compile(r"think|thought")
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
    re.compile(  # MedGemma's, two of the tokens that Gemma leaves unused
        r"\A\s*<unused\d+>\s*thought\b(?P<thought>.*?)(?:<unused\d+>(?P<rest>.*)|\Z)", re.DOTALL
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
    return regions(text, _without_placeholders(text, list(_without_other_folds(text, find_marks(text, _may_be_mark)))))


def _may_be_mark(name: str, more: str) -> bool:
    return names_reasoning(name) or not more or name == "details" or _is_folded(name, more)


def _is_folded(name: str, more: str) -> bool:
    return bool(_FOLDED.search(more) or _TYPED.search(more)) and not _NO_FOLD.search(name)


def _is_fold(text: str, mark: Mark) -> bool:
    """Return whether an element holds reasoning by its attributes, or by the summary that stands for it."""
    if mark.bracket not in "<&" or _is_folded(mark.name, mark.more):
        return mark.bracket in "<&"
    match = _SUMMARY.match(text, mark.end) if mark.name == "details" else None
    return bool(match and _SAYS_REASONING.fullmatch(_TAG.sub("", match["summary"])))


def _without_placeholders(text: str, marks: list[Mark]) -> list[Mark]:
    """Leave out words in angle brackets within sentences: `The field <reason> is free text.`, and their ends.

    Thoughts are excepted: no sentence has a field of that name, and servers put them in the middle of a line.
    """
    ends: dict[str, Mark] = {}
    left: set[int] = set()
    for mark in reversed(marks):
        if mark.is_end:
            ends[mark.name] = mark
        elif mark.is_weak and mark.bracket == "<" and not mark.more and not _SURE.search(mark.name):
            end = ends.get(mark.name)
            if end and (end.is_weak or "\n" not in text[mark.end : end.start]):
                left |= {mark.start, end.start}
    return [mark for mark in marks if mark.start not in left]


def _without_other_folds(text: str, marks: Iterable[Mark]) -> Iterator[Mark]:
    """Leave out the elements that fold something else away."""
    opened: set[str] = set()
    for mark in marks:
        if not names_reasoning(mark.name) and not (mark.name in opened if mark.is_end else _is_fold(text, mark)):
            continue
        (opened.discard if mark.is_end else opened.add)(mark.name)
        yield mark


def _spoken_as_marks(text: str) -> str:
    for pattern in _SPOKEN:
        if match := pattern.match(text):
            end = "" if match["rest"] is None else f"</thought>{match['rest']}"
            return f"<thought>{match['thought']}{end}"
    return text
