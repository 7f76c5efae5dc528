"""Reads replies in channels: gpt-oss's harmony, Gemma's `<|channel>`. Must not know what may run.

A server that parses them sends text and reasoning apart. One that does not sends the marks, or, without its special
tokens, only the words of the headers: `analysisWe need ...assistantfinalDone.`
"""

import re
from collections.abc import Callable, Iterator

from codeagent_nb.reply.marks import Mark, outside_fences

_HEADER = re.compile(
    r"(?:<\|start\|>(?P<role>[^<\n]{0,100}))?<\|channel\|>(?P<channel>[^<\n]{0,200})"
    r"(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
)
_END = re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)")
_CLOSED = re.compile(r"<\|(?:end|return)\|>\s*\Z")
_TO = re.compile(r"\bto=")
_GEMMA = re.compile(r"<\|channel>\s*(?P<channel>\w+)[ \t]*\n?(?P<body>.*?)(?:(?P<end><channel\|>)|\Z)", re.DOTALL)
_BARE = re.compile(
    r"\A\s*(?:assistant)?analysis(?P<thought>(?=[A-Z\s]).*?)assistant(?P<rest>(?:final|commentary).*)\Z", re.DOTALL
)
_BARE_UNENDED = re.compile(r"\A\s*(?:assistant)?analysis(?=[A-Z][a-z']* )(?P<thought>.*)\Z", re.DOTALL)
_BARE_CALL = re.compile(r"\Acommentary\s*(?=to=)")


def channels_as_marks(text: str, is_reasoning: Callable[[str], bool]) -> str:
    """Return a reply with its channels of reasoning as `<thought>` elements, and the final one without marks.

    A message to a tool is left as it is: that is a call.

    Args:
        text: A cleaned reply.
        is_reasoning: Whether a channel of this name holds reasoning.
    """
    if match := _BARE.match(text):
        rest = match["rest"].removeprefix("final")
        return f"<thought>{match['thought']}</thought>{_BARE_CALL.sub('', rest)}"
    if match := _BARE_UNENDED.match(text):
        return f"<thought>{match['thought']}"
    first = min((at for mark in ("<|channel", "<channel|>") if (at := text.find(mark)) >= 0), default=-1)
    if first < 0 or not any(outside_fences(text, [Mark(first, first + 1, "channel")])):
        return text  # somebody explains the format
    return "".join(_messages(_without_gemma_channels(text, is_reasoning), is_reasoning))


def _without_gemma_channels(text: str, is_reasoning: Callable[[str], bool]) -> str:
    def as_mark(match: re.Match[str]) -> str:
        if not is_reasoning(match["channel"]):
            return match["body"]
        return f"<thought>{match['body']}{'</thought>' if match['end'] else ''}"

    end, start = text.find("<channel|>"), text.find("<|channel>")
    began = end >= 0 and not 0 <= start < end  # the prompt did
    return _GEMMA.sub(as_mark, f"<|channel>thought\n{text}" if began else text)


def _messages(text: str, is_reasoning: Callable[[str], bool]) -> Iterator[str]:
    position = 0
    while header := _HEADER.search(text, position):
        before = text[position : header.start()]
        # Without a header of its own it is reasoning: the server ate it with the end of the prompt.
        yield _CLOSED.sub("</thought>", before) if not position else before
        end = _END.search(text, header.end())
        position = end.end() if end else len(text)
        body = text[header.end() : end.start() if end else position]
        if _TO.search(header[0]):
            yield text[header.start() : position]
        elif is_reasoning(header["channel"]):
            yield f"<thought>{body}{'</thought>' if end else ''}"
        else:
            yield body
    yield text[position:]
