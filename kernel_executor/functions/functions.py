"""Owns functions that are handed to executed code: their source, what they need, and their description for a model.

Names and meanings are AutoGen's. Knows no kernel, no file and no pip; reads source with `inspect` and runs none of it.
"""

import __future__

import ast
import copy
import functools
import inspect
import keyword
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Template
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

FUNCTION_PROMPT_TEMPLATE = (
    "These functions are ready in the module `$module_name`. To use one named `f`, write "
    "`from $module_name import f`.\n\n$functions"
)

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Alias:
    """`name as alias`, in an import."""

    name: str
    alias: str

    def __str__(self) -> str:
        return f"{self.name} as {self.alias}"


@dataclass(frozen=True, slots=True)
class ImportFromModule:
    """`from module import imports`."""

    module: str
    imports: Sequence[str | Alias]

    def __post_init__(self) -> None:
        _freeze(self, "imports")

    def __str__(self) -> str:
        return f"from {self.module} import {', '.join(map(str, self.imports))}"


Import = str | Alias | ImportFromModule
"""An import that a function needs; a text is the name of a module."""


@dataclass(frozen=True, slots=True)
class FunctionWithRequirementsStr:
    """The source of one function and what it needs. It is read, never run, and cannot be called here.

    Args:
        func: Source that defines exactly one function; it is kept dedented and without `@with_requirements`.
        python_packages: What pip would have to install, e.g. `pandas>=2`.
        global_imports: What the module must import.

    Raises:
        ValueError: The source is no Python, or defines no function or several.
    """

    func: str
    python_packages: Sequence[str] = ()
    global_imports: Sequence[Import] = ()

    def __post_init__(self) -> None:
        _freeze(self, "python_packages", "global_imports")
        object.__setattr__(self, "func", _clean(self.func))

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: there is only text here."""
        raise NotImplementedError("a function given as text can be called in executed code only")


@dataclass(frozen=True)
class FunctionWithRequirements(Generic[T, P]):
    """A function and what it needs, as in `FunctionWithRequirementsStr`; called, it is the function."""

    func: Callable[P, T]
    python_packages: Sequence[str] = ()
    global_imports: Sequence[Import] = ()

    def __post_init__(self) -> None:
        _freeze(self, "python_packages", "global_imports")
        # What `functools.update_wrapper` does, which a frozen value does not let in.
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(self.func, name):
                vars(self)[name] = getattr(self.func, name)
        vars(self)["__wrapped__"] = self.func

    @classmethod
    def from_callable(
        cls, func: Callable[P, T], python_packages: Sequence[str] = (), global_imports: Sequence[Import] = ()
    ) -> "FunctionWithRequirements[T, P]":
        """Return what a function needs."""
        return cls(func, python_packages, global_imports)

    from_str = staticmethod(FunctionWithRequirementsStr)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        return self.func(*args, **kwargs)


FunctionLike = Callable[..., Any] | FunctionWithRequirements[Any, ...] | FunctionWithRequirementsStr | str
"""A function, decorated or not, or the source of one."""


def with_requirements(
    python_packages: Sequence[str] = (), global_imports: Sequence[Import] = ()
) -> Callable[[Callable[P, T]], FunctionWithRequirements[T, P]]:
    """Decorate a function with what it needs where executed code calls it.

    Other decorators go along with it, so `global_imports` must name their modules, too.
    """
    return lambda func: FunctionWithRequirements(func, python_packages, global_imports)


@dataclass(frozen=True, slots=True)
class Functions:
    """Functions made ready to be a module: its text, pip's requirements, the names, and stubs to show a model."""

    source: str = ""
    python_packages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    stubs: str = ""

    @classmethod
    def of(cls, functions: Sequence[FunctionLike]) -> "Functions":
        """Read functions, in the order given.

        Raises:
            ValueError: One is a lambda, no function or without source; two share a name; or an import is malformed.
        """
        texts = [_as_text(function) for function in functions]
        names = tuple(_definition(text.func).name for text in texts)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"functions: {', '.join(twice)} is defined more than once; rename all but one.")
        packages = tuple(dict.fromkeys(package for text in texts for package in text.python_packages))
        return cls(_module(texts), packages, names, "\n\n".join(map(to_stub, texts)))

    def prompt(self, module: str = "functions") -> str:
        """Describe for a model the functions that it may use; an empty text if there are none.

        Raises:
            ValueError: As `check_module_name`.
        """
        check_module_name(module)
        fence = "`" * (1 + max([2, *map(len, re.findall("`+", self.stubs))]))
        use = f"You may use these functions; import them with `from {module} import {', '.join(self.names)}`:"
        return f"{use}\n\n{fence}python\n{self.stubs}\n{fence}" if self.names else ""


def check_module_name(name: str) -> str:
    """Return `name`, or raise ValueError if no module can be imported by it."""
    if name in sys.stdlib_module_names:
        raise ValueError(f"Module name {name!r} is Python's own; choose another, e.g. 'functions'")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"Module name must be a valid Python identifier, e.g. 'functions', not {name!r}")
    return name


def build_python_functions_file(functions: Sequence[FunctionLike]) -> str:
    """Return the text of a module with these functions; raises what `Functions.of` raises."""
    return Functions.of(functions).source


def format_functions_for_prompt(
    functions: Sequence[FunctionLike],
    prompt_template: str = FUNCTION_PROMPT_TEMPLATE,
    module_name: str = "functions",
) -> str:
    """Fill `$module_name` and `$functions`, the stubs, into a `string.Template`.

    Raises:
        ValueError: As `Functions.of` and `check_module_name`, or the template is malformed.
        KeyError: The template asks for something else.
    """
    stubs = Functions.of(functions).stubs
    return Template(prompt_template).substitute(module_name=check_module_name(module_name), functions=stubs)


def to_stub(func: FunctionLike) -> str:
    """Return a function's signature as it was written, its docstring, and `...` for its body; raises ValueError."""
    node = copy.copy(_definition(_as_text(func).func))
    docstring = (ast.get_docstring(node) or "").strip()
    said = [ast.Constant(re.sub(r"\n(?!\n)", "\n    ", docstring))] if docstring else []
    node.body, node.decorator_list = [ast.Expr(value) for value in [*said, ast.Constant(...)]], []
    return ast.unparse(node)


def _freeze(value: Any, *names: str) -> None:
    for name in names:
        object.__setattr__(value, name, tuple(getattr(value, name)))


def _as_text(function: FunctionLike) -> FunctionWithRequirementsStr:
    """Return the one form in which all functions are handled here."""
    if isinstance(function, FunctionWithRequirementsStr):
        return function
    if isinstance(function, str):
        return FunctionWithRequirementsStr(function)
    plain = _plain(function)
    # Annotations that the function's own module does not evaluate must not be evaluated here.
    postponed = plain.__code__.co_flags & __future__.annotations.compiler_flag
    imports = [ImportFromModule("__future__", ["annotations"])] if postponed else []
    imports += getattr(function, "global_imports", ())
    return FunctionWithRequirementsStr(_source(plain), getattr(function, "python_packages", ()), imports)


def _plain(function: Callable[..., Any]) -> FunctionType:
    plain = inspect.unwrap(function)
    if not isinstance(plain, FunctionType):
        raise ValueError(f"functions: {function!r} is not a function; write a `def` that calls it.")  # noqa: TRY004
    if plain.__name__ == "<lambda>":
        raise ValueError(f"functions: {plain.__qualname__} has no name to import it by; write it with `def`.")
    return plain


def _source(plain: FunctionType) -> str:
    try:
        return inspect.getsource(plain)
    except OSError as error:
        hint = "give it as text, with FunctionWithRequirements.from_str(...)."
        raise ValueError(f"functions: the source of {plain.__qualname__} cannot be had; {hint}") from error


def _definition(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    found = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if len(found) != 1:
        raise ValueError(f"functions: the source must define exactly one function, not {len(found)}:\n{source}")
    return found[0]


def _clean(text: str) -> str:
    """Dedent a function's source and take our decorator out."""
    try:
        source = _dedent(text.strip("\n"))
        decorators = _definition(source).decorator_list
    except SyntaxError as error:
        raise ValueError(f"functions: the source is not valid Python: {error}\n{text}") from error
    gone = {line for item in decorators if _is_ours(item) for line in range(item.lineno, (item.end_lineno or 0) + 1)}
    return "\n".join(line for number, line in enumerate(source.split("\n"), 1) if number not in gone)


def _is_ours(decorator: ast.expr) -> bool:
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(target).rpartition(".")[2] == with_requirements.__name__


def _dedent(source: str) -> str:
    """Take off the first line's indent, but not inside a string: `textwrap.dedent` would change its value."""
    indent = source[: len(source) - len(source.lstrip(" \t"))]
    if not indent:
        return source
    strings = [n for n in ast.walk(ast.parse(f"if 1:\n{source}")) if isinstance(n, ast.Constant | ast.JoinedStr)]
    # Line numbers count from 1, and the `if` above them: a string's second line has the index `lineno - 1`.
    inside = {index for node in strings for index in range(node.lineno - 1, (node.end_lineno or 0) - 1)}
    return "\n".join(
        line if index in inside else line.removeprefix(indent) for index, line in enumerate(source.split("\n"))
    )


def _module(texts: Sequence[FunctionWithRequirementsStr]) -> str:
    needed = [entry for text in texts for entry in text.global_imports]
    lines = dict.fromkeys(str(entry) if isinstance(entry, ImportFromModule) else f"import {entry}" for entry in needed)
    imports = "\n".join(sorted(lines, key=lambda line: not line.startswith("from __future__")))
    source = "".join(f"{part}\n\n\n" for part in [imports, *(text.func for text in texts)] if part)
    source = source.removesuffix("\n\n")
    try:
        compile(source, "<functions>", "exec", dont_inherit=True)
    except SyntaxError as error:
        raise ValueError(f"functions: {(error.text or '').strip()!r} is not valid Python: {error.msg}") from error
    return source
