"""What the code of a cell reads, makes and changes, as far as its text shows: by `ast`, conservatively. Pure.

IPython's own lines are taken out first. Knows no outputs and no kernel.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from codeagent_nb.proof.file_names import writes_files, written_files
from codeagent_nb.proof.ipython_lines import ipython_lines, with_lines_replaced

PYTHON_MAGICS = frozenset({"time", "timeit", "capture", "prun", "python", "python3", "py"})
"""Cell magics below which Python stands."""

CELL_MAGIC = re.compile(r"^\s*%%(\w+)[^\n]*\n?")

BUILTINS = frozenset(dir(builtins))

SETS_UP = re.compile(
    r"seed|^set|use|option|^rc|config|filter|register|chdir|append|insert|update|able|default|init|theme|style|download"
)
"""In the name of a function of a module: it changes how the module works from then on."""

PURE = frozenset(
    {"print", "display", "len", "type", "help", "repr", "str", "sum", "min", "max", "sorted", "list", "dict"}
)


EVERYTHING = "*"
"""Stands among modules for IPython itself: what a magic changes, all later cells may show."""


@dataclass(slots=True)
class CellCode:
    """What a cell's code does with names.

    Args:
        reads: Names that it needs from before.
        makes: Names that it binds.
        replaces: Those of them that it binds whatever happens, and does not need from before.
        changes: Names whose values it surely, or likely, changes in place.
        may_change: Names whose values it could change in place.
        firm: Those of the changed that no reading of its outputs makes doubtful.
        keyed: Keys or columns that it sets, by the name of what they are in.
        mentions: Texts and attributes in it, columns among them.
        for_show: Whether it has printed or drawn something: then a call whose value is dropped was likely for that.
        sets_up: Modules that it makes work in another way.
        strings: Texts in it, names of files among them.
        writes: Texts that are given to what writes files.
        imports: Modules.
        is_opaque: Whether it cannot be read: it may do anything.
        runs_programs: Whether it runs a shell, or another program.
    """

    reads: set[str] = field(default_factory=set)
    makes: set[str] = field(default_factory=set)
    replaces: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    may_change: set[str] = field(default_factory=set)
    firm: set[str] = field(default_factory=set)
    keyed: dict[str, set[str]] = field(default_factory=dict)
    mentions: set[str] = field(default_factory=set)
    for_show: bool = False
    sets_up: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    is_opaque: bool = False
    runs_programs: bool = False


def python_of(source: str) -> str | None:
    """Return a cell's code without IPython's own lines; None if it is in another language.

    Below cell magics, each line stays the line it was: places in the code are looked up in the source.
    """
    while magic := CELL_MAGIC.match(source):
        if magic.group(1) not in PYTHON_MAGICS:
            return None
        source = source[magic.end() :]
    return with_lines_replaced(source, lambda line: _plain_line(line) + "\n" * line.group().count("\n"))


def _plain_line(match: re.Match[str]) -> str:
    if not match["mark"]:
        return ""
    target = match.group("target")
    if target:
        return f"{match.group('indent')}{target} = None"
    timed = re.match(r"(?:time|timeit)\s+(?:-\S+\s+)*(.*)", match.group("rest")) if match.group("mark") == "%" else None
    return f"{match.group('indent')}{timed.group(1) if timed else 'pass'}"


def read_cell(source: str, *, shows_value: bool = True, for_show: bool = False) -> CellCode:
    """Return what a cell's code does.

    Args:
        source: Of the cell.
        shows_value: Whether its last expression has shown a value: else it was there for what it does.
        for_show: Whether it has printed or drawn something.
    """
    done = CellCode(for_show=for_show)
    code = python_of(source)
    own = list(ipython_lines(source)) if code is not None else []
    lines = [match for match in own if match["mark"] == "!"]
    done.runs_programs = code is None or bool(lines)
    if code is None:
        done.strings = set(re.findall(r"[\w./-]+", source))
        return done
    done.strings = {word for line in lines for word in re.findall(r"[\w./-]+", line.group("rest"))}
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        done.is_opaque = True
        return done
    done.sets_up |= _modules_of_magics(own)
    for number, statement in enumerate(tree.body):
        is_last = number == len(tree.body) - 1
        _take_statement(done, statement, is_discarded=not (is_last and shows_value))
    return done


def _modules_of_magics(lines: Iterable[re.Match[str]]) -> set[str]:
    """Return EVERYTHING if a cell has a magic like `%matplotlib inline`: what follows may need it."""
    magics = [match["rest"] for match in lines if match["mark"] == "%"]
    return {EVERYTHING} if any(not magic.startswith("time") for magic in magics) else set()


def _take_statement(done: CellCode, statement: ast.stmt, *, is_discarded: bool) -> None:
    names = _Names.of(statement)
    done.reads |= names.reads - done.replaces - BUILTINS
    done.reads |= (names.deep_reads - names.local) - done.replaces - BUILTINS
    done.makes |= names.makes
    done.replaces |= _surely_bound(statement) - done.reads
    done.changes |= names.changes
    done.firm |= names.firm
    for root, keys in names.keyed.items():
        done.keyed.setdefault(root, set()).update(keys)
    done.mentions |= names.strings | names.attributes
    done.may_change |= names.may_change
    done.strings |= names.strings
    done.writes |= names.writes
    done.imports |= names.imports
    if isinstance(statement, ast.Expr) and is_discarded:
        _take_discarded(done, statement.value)


def _take_discarded(done: CellCode, value: ast.expr) -> None:
    """Take in an expression whose value is dropped: it is there for what it does to its operands."""
    value = value.value if isinstance(value, ast.Await) else value
    if not isinstance(value, ast.Call) or (isinstance(value.func, ast.Name) and value.func.id in PURE):
        return
    root, last = root_of(value.func), dotted(value.func).rpartition(".")[2]
    given = {root_of(argument) for argument in (*value.args, *(keyword.value for keyword in value.keywords))} - {""}
    if root:
        done.may_change.add(root)
        if SETS_UP.search(last):
            done.sets_up.add(root)
    done.changes |= given | ({root} if isinstance(value.func, ast.Attribute) else set())


def _surely_bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds whatever happens."""
    match statement:
        case ast.Assign(targets=targets):
            return _stored(targets)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name.partition(".")[0] for alias in names}
        case ast.With(body=body):
            return {name for inner in body for name in _surely_bound(inner)}
    return set()


def _stored(targets: Iterable[ast.AST]) -> set[str]:
    """Return the names that targets bind."""
    nodes = (node for target in targets for node in ast.walk(target))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@dataclass(slots=True)
class _Names(ast.NodeVisitor):
    """Collects the names in a statement."""

    reads: set[str] = field(default_factory=set)
    deep_reads: set[str] = field(default_factory=set)
    local: set[str] = field(default_factory=set)
    makes: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    firm: set[str] = field(default_factory=set)
    keyed: dict[str, set[str]] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)
    may_change: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, statement: ast.stmt) -> "_Names":
        names = cls()
        for node in _own_nodes(statement):
            names._take(node)
        for function in _functions(statement):
            names._take_function(function)
        names.reads -= _stored(_targets(statement))
        return names

    def _take(self, node: ast.AST) -> None:  # noqa: C901 - one line a kind of node
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self.reads.add(name)
            case ast.Name(id=name):
                self.makes.add(name)
            case ast.Subscript(value=ast.Name(id=root), slice=ast.Constant(value=str(key)), ctx=ast.Store()):
                self.changes.add(root)
                self.keyed.setdefault(root, set()).add(key)
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                self._change(root_of(node))
            case ast.Attribute(attr=name):
                self.attributes.add(name)
            case ast.AugAssign(target=ast.Name(id=name)):
                self.reads.add(name)
                self._change(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.makes.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.makes.add(name)
            case ast.Import(names=names):
                self.imports |= {alias.name for alias in names}
                self.makes |= {alias.asname or alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=module, names=names):
                self.imports |= {module} if module else set()
                self.makes |= {alias.asname or alias.name for alias in names}
            case ast.Constant(value=str(text)):
                self.strings.add(text)
            case ast.Call():
                self._take_call(node)

    def _change(self, name: str) -> None:
        self.changes |= {name} - {""}
        self.firm |= {name} - {""}

    def _take_call(self, call: ast.Call) -> None:
        root = root_of(call.func)
        given = {root_of(argument) for argument in (*call.args, *(keyword.value for keyword in call.keywords))}
        self.may_change |= (given | ({root} if isinstance(call.func, ast.Attribute) else set())) - {""}
        if any(keyword.arg == "inplace" and _is_true(keyword.value) for keyword in call.keywords):
            self._change(root)
        if writes_files(call):
            self.writes |= written_files(call)

    def _take_function(self, function: ast.AST) -> None:
        """Take in what a function reads when it is called, which may be much later."""
        inner = list(ast.walk(function))
        arguments = {node.arg for node in inner if isinstance(node, ast.arg)}
        bound = {node.id for node in inner if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        shared = {name for node in inner if isinstance(node, ast.Global) for name in node.names}
        loaded = {node.id for node in inner if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        self.deep_reads |= (loaded - arguments - bound) | shared
        self.changes |= shared
        self.firm |= shared
        self.strings |= {node.value for node in inner if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for node in inner:
            if isinstance(node, ast.Import):
                self.imports |= {alias.name for alias in node.names}
            if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
                self.may_change |= {root_of(node)} - arguments - bound - {""}


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a statement but for bodies of functions, whose names are their own."""
    yield statement
    inner: list[ast.AST] = list(ast.iter_child_nodes(statement))
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        inner = [*statement.decorator_list, *statement.args.defaults, *filter(None, statement.args.kw_defaults)]
    elif isinstance(statement, (ast.Lambda, *COMPREHENSIONS)):
        inner = []
    for child in inner:
        yield from _own_nodes(child)


def _functions(statement: ast.AST) -> Iterator[ast.AST]:
    if isinstance(statement, (*FUNCTIONS, *COMPREHENSIONS)):
        yield statement
        return
    for child in ast.iter_child_nodes(statement):
        yield from _functions(child)


def _targets(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield what loops and `with` bind before their bodies read it."""
    for node in ast.walk(statement):
        match node:
            case ast.For(target=target) | ast.AsyncFor(target=target):
                yield target
            case ast.withitem(optional_vars=ast.expr() as target):
                yield target


def root_of(node: ast.AST) -> str:
    """Return the name that an expression begins with: `df` of `df["a"].str.lower()`; empty if there is none."""
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Starred(value=inner):
                node = inner
            case ast.Call(func=inner) | ast.Await(value=inner):
                node = inner
            case ast.Name(id=name):
                return name
            case _:
                return ""


def dotted(node: ast.AST) -> str:
    """Return `np.random.seed` of a call's function; of others what is after the last call."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{dotted(inner)}.{name}"
    return ""


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)
