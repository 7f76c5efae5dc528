"""Reads the calls in JSON values: which code for which interpreter. Must not know how a call is marked in a text.

Nobody agrees on the keys: `name` and `arguments`, `tool` and `input`, `action` and `action_input`, `recipient_name`
and `parameters`, `language` and `code`.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from codeagent_nb.reply.info_strings import ACCEPTED, DATA, is_known
from codeagent_nb.reply.markup import RawBlock
from codeagent_nb.reply.syntax import is_bare_program, is_tool_name, parse
from kernel_executor.languages import normalize

UNREADABLE_CALL = "a tool call that cannot be read; write the code in a fenced block"

_CODE_KEYS = ("code", "source", "script", "command", "cmd", "input")
_NAMES = ("tool", "tool_name", "function", "function_name", "recipient_name", "recipient", "action", "name")
_ARGUMENTS = (
    "arguments", "parameters", "args", "params", "kwargs", "tool_input", "tool_args", "action_input", "input",
    "tool_parameters",
)  # fmt: skip
_DOUBTFUL = frozenset({"input", "params", "args", "parameters"})
_LANGUAGES = ("language", "lang", "format", "kernel")
_SAYS_CALL = re.compile(r"tool|function")
_HOLDS_CALLS = re.compile(r"(?:tool|function|action)s?(?:_?(?:call|use)s)?")
_SHELL_NAME = re.compile(r"bash|shell|terminal|\bsh\b|\bcmd\b|command")
_BEGINNING = re.compile(r"[{\[]")
_MOST_TRIED = 200
"""Braces in a text that are tried as the beginning of a value."""
_MOST_LITERAL = 50_000
_DEEPEST = 5
_OF_CODE = re.compile(r"code|language|lang|format|kernel|thoughts?|thinking|reason(?:ing)?|plan|explanation|timeout")
"""Keys that models write beside `code`; with any other the code is a field of a record: a country's, a package's."""
_SAYS_CODE = re.compile(r"code|tool|function|call|exec|python|bash|shell")
_ANSWER = re.compile(r"final[\s_-]*(?:answer|response|result)", re.IGNORECASE)
_TICKS = re.compile(r"(?<!`)`{1,2}(?!`)")


def calls_in_value(value: Any, name: str = "", depth: int = 0) -> list[RawBlock]:
    """Return the code in each call that a JSON value is or holds; nothing if it is data.

    Args:
        value: What was read.
        name: The tool's name, if it stands outside of the value.
        depth: How many values this one lies in.
    """
    if depth > _DEEPEST:
        return []
    if isinstance(value, list):
        return [block for one in value for block in calls_in_value(one, name, depth + 1)]
    if not isinstance(value, dict):
        return []
    held = [inner for key, inner in value.items() if isinstance(inner, list | dict) and _HOLDS_CALLS.fullmatch(key)]
    if held and (blocks := [block for inner in held for block in calls_in_value(inner, name, depth + 1)]):
        return blocks
    return _call(value, name)


def _call(value: Mapping[str, Any], name: str) -> list[RawBlock]:
    named = next((key for key in _NAMES if isinstance(value.get(key), str)), "")
    filled = next((key for key in _ARGUMENTS if key != named and key in value), "")
    if named and filled and (_is_schema(value[filled]) or is_answer(value[named])):
        return []
    if named and filled and _is_call(value, named, filled):
        return [call_block(value[named], value[filled])]
    if name:
        return marked_code(value) or [call_block(name, value)]
    return _unmarked_code(value, named)


def marked_code(value: Any) -> list[RawBlock]:
    """Return the code beside the name of a language, under any key: the mark around it says that it is a call."""
    language = _said(value) if isinstance(value, dict) else ""
    code = (_code_of(value) or _content(value)) if language else None
    return [] if code is None else [RawBlock(language, _whole_lines(code))]


def _unmarked_code(value: Mapping[str, Any], named: str) -> list[RawBlock]:
    """Return the code of a value that nothing but its keys says to be a call.

    `{"name": "build", "format": "shell", "command": "rm -rf build"}` is data: scripts and packages look like that.
    """
    tool = value[named] if named and is_tool_name(value[named]) else ""
    code = next((each for each in (value.get("code"), _content(value)) if isinstance(each, str)), None)
    source = value.get("source")
    if code is None and isinstance(source, str) and is_bare_program(source):
        code, value = source, {key: each for key, each in value.items() if key != "source"}
    if code is None or not all((tool and key == named) or _is_of_code(key, value) for key in value):
        return []
    if (language := _said(value)) and not tool:
        return [] if is_known(code) else [RawBlock(language, _whole_lines(code))]  # a list of languages and their codes
    return [RawBlock(_language(tool, value), _whole_lines(code))] if is_bare_program(code) else []


def command_alone(text: str) -> list[RawBlock]:
    """Read a reply that is nothing but `{"language": "bash", "command": "ls"}`.

    Beside words, in a fence or a list, with other or further keys that is data: scripts in an index look like that.
    """
    value = read_value(text.strip()) if text.lstrip().startswith("{") else None
    if not isinstance(value, dict):
        return []
    language, command = value.get("language"), value.get("command")
    if not (isinstance(language, str) and isinstance(command, str) and normalize(language) == "bash"):
        return []
    is_call = all(key == "command" or _is_of_code(key, value) for key in value)
    return [RawBlock("bash", _whole_lines(command))] if is_call and command.strip() and not is_known(command) else []


def _said(value: Mapping[str, Any]) -> str:
    return next((value[key] for key in _LANGUAGES if is_language(value.get(key))), "")


def _content(value: Mapping[str, Any]) -> str | None:
    content = value.get("content") if value.get("type") == "code" else None
    return content if isinstance(content, str) else None


def _is_of_code(key: str, value: Mapping[str, Any]) -> bool:
    if key == "type":
        return bool(_SAYS_CODE.search(str(value[key])))
    return bool(_OF_CODE.fullmatch(key)) or (key == "content" and value.get("type") == "code")


def is_answer(name: str) -> bool:
    """Return whether a tool of this name is no tool, but how an agent is made to say that it is done."""
    return bool(_ANSWER.fullmatch(name.strip()))


def _is_schema(arguments: object) -> bool:
    """Return whether the parameters of a function are described, and not given."""
    return isinstance(arguments, dict) and isinstance(arguments.get("properties"), dict) and "type" in arguments


def _is_call(value: Mapping[str, Any], named: str, filled: str) -> bool:
    """Return whether keys that data may have, too, are those of a call."""
    if not isinstance(value[filled], dict | str):
        return False
    is_text = isinstance(value[filled], str) and not value[filled].lstrip().startswith("{")
    is_doubtful = (filled in {"input", "params"} and named == "name") or (is_text and filled in _DOUBTFUL)
    return not is_doubtful or is_tool_name(value[named]) or bool(_SAYS_CALL.search(str(value.get("type", ""))))


def is_language(name: object) -> bool:
    """Return whether a value names a language that code is written in."""
    return isinstance(name, str) and is_known(name) and normalize(name) not in DATA


def call_block(name: str, arguments: object) -> RawBlock:
    """Return the code of one call.

    Args:
        name: The tool's name, with whatever stands around it.
        arguments: A dictionary, JSON of one, or code.

    Returns:
        The code in its language. With a flaw if there is no such tool, or no code in it.
    """
    if isinstance(arguments, str) and arguments.lstrip().startswith("{"):
        arguments = read_value(arguments, arguments)
    code = arguments if isinstance(arguments, str) else _code_of(arguments)
    if not is_tool_name(name):
        return RawBlock(name, _shown(arguments), flaw=f"there is no tool named {name[:40]!r}")
    if code is None:
        return RawBlock(name, _shown(arguments), flaw=f"the call of {name[:40]!r} holds no code")
    return RawBlock(_language(name, arguments), _whole_lines(code))


def _shown(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)


def _language(name: str, arguments: object) -> str:
    given = arguments if isinstance(arguments, dict) else {}
    said = _said(given)
    words = [word for word in re.split(r"[^a-z0-9+#]+", name.lower()) if is_language(word)]
    other = next((word for word in words if normalize(word) not in ACCEPTED), "")
    is_python = any(normalize(word) == "python" for word in words)
    is_command = not is_python and not isinstance(given.get("code"), str) and ("command" in given or "cmd" in given)
    return said or other or ("bash" if _SHELL_NAME.search(name.lower()) or is_command else "python")


def _code_of(arguments: object) -> str | None:
    if not isinstance(arguments, dict):
        return None
    found = (arguments[key] for key in _CODE_KEYS if isinstance(arguments.get(key), str))
    return next(found, None)


def _whole_lines(code: str) -> str:
    return code.strip("\n") + "\n"


def is_in_span(text: str, start: int, end: int) -> bool:
    """Return whether a value stands in a code span: it is quoted there, so it is no call."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return len(_TICKS.findall(before)) % 2 == 1 and bool(_TICKS.search(text, end))


def values_in(text: str) -> Iterator[tuple[int, int, Any]]:
    """Yield the JSON objects and lists in a text, outermost ones, each with where it begins and ends."""
    decoder, at = json.JSONDecoder(strict=False), 0
    for _ in range(_MOST_TRIED):
        match = _BEGINNING.search(text, at)
        if match is None:
            return
        at = match.start()
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        yield at, end, value
        at = end


def read_value(text: str, default: Any = None) -> Any:
    """Return the value that a text is, in JSON or, as models also write it, as a literal of Python."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        tree = parse(text.strip()) if len(text) < _MOST_LITERAL else ""
    statement = tree.body[0] if isinstance(tree, ast.Module) and len(tree.body) == 1 else None
    try:
        return ast.literal_eval(statement.value) if isinstance(statement, ast.Expr) else default
    except (ValueError, TypeError, RecursionError, MemoryError):
        return default
