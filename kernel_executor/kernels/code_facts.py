"""What a block of Python would do, read from its text: which names it makes, whether it adds to files. Runs nothing."""

import ast
import re
from collections.abc import Iterator

from kernel_executor.languages import normalize
from kernel_executor.types import CodeBlock

MAGIC_VALUE = re.compile(r"^(\s*[\w, ]+=\s*)[!%].*$", re.MULTILINE)
MAGIC_LINE = re.compile(r"^(\s*)[!%].*$", re.MULTILINE)
SHELL_APPENDS = re.compile(r">>|\btee\s+(?:-a|--append)\b")
APPENDS = frozenset({"a", "at", "ta", "ab", "ba", "a+", "+a", "a+t", "at+", "a+b", "ab+"})
"""Modes in which a file is added to."""

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def names_made(block: CodeBlock) -> frozenset[str]:
    """Return the global names that a block assigns, imports or defines; none of what is not Python."""
    tree = _parsed(block)
    return frozenset(_stored(tree)) if tree else frozenset()


def adds_to_files(block: CodeBlock) -> bool:
    """Return True if running a block twice would add to a file twice, as far as its text shows."""
    if SHELL_APPENDS.search("\n".join(_shell_lines(block))):
        return True
    tree = _parsed(block)
    return tree is not None and any(isinstance(node, ast.Call) and _appends(node) for node in ast.walk(tree))


def _parsed(block: CodeBlock) -> ast.Module | None:
    if normalize(block.language) not in {"python", ""}:
        return None
    code = MAGIC_LINE.sub(r"\1pass", MAGIC_VALUE.sub(r"\1None", block.code))
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # it did not run, or is written in what only IPython understands


def _shell_lines(block: CodeBlock) -> Iterator[str]:
    is_shell = normalize(block.language) == "bash" or block.code.lstrip().startswith(("%%bash", "%%sh", "%%script"))
    yield from (line for line in block.code.splitlines() if is_shell or line.lstrip().startswith("!"))


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield what is stored in the module's own scope, and what functions declare as global."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.ExceptHandler():
                yield from _stored(child)  # its own name is gone after it
                continue
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                yield name
        if isinstance(child, SCOPES):
            yield child.name
        if isinstance(child, (*SCOPES, ast.Lambda)):
            yield from (name for inner in ast.walk(child) if isinstance(inner, ast.Global) for name in inner.names)
        elif isinstance(child, ast.comprehension):
            yield from _stored(child.iter)  # its target is known inside only
        else:
            yield from _stored(child)


def _appends(call: ast.Call) -> bool:
    """Return True for `open(path, "a")`, `path.open("a")`, and `to_csv(path, mode="a")`."""
    given = [word.value for word in call.keywords if word.arg == "mode"]
    match call.func:
        case ast.Name(id="open"):
            given += call.args[1:2]
        case ast.Attribute(attr="open"):
            given += call.args[:2]
    return any(isinstance(value, ast.Constant) and value.value in APPENDS for value in given)
