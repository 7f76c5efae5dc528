"""Mends fence lines that models get wrong, one line at a time. Knows nothing of blocks, CommonMark or policy."""

import re
from collections.abc import Iterator

from codeagent_nb.reply.info_strings import ACCEPTED, is_known, read_info
from codeagent_nb.reply.marks import FENCE_LINE
from kernel_executor.languages import normalize

_BROKEN_INFO = re.compile(r"([ \t]{0,3}`{3,}+)([^\n]*[^`\n])")
_ONE_LINE = re.compile(r"[ \t]{0,3}(`{3,}+)[ \t]*+([A-Za-z][\w.]*)[ \t]++([^`\n]+)\1[ \t]*")
_QUOTES = re.compile(r"[ \t]{0,3}('''|\"\"\")[ \t]*+([A-Za-z][\w.]*)?[ \t]*")
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00a0"
_QUOTE_MARKS = ("'''", '"""')
_MARKS = ("```", "~~~", *_QUOTE_MARKS)
_TILDES = "~" * 9
_NAMED_END = re.compile(r"[ \t]*+([A-Za-z][\w+#.-]*)?[ \t]*")


def is_opener(line: str) -> bool:
    """Return whether a line is a fence with the name of a known language; any other word may be a remark."""
    match = FENCE_LINE.match(line)
    return bool(match and is_known(match["info"]))


def is_closer(line: str, ticks: str) -> bool:
    """Return whether a line is a bare fence that can close one of these ticks."""
    bare = line.lstrip(" \t>").rstrip()
    return len(bare) >= len(ticks) and bare == ticks[0] * len(bare)


def repair(text: str) -> str:
    """Put fences which have slipped into prose, or into the wrong characters, where CommonMark sees them.

    Args:
        text: A cleaned reply without reasoning.

    Returns:
        The same text with those lines, and no line of code, changed.
    """
    return "\n".join(_repaired_lines(text.split("\n")))


def _repaired_lines(lines: list[str]) -> Iterator[str]:
    """Walk over the lines; `fence` is the opener whose block the walk is in."""
    fence, width = "", 0
    for line in lines:
        if fence:
            bare = _visible(line)
            closes = is_closer(bare, fence) and _width(bare) <= width + 3
            yield (_TILDES if fence in _QUOTE_MARKS else bare) if closes else line
            fence = "" if closes else fence
            continue
        repaired = _repair(_visible(line)) if any(mark in line for mark in _MARKS) else [line]
        yield from repaired
        match = FENCE_LINE.match(repaired[-1])
        if match and len(repaired) < 3:  # three lines are a whole block
            quotes = _QUOTES.fullmatch(_visible(line))
            fence, width = quotes[1] if quotes else match["ticks"], len(match["lead"].expandtabs(4))


def _visible(line: str) -> str:
    """Drop what nobody sees around the fence: with a zero-width space before it CommonMark finds no block."""
    if not line.isascii() and line.strip(_INVISIBLE + " \t")[:1] in {"`", "~", "'", '"'}:
        start = len(line) - len(line.lstrip(" \t"))
        line = line[:start] + line[start:].strip(_INVISIBLE + " \t")
        ticks = len(line) - len(line.lstrip(" \t`~"))
        line = line[:ticks] + line[ticks:].lstrip(_INVISIBLE)
    return line


def _width(line: str) -> int:
    return len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip(" >"))


def _repair(line: str) -> list[str]:
    if FENCE_LINE.match(line):
        return [line]
    if (match := _QUOTES.fullmatch(line)) and normalize(match[2] or "") in ACCEPTED:
        return [_TILDES + match[2]]
    if (match := _ONE_LINE.fullmatch(line)) and normalize(match[2]) in ACCEPTED:
        return [match[1] + match[2], match[3].rstrip(), match[1]]
    if (match := _BROKEN_INFO.fullmatch(line)) and "`" in match[2]:
        info = match[2].replace("`", "")
        return [match[1] + info] if read_info(info).language in ACCEPTED else [line]
    return _unglued(line)


def _unglued(line: str) -> list[str]:
    """Split `Here is the code:` from the fence after it, unless other backticks make it inline code."""
    prose, ticks, tail = line.partition("```")
    tail = tail.lstrip("`")
    match = _NAMED_END.fullmatch(tail)
    if not ticks or not prose.strip() or "`" in prose or not match:
        return [line]
    named = normalize(match[1] or "") in ACCEPTED
    return [prose.rstrip(), "```" + tail.strip()] if named or prose.rstrip().endswith(":") else [line]
