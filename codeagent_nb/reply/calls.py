"""Finds tool calls that a model wrote down as text, with the code in them. Must not know the run policy.

We offer no tools, but a model that was trained to call an interpreter writes calls all the same. Each family marks them
otherwise, so a mark is known by the words in its name, and what is between marks is read in every way that occurs.
What cannot be read is given with a flaw: a call is never an answer in words.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent

from codeagent_nb.reply.call_values import (
    UNREADABLE_CALL,
    call_block,
    calls_in_value,
    is_answer,
    is_in_span,
    marked_code,
    read_value,
    values_in,
)
from codeagent_nb.reply.marks import Mark, find_marks, is_mentioned, outside_fences
from codeagent_nb.reply.markup import RawBlock
from codeagent_nb.reply.pythonic_calls import pythonic_alone, pythonic_calls
from codeagent_nb.reply.syntax import is_bare_program, is_tool_name, looks_like_code
from kernel_executor.languages import PYTHON_ALIASES, SHELL_ALIASES, normalize

_CALL = re.compile(
    r"(?:tool|function|code)s?_?(?:calls?|uses?|code|request|invocation|exec\w*)(?:_section)?$|(?:call|use)_(?:tool|function)"
    r"|(?:^|_)invoke$|interpreter|^(?:execute|exec|run)(?:_\w+|code|python|bash|cell)$|(?:^|_)ipython$"
    r"|(?:python|jupyter|bash|shell|code)_?(?:code|cell|block|tag)$"
)
_CALL_IF_NAMED = frozenset({"function", "functions", "parameter"})
_CALL_IN_TOKEN = frozenset({"action", "plugin", "recipient", "function", "functions"})
_PAIRED = PYTHON_ALIASES | SHELL_ALIASES | {"execute", "exec", "run", "tool", "function", "action", "call", "tools"}
_PAIRED_CODE = re.compile(r"code$|cell$|snippet|program|python|jupyter|bash|shell")
_OUTPUT = re.compile(r"<[|/]?\w{0,40}(?:output|result|response)\w{0,40}\|?>")
_NAMES_OUTPUT = re.compile(r"(?:^|_)(?:outputs?|results?|responses?|text|markdown)(?:_|$)")
_OUTPUT_TOKEN = re.compile(r"<\|\w{0,40}(?:output|result|response)\w{0,40}\|>")
_RUNS = re.compile(
    r"python|bash|shell|jupyter|interpreter|^(?:execute|exec|run)|^z?sh$|^py3?$|(?:^|_)(?:code|cell|block)$|code$"
)
_TEMPLATE = re.compile(r"<[|\uff5c][^<>|\uff5c\n]{1,60}[|\uff5c]>|</?s>|<(?:eos|end_of_turn)>")
_TO_TOOL = re.compile(
    r"(?:<\|start\|>[^<\n]{0,100}|<\|channel\|>[^<\n]{0,100}){0,2}(?<![\w.])to=(?P<name>[\w.-]+)[^{<\n]{0,60}"
    r"(?:<\|channel\|>[^<\n]{0,60})?(?:<\|constrain\|>[^<\n]{0,40})?(?:<\|message\|>|(?=\{))"
    r"(?P<body>.*?)(?:<\|(?:call|end|return)\|>|(?=<\|start\|>)|\Z)",
    re.DOTALL,
)
_BARE_TO = re.compile(  # the same without its tokens
    r"\A\s*+(?:assistant)?(?:commentary|analysis)?\s*+to=(?P<name>[\w.-]+)[ \t]*+(?:code|json)?\s*\n(?P<body>.+)\Z",
    re.DOTALL,
)
_NAMED = re.compile(r"\bname\s*=\s*[\"']?([\w.:-]+)|\A=\s*[\"']?([\w.:-]+)")
_PARAMETERS = (
    re.compile(r"<(?P<tag>[^\s<>/=]*(?:param|parameter|arg|argument))(?:\s+name)?\s*=\s*[\"']?(?P<key>[\w.-]+)[\"']?[^>\n]*>"
               r"(?P<value>(?:(?!<(?P=tag)[\s=]).)*?)</(?P=tag)>", re.DOTALL),
    re.compile(r"<arg_key>(?P<key>[^<]*)</arg_key>\s*<arg_value>"
               r"(?P<value>(?:(?!<arg_key>).)*?)</arg_value>", re.DOTALL),
    re.compile(r"\b(?P<key>\w++)\s*+:\s*+(?P<quote><escape>|<\|\"\|>)(?P<value>.*?)(?P=quote)", re.DOTALL),
    re.compile(r"<(?P<key>code|source|script|command|cmd|input)>"
               r"(?P<value>(?:(?!<(?P=key)>).)*?)</(?P=key)>", re.DOTALL),
)  # fmt: skip
_NAME_ELEMENT = re.compile(r"<(?:tool_?|function_?)?name>\s*([^<\s]+)\s*<")
_NAME_WORD = re.compile(r"[A-Za-z_][\w.-]*")
_NO_NAMES = frozenset({"json", "function", "functions", "call", "assistant", "args", "arguments", "name", "parameters"})
_FENCED = re.compile(r"```[ \t]*(?P<language>[\w+.-]*)[^\n]*\n(?P<code>.*?)```", re.DOTALL)
_LAST_MARKS = re.compile(rf"(?:\s*(?:{_TEMPLATE.pattern}))+\s*\Z")
_ACTION = re.compile(
    r"^[ \t*]*(?P<label>Action|✿FUNCTION✿|Tool|Function)\**:\**[ \t]*+(?P<name>\w[\w. -]{0,60}?)[ \t]*+\n+"
    r"[ \t*]*(?:Action Input|✿ARGS✿|Tool Input|Args|Arguments|Input)\**:\**\s*(?P<input>.+?)"
    r"(?=^[ \t*]*(?:Observation|✿RESULT✿)|\Z)",
    re.DOTALL | re.MULTILINE,
)
_LABEL = re.compile(r"\A\s*(?:>>>)?(?P<label>[A-Za-z][\w.]{0,30}):?[ \t]*\n(?P<code>.+)\Z", re.DOTALL)
_ARGS = re.compile(r"([A-Za-z_][\w.-]*)\s*\[ARGS\]\s*\Z")
_OUTPUT_LABEL = re.compile(r"^(?:tool_outputs?|Observation|Output)\b.*$", re.MULTILINE)
_CODE_LABEL = re.compile(r"^Code:\s*+(?P<code>(?:(?!^Code:).)+?)<end_(?:code|action)>", re.DOTALL | re.MULTILINE)
_BROKEN = re.compile(
    r"[\"'](?:name|tool|tool_name|action|recipient_name)[\"']\s*:.{0,200}[\"'](?:arguments|parameters|action_input|tool_input|args)[\"']\s*:",
    re.DOTALL,
)
_LAST = 300  # characters of a text, in which those at its end are looked for
_DEEPEST = 4
_MOST_CALLS = 200


@dataclass(frozen=True, slots=True)
class _Call:
    """The code of a call, and where it stood."""

    start: int
    end: int
    blocks: Sequence[RawBlock]


def names_call(name: str) -> bool:
    """Return whether a mark, or a block, of this name holds a call."""
    return bool(_CALL.search(re.sub(r"[\W_]+", "_", name.lower())))


def split_calls(text: str, depth: int = 0) -> list[str | RawBlock]:
    """Cut a text at the calls which are marked in it, outside of fences.

    Args:
        text: A cleaned reply without reasoning, or a part of it.
        depth: How many calls this text lies in.

    Returns:
        The texts between the calls and the code in each call, in order.
    """
    pieces: list[str | RawBlock] = []
    position = 0
    for match in _TO_TOOL.finditer(text) if "to=" in text else ():
        pieces += [*_split(text[position : match.start()], depth), *_addressed(match["name"], match["body"])]
        position = match.end()
    pieces += _split(text[position:], depth)
    return [piece for piece in pieces if isinstance(piece, RawBlock) or piece.strip()]


def _addressed(name: str, body: str) -> list[RawBlock]:
    """Read a message to a tool: JSON, or bare code."""
    body = _TEMPLATE.sub("", body).strip()
    return calls_in_value(read_value(body), name) if body.startswith(("{", "[")) else [call_block(name, body)]


def _split(text: str, depth: int) -> Iterator[str | RawBlock]:
    found = outside_fences(text, find_marks(text, _may_be_call))
    # Within a call a parameter is no call; alone it is what is left of one.
    marks = [mark for mark in found if not (is_mentioned(text, mark) or (depth and mark.name == "parameter"))]
    position = 0
    for number, mark in enumerate(marks[:_MOST_CALLS]):
        if mark.start < position:
            continue
        call = _without_beginning(text, position, mark) if mark.is_end else _call_at(text, marks, number, depth)
        if call and call.blocks:
            yield text[position : call.start]
            yield from call.blocks
            position = call.end
    if len(marks) > _MOST_CALLS and marks[_MOST_CALLS].start >= position:
        yield RawBlock("", text[position:], flaw=UNREADABLE_CALL)
    else:
        yield text[position:]


def _may_be_call(name: str, more: str) -> bool:
    if _NAMES_OUTPUT.search(name):  # what a run gave, or the words beside it, as templates have them
        return False
    if name in _CALL_IF_NAMED and _NAMED.search(more):
        return True
    return bool(_CALL.search(name) or _PAIRED_CODE.search(name)) or name in _CALL_IN_TOKEN or name in _PAIRED


def _is_sure(mark: Mark) -> bool:
    """Return whether a mark is one of a call even without its end."""
    if mark.bracket in "[{":
        return not mark.is_weak and bool(_CALL.search(mark.name))
    if mark.name in _CALL_IF_NAMED:
        return bool(_NAMED.search(mark.more)) or mark.is_token
    in_token = mark.is_token and (mark.name in _CALL_IN_TOKEN or bool(_RUNS.search(mark.name)))
    return bool(_CALL.search(mark.name)) or in_token


def _call_at(text: str, marks: Sequence[Mark], number: int, depth: int) -> _Call | None:
    mark = marks[number]
    alike = (other for other in marks[number + 1 :] if other.name == mark.name and other.bracket == mark.bracket)
    stop = next(alike, None)
    is_sure, ended = _is_sure(mark), stop is not None and stop.is_end
    if not is_sure and (not ended or mark.is_weak or mark.bracket == "{"):
        return None
    body = text[mark.end : stop.start if stop else len(text)]
    end = stop.end if stop and ended else mark.end + len(body)
    if not is_sure:
        return _Call(mark.start, end, _paired(mark, body))
    inner = split_calls(body, depth + 1) if depth < _DEEPEST else []
    if blocks := [piece for piece in inner if isinstance(piece, RawBlock)]:
        return _Call(mark.start, end, blocks)
    blocks, used = _read_body(mark, body, ended=ended)
    return _Call(mark.start, end if ended else mark.end + used, blocks)


def _without_beginning(text: str, position: int, mark: Mark) -> _Call | None:
    """Read a call whose first mark the server has eaten."""
    for start, _, value in values_in(text[position : mark.start]) if _is_sure(mark) else ():
        if blocks := calls_in_value(value):
            return _Call(position + start, mark.end, blocks)
    return None


def _paired(mark: Mark, body: str) -> list[RawBlock]:
    """Read `<python>...</python>` and its like; such names occur in other texts, too."""
    if _RUNS.search(mark.name) and not _FENCED.search(body):
        is_sure = mark.name in (_PAIRED if mark.bracket != "[" else PYTHON_ALIASES | SHELL_ALIASES)
        is_code = is_sure or is_bare_program(dedent(body).strip("\n")) or looks_like_code(body)
        return [_code(mark.name, body, ended=True)] if is_code and body.strip() else []
    name = _name_in(mark.more)
    if blocks := calls_in_value(read_value(body.strip()), name):
        return blocks
    return [_code(name, body, ended=True)] if is_tool_name(name) and body.strip() else []


def _read_body(mark: Mark, body: str, *, ended: bool) -> tuple[list[RawBlock], int]:
    """Return the code between two marks, and how much of the text was read for it."""
    name, runs = _name_in(mark.more), bool(_RUNS.search(mark.name))
    if parameters := _parameters(body):
        called = name or (mark.name if is_tool_name(mark.name) else _called(body) or mark.name)
        return [call_block(called, parameters)], len(body)
    for start, end, value in values_in(body):
        called = name or ("" if runs else _called(body[:start]))
        if blocks := calls_in_value(value, called) or marked_code(value):
            return blocks, end
    if body.lstrip().startswith(("{", "[")) and (blocks := calls_in_value(read_value(body.strip()), name)):
        return blocks, len(body)
    if runs or is_tool_name(name):
        return [_code(name or mark.name, body, ended=ended)], len(body)
    if blocks := pythonic_calls(body):
        return blocks, len(body)
    first, _, rest = _TEMPLATE.sub("", body).strip().partition("\n")
    if _NAME_WORD.fullmatch(first) and is_tool_name(first):
        return [_code(first, rest, ended=ended)], len(body)
    return [RawBlock(name, body.strip("\n") + "\n", flaw=UNREADABLE_CALL)], len(body)


def _name_in(more: str) -> str:
    match = _NAMED.search(more)
    return (match[1] or match[2]) if match else ""


def _parameters(body: str) -> dict[str, str]:
    for pattern in _PARAMETERS:
        if found := {match["key"].strip(): match["value"] for match in pattern.finditer(body)}:
            return found
    return {}


def _called(text: str) -> str:
    """Return the tool's name in what stands before its arguments."""
    if match := _NAME_ELEMENT.search(text):
        return match[1]
    words = [word for word in _NAME_WORD.findall(_TEMPLATE.sub(" ", text)) if word not in _NO_NAMES]
    return next(filter(is_tool_name, words), words[0] if words else "")


def _code(name: str, body: str, *, ended: bool) -> RawBlock:
    language = "bash" if re.search(r"bash|shell|^z?sh$|cmd|command", name) else "python"
    if match := _FENCED.search(body):
        return RawBlock(match["language"] or language, match["code"].rstrip().strip("\n") + "\n")
    body = _OUTPUT.split(body)[0]
    return RawBlock(language, dedent(_TEMPLATE.sub("", body)).strip("\n").rstrip() + "\n", closed=ended)


def marked_calls(text: str) -> list[RawBlock]:
    """Return the code in the calls that are marked in a text."""
    return [piece for piece in split_calls(text) if isinstance(piece, RawBlock)]


def calls_in_block(language: str, code: str, *, ended: bool) -> list[RawBlock]:
    """Read a block whose language is the name of a call: `tool_code`, `tool_call`."""
    return _read_body(Mark(0, 0, language.replace("-", "_")), code, ended=ended)[0]


def without_template_marks(text: str) -> str:
    """Return a text without the marks of a chat template at its end, where a server forgot to stop."""
    match = _LAST_MARKS.search(text[-_LAST:])
    return text[: len(text[:-_LAST]) + match.start()] + "\n" if match else text


def before_output(text: str) -> str:
    """Return what stands before the token that begins the output of a run."""
    return _OUTPUT_TOKEN.split(text)[0]


def unmarked_calls(text: str) -> list[RawBlock]:
    """Read calls in a text that has neither marks nor fences: JSON, `Action:` and `Action Input:`, `tool_code`.

    Args:
        text: A cleaned reply without reasoning.

    Returns:
        The code in each call; nothing if there is none.
    """
    if (match := _ACTION.search(text)) and (blocks := _action(match)):
        return blocks
    if (match := _LABEL.match(text)) and (named := match["label"].lower()):
        code = _OUTPUT_LABEL.split(match["code"])[0]
        is_python = normalize(named) == "python" or _CALL.search(named)
        if is_python and (named == "tool_code" or is_bare_program(code)):
            return [RawBlock("python", code.strip("\n") + "\n")]
    if (match := _BARE_TO.match(text)) and is_tool_name(match["name"]):
        return _addressed(match["name"], match["body"])
    if match := _CODE_LABEL.search(text):
        return [RawBlock("python", match["code"].strip() + "\n")]
    if text.lstrip().startswith(("{", "[")) and (blocks := calls_in_value(read_value(text.strip()))):
        return blocks
    values = [(start, end, value) for start, end, value in values_in(text) if not is_in_span(text, start, end)]
    blocks = [block for start, _, value in values for block in calls_in_value(value, _named_before(text[:start]))]
    return blocks or pythonic_alone(text) or _broken(text)


def _action(match: re.Match[str]) -> list[RawBlock]:
    """Read `Action:` and `Action Input:`; `Tool:` and `Input:` head the rows of other lists, too."""
    name, given = match["name"], match["input"].strip()
    value = read_value(given)
    if isinstance(value, dict) and (blocks := calls_in_value(value, name)):
        return blocks
    if is_answer(name):
        return []
    is_call = match["label"] in {"Action", "✿FUNCTION✿"} or (
        is_tool_name(name) and (is_bare_program(given) or looks_like_code(given))
    )
    return [call_block(name, given)] if is_call else []


def _named_before(text: str) -> str:
    """Return the tool's name right before its arguments: `python[ARGS]{`."""
    match = _ARGS.search(text[-_LAST:])
    return match[1] if match else ""


def _is_whole(text: str) -> bool:
    return next(values_in(text), (-1,))[0] == 0 or read_value(text) is not None


def _broken(text: str) -> list[RawBlock]:
    is_call = text.lstrip()[:1] in {"{", "["} and _BROKEN.search(text[:500]) and not _is_whole(text.strip())
    return [RawBlock("json", text, flaw="a tool call that is not valid JSON")] if is_call else []
