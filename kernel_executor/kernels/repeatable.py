"""Whether a block comes to the same end when it runs again from the same state, read from its text. Runs nothing.

Said only of what is plain to see: values, arithmetic, loops, functions that are defined, and calls of builtins and of
methods that only containers and texts have. What is imported, or called by any other name, may look at the clock, at
the system's random numbers, at files. So may a function that is handed to a builtin, and so may a generator or a
connection that a name stands for, as soon as something goes through it.
"""

import ast
from collections.abc import Sequence

from kernel_executor.languages import normalize
from kernel_executor.types import CodeBlock

BUILTINS = frozenset(
    {
        *("abs", "bin", "bool", "chr", "complex", "divmod", "float", "format", "hex", "int", "isinstance", "len"),
        *("oct", "ord", "pow", "print", "range", "repr", "reversed", "round", "slice", "str", "type"),
    }
)
"""Those that call no function they are handed."""

GOES_THROUGH = frozenset(
    {
        *("all", "any", "bytearray", "bytes", "dict", "enumerate", "frozenset", "list", "max", "min", "set", "sorted"),
        *("sum", "tuple", "zip"),
    }
)
"""Builtins that go through what they are handed."""

CALLED = BUILTINS | GOES_THROUGH | {"*"}
"""Names that mean something else from then on, if code makes them; a star may import any."""

METHODS = frozenset(
    {
        *("append", "reverse", "setdefault", "items", "keys", "values", "popitem", "discard"),
        *("upper", "lower", "strip", "lstrip", "rstrip", "splitlines", "startswith", "endswith", "format_map"),
        *("isdigit", "isalpha", "zfill", "removeprefix"),
    }
)
"""Of containers and texts, and of no module or database that people use: not `remove` (`os`), not `insert`."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
NEVER = (ast.Import, ast.ImportFrom, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.With, ast.ClassDef, ast.Yield)
AT_HAND = (
    *(ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Call),
)
"""What can be gone through without code that is not seen here; what is in it, and what is called, is looked at, too."""


def comes_out_the_same(block: CodeBlock) -> bool:
    """Return whether that is plain to see; False where it is not known."""
    if normalize(block.language) not in {"python", ""}:
        return False
    try:
        return _is_plain(ast.parse(block.code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # magics, say


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, NEVER):
        return False
    if isinstance(node, ast.Call) and not _is_known(node):
        return False
    if not all(isinstance(source, AT_HAND) for source in _gone_through(node)):
        return False
    if isinstance(node, DEFINITIONS):  # its body runs when it is called, which is not plain
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        return not decorators and _is_plain(node.args)
    return all(map(_is_plain, ast.iter_child_nodes(node)))


def _is_known(call: ast.Call) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name in BUILTINS or (name in GOES_THROUGH and all(word.arg != "key" for word in call.keywords))
        case ast.Attribute(attr=name):
            return name in METHODS
    return False


def _gone_through(node: ast.AST) -> Sequence[ast.expr]:
    """Return what a node itself goes through, item by item."""
    match node:
        case ast.For(iter=source) | ast.comprehension(iter=source):
            return [source]
        case ast.Starred(value=source, ctx=ast.Load()):
            return [source]
        case ast.Assign(targets=targets, value=source):
            return [source] if any(isinstance(target, ast.Tuple | ast.List) for target in targets) else []
        case ast.Compare(ops=ops, comparators=sources):
            return [source for op, source in zip(ops, sources, strict=True) if isinstance(op, ast.In | ast.NotIn)]
        case ast.Call(func=ast.Name(id=name), args=sources) if name in GOES_THROUGH:
            return sources
    return []
