"""Reads what stands around and instead of fences: reasoning, HTML, tool calls. Knows nothing of the run policy."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codeagent_nb.reply.syntax import is_tool_name

FENCE_LINE = re.compile(
    r"(?P<lead>(?:[ \t>]++|(?:[-*+]|\d{1,9}[.)])[ \t]++)*+)(?P<ticks>`{3,}+(?=[^`\n]*+$)|~{3,}+)(?P<info>[^\n<\[]*+)",
    re.MULTILINE,
)
_THOUGHT_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>|\[(/?)THINK\]", re.IGNORECASE)
_COMMENT_TAG = re.compile(r"<!--|(--)>")
_CODE_ELEMENT = re.compile(r"<(pre|code)\b([^>]{0,300})>\s*+(?:<code\b([^>]{0,300})>)?", re.IGNORECASE)
_CODE_LANGUAGE = re.compile(r"(?:lang(?:uage)?[-=]|class=)[\"']?(?:language-|lang-)?([\w+#.-]+)")
_MARKUP = re.compile(r"</?(?:span|b|i|em|strong|mark|br|code)\b[^>]{0,300}>")
_CALL_TAG = re.compile(r"<(tool_call|function_call)>")
_CODE_KEYS = ("code", "source", "script", "command", "cmd", "input")


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block as it was found, before any policy.

    Args:
        info: The info string of its fence, or what stands for it.
        code: Its text.
        closed: Whether something marked its end.
        flaw: Why it cannot be what the model meant, if so.
    """

    info: str
    code: str
    closed: bool = True
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Thinking:
    """A reply in its two parts, and whether the reasoning came to an end."""

    visible: str
    thought: str | None = None
    ended: bool = True


@dataclass(frozen=True, slots=True)
class _Region:
    """The text between two tags: `start..end` with them, `inner` without. A stray end has no start."""

    start: int
    end: int
    inner: str
    ended: bool = True


def clean(text: str) -> str:
    """Return a reply one kind of line end, no BOM and no NUL; a CR hides every block from AutoGen's regex."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").lstrip("\ufeff")


def split_thinking(text: str) -> Thinking:
    """Take the reasoning out of a reply; code in it is a draft, which plain fence readers run.

    Args:
        text: A cleaned reply.

    Returns:
        What is left, the reasoning, and False if its last part has no end.
    """
    visible: list[str] = []
    thoughts: list[str] = []
    position, ended = 0, True
    for region in _regions(text, _THOUGHT_TAG):
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


def split_comments(text: str) -> tuple[str, str]:
    """Cut out HTML comments: what is in them is hidden from people, so it must not run.

    Args:
        text: A cleaned reply without reasoning.

    Returns:
        The reply without them, and the comment which has no end, if there is one.
    """
    kept: list[str] = []
    position, unended = 0, ""
    for region in _regions(text, _COMMENT_TAG):
        if region.start >= 0:
            kept.append(text[position : region.start])
            position, unended = region.end, "" if region.ended else region.inner
    return "".join(kept) + text[position:], unended


def _regions(text: str, tag: re.Pattern[str]) -> Iterator[_Region]:
    """Find tagged regions outside of fences, in one pass; within a region fences mean nothing."""
    fence = ""
    opened: re.Match[str] | None = None
    doubtful: re.Match[str] | None = None  # an end in a fence: it is code if a closer follows, else it ends a draft
    for match in re.finditer(rf"(?m:^{FENCE_LINE.pattern})|{tag.pattern}", text, tag.flags):
        is_end = not match["ticks"] and any(match.groups()[3:])
        if match["ticks"] and not opened:
            if doubtful and _reopens(fence, match):
                yield _Region(-1, doubtful.end(), doubtful[0])
                fence = ""
            fence = _after_fence_line(fence, match)
            doubtful = doubtful if fence else None
        elif opened and is_end:
            yield _Region(opened.start(), match.end(), text[opened.end() : match.start()])
            opened = None
        elif not (match["ticks"] or opened or _is_mentioned(text, match)):
            if is_end and not fence:
                yield _Region(-1, match.end(), match[0])
            doubtful = match if is_end and fence and _stands_alone(text, match) else doubtful
            opened = match if not (is_end or fence) else None
    if doubtful:
        yield _Region(-1, doubtful.end(), doubtful[0])
    if opened:
        yield _Region(opened.start(), len(text), text[opened.end() :], ended=False)


def _after_fence_line(fence: str, match: re.Match[str]) -> str:
    if not fence:
        return match["ticks"]
    closes = match["ticks"].startswith(fence) and not match["info"].strip()
    return "" if closes else fence


def _reopens(fence: str, match: re.Match[str]) -> bool:
    return match["ticks"].startswith(fence) and bool(match["info"].strip())


def _is_mentioned(text: str, match: re.Match[str]) -> bool:
    return match.start() > 0 and text[match.start() - 1] in "`\"'"


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    before, after = text[max(match.start() - 1, 0) : match.start()], text[match.end() : match.end() + 1]
    return before in {"", "\n"} and after in {"", "\n"}


def code_elements(text: str) -> Iterator[RawBlock]:
    """Find `<pre><code class="language-python">` and multi-line `<code>` elements.

    Args:
        text: HTML, or text with HTML in it.

    Yields:
        Their text, with entities and highlighting resolved.
    """
    position = 0
    while match := _CODE_ELEMENT.search(text, position):
        end = text.find(f"</{match[1]}>", match.end())
        if end < 0:
            return
        inner, position = text[match.end() : end], end + 1
        language = _CODE_LANGUAGE.search(f"{match[3] or ''} {match[2]}")
        if match[1].lower() == "pre" or "\n" in text[match.start() : end]:
            code = html.unescape(_MARKUP.sub("", inner)).strip("\n")
            yield RawBlock(language[1] if language else "", code + "\n")


def tool_calls(text: str) -> list[RawBlock]:
    """Read tool calls which a model tuned for function calling wrote down as text.

    Args:
        text: A JSON object or list, or `<tool_call>` elements which hold some.

    Returns:
        The code in each call. A call which is broken or names another tool is given with a flaw.
    """
    bodies = list(_call_bodies(text))
    if not bodies and text.lstrip()[:1] in {"{", "["}:
        bodies = [text.strip()]
    return [block for body in bodies for block in _calls_in(body, tagged=body != text.strip())]


def _call_bodies(text: str) -> Iterator[str]:
    position = 0
    while match := _CALL_TAG.search(text, position):
        end = text.find(f"</{match[1]}>", match.end())
        position = len(text) if end < 0 else end
        yield text[match.end() : position].strip()


def _calls_in(body: str, *, tagged: bool) -> list[RawBlock]:
    try:
        value: Any = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        is_call = tagged or ('"name"' in body[:100] and '"arguments"' in body[:300])
        return [RawBlock("json", body, flaw="a tool call that is not valid JSON")] if is_call else []
    values = value if isinstance(value, list) else [value]
    return [block for one in values if (block := _call(one)) is not None]


def _call(value: Any) -> RawBlock | None:
    call = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(call, dict) or not isinstance(name := call.get("name"), str):
        return None
    arguments = call.get("arguments", call.get("parameters"))
    if isinstance(arguments, str) and arguments.lstrip().startswith("{"):
        arguments = _object(arguments)
    if not isinstance(arguments, dict | str):
        return None
    code = arguments if isinstance(arguments, str) else _code_of(arguments)
    if code is None or not is_tool_name(name):
        return RawBlock(name, json.dumps(arguments), flaw=f"there is no tool named {name[:40]!r}")
    return RawBlock("bash" if re.search(r"bash|shell|\bsh\b", name) else "python", code.rstrip("\n") + "\n")


def _object(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text


def _code_of(arguments: dict[str, Any]) -> str | None:
    found = [arguments[key] for key in _CODE_KEYS if isinstance(arguments.get(key), str)]
    return found[0] if found else None
