"""Says what a text is as code: Python, IPython, shell, a transcript. Knows nothing of Markdown or replies."""

import ast
import builtins
import re
import shlex
import warnings

from kernel_executor.languages import PYTHON_ALIASES, SHELL_ALIASES

PARSE_LIMIT = 200_000
"""Longer code counts as not parsing: the parser takes about a second per megabyte, and no model writes it."""

_MAGIC_LINE = re.compile(r"^([ \t]*+)(?:[%!]{1,2}[^\s=].*|\?{1,2}[\w.]++|[A-Za-z_][\w.]*+\?{1,2})[ \t]*$", re.MULTILINE)
_MAGIC_VALUE = re.compile(r"^([ \t]*+[A-Za-z_][\w, ]*+=[ \t]*+)[%!]\w.*$", re.MULTILINE)
_PYTHON_PROMPT = re.compile(r"[ \t]*+(?:>>>|In \[\d+\]:)(?: |$)(.*)")
_PYTHON_MORE = re.compile(r"[ \t]*+\.\.\.:?(?: |$)(.*)")
_SHELL_PROMPT = re.compile(r"[ \t]*+(?:\([\w.-]+\) ?)?(?:[\w.-]+@[\w.-]+[: ][^\s$#]*+ ?)?\$[ \t]+(.*)")
_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)([A-Za-z_]\w*)\1")
_CODE_LINE = re.compile(
    r"(?:import \w|from [\w.]+ import |def \w+\(|class \w+[(:]|print\(|(?:for|while|with|if) .*:$|[%!]\w|"
    r"[\w.\[\]'\"]+ = [\w.]+\(|(?:pip3?|conda|apt|apt-get|git|curl|wget|cd|ls|mkdir|python3?) [\w./-])"
)
_MAGIC_CALL = "get_ipython()"
_COMMANDS = frozenset({*dir(builtins), "get_ipython", "display"})
_ACTIONS = (
    ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.AsyncFor,
    ast.While, ast.With, ast.AsyncWith, ast.Try, ast.If, ast.Assert, ast.Delete,
)  # fmt: skip


def parse(code: str) -> ast.Module | str:
    """Parse code as an IPython cell, without IPython.

    Args:
        code: The source.

    Returns:
        The tree, with `get_ipython()` in the place of magics and shell lines; or the parser's complaint.
    """
    if code.lstrip().startswith("%%"):
        return ast.parse(_MAGIC_CALL)
    tree = _parse_plain(code)
    if isinstance(tree, ast.Module) or len(code) > PARSE_LIMIT:
        return tree
    # Python first: `%` may also start a line in the middle of an expression.
    cell = _MAGIC_VALUE.sub(r"\1None", _MAGIC_LINE.sub(rf"\1{_MAGIC_CALL}", code))
    retry = _parse_plain(cell) if cell != code else tree
    return retry if isinstance(retry, ast.Module) else tree


def _parse_plain(code: str) -> ast.Module | str:
    if len(code) > PARSE_LIMIT:
        return "too long to parse"
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():  # a `\d` in somebody's string is no business of the reader
            warnings.simplefilter("ignore")
            tree = compile(code, "<reply>", "exec", flags=flags, dont_inherit=True)
    except SyntaxError as error:
        return error.msg
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return type(error).__name__
    return tree if isinstance(tree, ast.Module) else "not a module"


def parses(code: str) -> bool:
    """Return whether code is an IPython cell without syntax errors."""
    return isinstance(parse(code), ast.Module)


def is_open_ended(code: str, language: str) -> bool:
    """Return whether code ends within a triple-quoted string or a here-document."""
    if language == "bash":
        return any(not re.search(rf"^\t*{word}$", code, re.MULTILINE) for _, word in _HEREDOC.findall(code)[:9])
    if language != "python" or not ('"""' in code or "'''" in code):
        return False
    complaint = parse(code)
    return isinstance(complaint, str) and complaint.startswith("unterminated triple-quoted")


def is_complete(code: str, language: str) -> bool:
    """Return whether code whose end nobody marked can be trusted to end where it does.

    Args:
        code: The source.
        language: Its normalised language.

    Returns:
        For Python whether it parses. A shell accepts prose as commands, so for bash there must be no blank line
        after which prose could have begun, and all quotes must be closed. False for anything else.
    """
    if language == "python":
        return parses(code)
    if language != "bash" or "\n\n" in code.strip() or is_open_ended(code, language):
        return False
    try:
        return bool(shlex.split(code[:PARSE_LIMIT], comments=True))
    except ValueError:
        return False


def is_program(code: str) -> bool:
    """Return whether code parses and does more than name a value.

    `42`, `Hello`, `Name: Alice` and `[1, 2]` are Python too; in an untagged block they are output.
    """
    tree = parse(code)
    return isinstance(tree, ast.Module) and not all(_is_value(statement) for statement in tree.body)


def _is_value(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    if not isinstance(statement, ast.Expr):
        return False
    kinds = {type(node) for node in ast.walk(statement)}
    is_sum = ast.BinOp in kinds and ast.Name not in kinds
    return not (is_sum or kinds & {ast.Call, ast.Await, ast.Subscript})


def is_bare_program(text: str) -> bool:
    """Return whether a text without any fence is a program and not an answer in words.

    `x = 5`, `Paris (France)` and `sugar is sweet` parse, and are answers: there must be a command in it.
    """
    tree = parse(text)
    return isinstance(tree, ast.Module) and any(_is_command(statement, text) for statement in tree.body)


def _is_command(statement: ast.stmt, text: str) -> bool:
    if isinstance(statement, _ACTIONS):
        return True
    value = getattr(statement, "value", None)
    call = value.value if isinstance(value, ast.Await) else value
    if not isinstance(call, ast.Call) or re.search(r"^\w+ \(", text, re.MULTILINE):
        return False
    if isinstance(call.func, ast.Name):
        return call.func.id in _COMMANDS
    return isinstance(call.func, ast.Attribute)


def looks_like_code(text: str, lines: int = 1) -> bool:
    """Return whether at least so many lines of a text can hardly be anything but code, parsing or not."""
    found = 0
    for line in text.splitlines():
        found += bool(_CODE_LINE.match(line.strip()[:200]))
        if found >= lines:
            return True
    return False


def without_python_prompts(code: str) -> str:
    """Take the input lines out of an interpreter session; any other code is given back as it is."""
    if not _PYTHON_PROMPT.match(code.lstrip()):
        return code
    kept: list[str] = []
    reading = False
    for line in code.split("\n"):
        match = _PYTHON_PROMPT.match(line) or (_PYTHON_MORE.match(line) if reading else None)
        reading = match is not None
        if match:
            kept.append(match[1])
    return "\n".join(kept) + "\n"


def without_shell_prompts(code: str) -> tuple[str, bool]:
    """Take the commands out of a terminal session.

    Args:
        code: Lines of which some may start with a `$` prompt.

    Returns:
        The commands, or the code as it is if there is no prompt; and whether output was dropped.
    """
    lines = [line for line in code.split("\n") if line.strip()]
    matches = [_SHELL_PROMPT.match(line) for line in lines]
    if not any(matches):
        return code, False
    kept: list[str] = []
    for line, match in zip(lines, matches, strict=True):
        if match:
            kept.append(match[1])
        elif kept and kept[-1].endswith("\\"):
            kept.append(line.removeprefix("> "))
    return "\n".join(kept) + "\n", len(kept) < len(lines)


def is_tool_name(name: str) -> bool:
    """Return whether a tool of this name would be an interpreter: `python`, `run_bash`, `code_interpreter`."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & (PYTHON_ALIASES | SHELL_ALIASES | {"code", "interpreter", "execute"}))
