"""Gives code that is kept the shape a careful person writes: imports first, each once, none that is not used. Pure."""

import ast
import re
import sys
from collections.abc import Mapping, Sequence

from codeagent_nb.errors import SessionError
from codeagent_nb.proof.cell_code import python_of, read_cell
from codeagent_nb.proof.ipython_lines import ipython_lines, with_lines_replaced
from codeagent_nb.text import one_line

SETS_UP = re.compile(r"[ \t]*%(?:matplotlib|config|load_ext)\b")
"""Magics that go with the imports."""


def imports_of(source: str) -> str:
    """Return the imports and set-up magics of a cell."""
    found, without = _without_imports(source)
    if source.lstrip().startswith("%%"):
        return ""
    return "\n".join([*_set_ups(without), *found])


def gathered(sources: Sequence[str]) -> list[str]:
    """Return the code of cells with all imports at the top in one cell; what held nothing else becomes empty.

    Args:
        sources: The code of each cell; what is not Python is left as it is.
    """
    statements: dict[str, None] = {}
    magics: dict[str, None] = {}
    rest: list[str] = []
    for source in sources:
        found, without = _without_imports(source)
        statements |= dict.fromkeys(found)
        if not source.lstrip().startswith("%%"):
            magics |= dict.fromkeys(_set_ups(without))
            without = with_lines_replaced(without, _unless_set_up).strip("\n")
        rest.append(without)
    used = {name for source in rest for name in _names_in(source)}
    kept = [text for text in (_used_part(statement, used) for statement in statements) if text]
    draws = any(re.search(r"plt\b|plot|matplotlib|seaborn|sns\b", text) for text in (*kept, *rest))
    wanted = [magic for magic in magics if draws or not magic.startswith("%matplotlib")]
    return ["\n".join([*wanted, *_sorted_imports(kept)]), *rest]


def _set_ups(source: str) -> list[str]:
    return [line.group().strip() for line in ipython_lines(source) if SETS_UP.match(line.group())]


def _unless_set_up(line: re.Match[str]) -> str:
    return "" if SETS_UP.match(line.group()) else line.group()


def _without_imports(source: str) -> tuple[list[str], str]:
    """Return the imports at the top level of a cell, one name each, and its code without them."""
    tree = _tree(source)
    if tree is None or source.lstrip().startswith("%%"):
        return [], source
    lines = _lines(source)
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and _stands_alone(node, tree, lines):
            found += _one_by_one(node)
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = "\0"
    return found, "\n".join(line for line in lines if line != "\0").strip("\n")


def _lines(source: str) -> list[str]:
    """Return lines as Python counts them: not at form feeds and the like, as `splitlines` does."""
    return re.split(r"\r\n|\r|\n", source)


def _stands_alone(node: ast.stmt, tree: ast.Module, lines: Sequence[str]) -> bool:
    """Return whether nothing else stands on the lines of a statement, not even a comment."""
    own = range(node.lineno, (node.end_lineno or node.lineno) + 1)
    others = [other for other in tree.body if other is not node]
    return not any(other.lineno in own or (other.end_lineno or 0) in own for other in others) and not any(
        "#" in lines[number - 1] for number in own
    )


def _one_by_one(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"import {_alias(alias)}" for alias in node.names]
    where = f"{'.' * node.level}{node.module or ''}"
    return [f"from {where} import {_alias(alias)}" for alias in node.names]


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _used_part(statement: str, used: set[str]) -> str:
    """Return an import if its name is used, or if it may do something by itself."""
    node = ast.parse(statement).body[0]
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return ""
    alias = node.names[0]
    name = alias.asname or alias.name.partition(".")[0]
    is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return statement if name in used or alias.name == "*" or is_future else ""


def _sorted_imports(statements: Sequence[str]) -> list[str]:
    """Return imports in the order of PEP 8: what comes with Python first; names of one module in one line."""
    merged: dict[str, list[str]] = {}
    for statement in sorted(statements, key=_order):
        head, _, name = statement.rpartition(" import ")
        merged.setdefault(head or statement, []).append(name if head else "")
    written = [f"{head} import {', '.join(names)}" if any(names) else head for head, names in merged.items()]
    own = [line for line in written if _is_pythons(line)]
    others = [line for line in written if not _is_pythons(line)]
    return [*own, *([""] if own and others else []), *others]


def _order(statement: str) -> tuple[bool, bool, bool, str]:
    is_future = statement.startswith("from __future__")
    return (not is_future, not _is_pythons(statement), statement.startswith("from"), statement.lower())


def _is_pythons(statement: str) -> bool:
    return statement.split()[1].partition(".")[0] in sys.stdlib_module_names


def _names_in(source: str) -> set[str]:
    tree = _tree(source)
    if tree is None:
        return set(re.findall(r"\w+", source))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | read_cell(source).sets_up


def _tree(source: str) -> ast.Module | None:
    code = python_of(source)
    try:
        return ast.parse(code) if code is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def as_script(cells: Sequence[tuple[str, str]], title: str, origin: str, shown: Mapping[int, bool]) -> str:
    """Return cells as a script.

    Args:
        cells: Kind and text of each: `code` or `markdown`.
        title: What it is for; its first line.
        origin: The notebook it was made from.
        shown: For each cell of code, by its place, whether its last expression has shown a value.

    Raises:
        SessionError: A line of IPython's does what a script cannot.
    """
    bodies: list[str] = []
    for place, (kind, text) in enumerate(cells):
        if kind == "markdown":
            bodies.append("\n".join(f"# {line}".rstrip() for line in text.strip().splitlines()))
        elif body := _as_plain_python(text, shows=shown.get(place, False)):
            bodies.append(body)
    needs = [name for name in ("subprocess",) if any(f"{name}.run(" in body for body in bodies)]
    head = f'"""{_docstring(title)}\n\nMade from {origin} by codeagent-nb trim.\n"""'
    imports = "\n".join(f"import {name}" for name in needs)
    return "\n\n".join([head, *([imports] if imports else []), *bodies]) + "\n"


def _docstring(title: str) -> str:
    return title.replace("\\", "\\\\").replace('"""', "'''").strip().rstrip('"') or "An analysis."


SHELL_CELL = re.compile(r"^\s*%%(?:bash|sh|!)[^\n]*\n(?P<body>.*)$", re.DOTALL)
CELL_MAGIC = re.compile(r"^\s*%%(?:time|timeit|capture)\b[^\n]*\n")
TIMED = re.compile(r"time[ \t]+(?P<statement>.*)", re.DOTALL)
NEEDLESS = re.compile(r"(?:timeit|matplotlib|config|load_ext|reload_ext|autoreload|pip|conda|who|whos|precision)\b")
"""Magics that a script does without: they set up how a notebook shows things, or what is installed."""
FROM_PYTHON = re.compile(r"\{|\$[A-Za-z_]")
"""In a command: IPython puts values of Python there."""


def _as_plain_line(line: re.Match[str]) -> str | None:
    """Return a line of IPython's as Python; None if a script does without.

    Raises:
        SessionError: A script cannot do the same.
    """
    if not line["mark"]:
        return None
    rest, indent = line["rest"].strip(), line["indent"]
    if line["mark"] == "!" and not FROM_PYTHON.search(rest):
        if line["target"]:
            run = f"subprocess.run({rest!r}, shell=True, capture_output=True, text=True).stdout.splitlines()"
            return f"{indent}{line['target']} = {run}"
        return f"{indent}subprocess.run({rest!r}, shell=True)"
    if line["mark"] == "%" and not line["target"]:
        if timed := TIMED.fullmatch(rest):
            return f"{indent}{timed['statement']}"
        if NEEDLESS.match(rest):
            return None
    raise SessionError(
        f"the trimmed cells are no script ({one_line(line.group().strip())!r} needs IPython): make a notebook"
    )


def _as_plain_python(source: str, *, shows: bool) -> str:
    if shell := SHELL_CELL.match(source):
        return f"subprocess.run(['bash', '-c', {shell.group('body')!r}], check=True)"
    source = with_lines_replaced(CELL_MAGIC.sub("", source), _as_plain_line).strip("\n")
    tree = _tree(source)
    if tree is None or not tree.body:
        return source
    last = tree.body[-1]
    if shows and isinstance(last, ast.Expr):
        lines = _lines(source)
        before = lines[: last.lineno - 1]
        expression = ast.get_source_segment(source, last.value) or ""
        # Python counts the place in bytes.
        first = lines[last.lineno - 1].encode()[: last.col_offset].decode().rstrip("; ")
        return "\n".join([*before, *([first] if first else []), f"print({expression})"])
    return source
