"""Functions for executed code: what the module says, what a model is told, and what is refused."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import linecache
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, strategies as st

from kernel_executor.functions.functions import (
    Alias,
    FunctionLike,
    Functions,
    FunctionWithRequirements,
    FunctionWithRequirementsStr,
    Import,
    ImportFromModule,
    build_python_functions_file,
    check_module_name,
    format_functions_for_prompt,
    to_stub,
    with_requirements,
)

ADD = '''
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
'''


def add_two(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b  # a comment


@with_requirements(python_packages=["polars"], global_imports=["json"])
def load(text: str = '{"name": "John"}') -> polars.DataFrame:  # type: ignore[name-defined]  # noqa: F821
    """Load some data.

    Returns:
        A frame.
    """
    return json.loads(text)  # type: ignore[name-defined]  # noqa: F821


@with_requirements(
    python_packages=[
        "numpy>=1",
    ],
    global_imports=["functools"],
)
@functools.cache
# a comment between
def slow(n: int) -> int:
    return n * 2


async def wait(seconds: float = 0) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "waited"


def uses_what_is_missing() -> Any:
    return polars.DataFrame()  # type: ignore[name-defined]  # noqa: F821


def nested() -> Callable[[], str]:
    def text() -> str:
        """Give a text.

        It has lines.
        """
        return """one
        two
three"""

    return text


def run(source: str) -> dict[str, Any]:
    """Import the text as a module would be."""
    module = ModuleType("functions")
    exec(compile(source, "functions.py", "exec", dont_inherit=True), vars(module))
    return vars(module)


CALLS: dict[str, tuple[FunctionLike, str, Any]] = {
    "a plain function": (add_two, "add_two(1)", 3),
    "a decorated function with an import": (load, "load()['name']", "John"),
    "a decorator of several lines above another": (slow, "slow(2)", 4),
    "an async function": (
        FunctionWithRequirements.from_callable(wait, (), ["asyncio"]),
        "asyncio.run(wait())",
        "waited",
    ),
    "a function given as text with requirements": (FunctionWithRequirements.from_str(ADD), "add(1, 2)", 3),
    "bare text": (ADD, "add(1, 2)", 3),
    "indented text": (ADD.replace("\n", "\n    "), "add(1, 2)", 3),
    "a nested function": (nested(), "text()", nested()()),
}


@pytest.mark.parametrize(("function", "call", "value"), CALLS.values(), ids=CALLS)
def test_a_function_works_in_the_module(function: FunctionLike, call: str, value: Any) -> None:
    source = build_python_functions_file([function])
    assert eval(call, run(source)) == value
    assert "with_requirements" not in source
    assert source.endswith("\n")


def test_source_is_kept_as_written() -> None:
    assert "return a + b  # a comment" in build_python_functions_file([add_two])
    assert "@functools.cache\n# a comment between\ndef slow" in build_python_functions_file([slow])


def test_a_function_fails_in_the_module_where_it_would_fail_anyway() -> None:
    """Upstream: wrong arguments, and a name that no requirement imports, are errors of the code that calls."""
    with pytest.raises(TypeError, match="unsupported operand"):
        run(build_python_functions_file([ADD]))["add"](object(), 0)
    with pytest.raises(NameError, match="polars"):
        run(build_python_functions_file([uses_what_is_missing]))["uses_what_is_missing"]()


def test_an_import_that_does_not_exist_fails_when_the_module_is_imported() -> None:
    wrong = FunctionWithRequirements.from_str(ADD, global_imports=["not_a_real_package"])
    with pytest.raises(ModuleNotFoundError, match="not_a_real_package"):
        run(build_python_functions_file([wrong]))


def test_annotations_are_postponed_only_where_they_were() -> None:
    """This file postpones them: `-> polars.DataFrame` must not need polars in the module either."""
    postponed = "from __future__ import annotations\n"
    assert build_python_functions_file([load]).startswith(postponed + "import json\n\n\ndef load")
    assert postponed not in build_python_functions_file([ADD])
    assert build_python_functions_file([slow, load]).count(postponed) == 1


IMPORTS: dict[str, Import] = {
    "import numpy": "numpy",
    "import os.path": "os.path",
    "import numpy as np": Alias("numpy", "np"),
    "from os import path, sep as s": ImportFromModule("os", ["path", Alias("sep", "s")]),
}


@pytest.mark.parametrize(("line", "entry"), IMPORTS.items())
def test_an_import_is_one_line(line: str, entry: Import) -> None:
    function = FunctionWithRequirements.from_str(ADD, global_imports=[entry])
    assert build_python_functions_file([function]) == f"{line}\n\n\n{ADD.strip()}\n"


def test_imports_and_packages_come_once_and_in_order() -> None:
    two = ADD.replace("add", "two")
    functions = Functions.of(
        [
            FunctionWithRequirements.from_str(ADD, ["pandas", "numpy"], ["sys", "json"]),
            FunctionWithRequirements.from_str(two, ["numpy", "scipy"], ["json", ImportFromModule("os", ("sep",))]),
        ]
    )
    assert functions.python_packages == ("pandas", "numpy", "scipy")
    assert functions.source.startswith("import sys\nimport json\nfrom os import sep\n\n\ndef add")
    assert functions.names == ("add", "two")
    assert functions.stubs.count("...") == 2


def test_no_functions_make_nothing() -> None:
    assert Functions.of([]) == Functions("", (), (), "")
    assert Functions.of([]).prompt() == ""


def test_values_are_frozen_and_equal_by_what_they_say() -> None:
    assert {ImportFromModule("os", ["sep"])} == {ImportFromModule("os", ("sep",))}
    assert FunctionWithRequirements(add_two, ["a"]) == FunctionWithRequirements(add_two, ("a",))
    assert hash(Functions.of([add_two])) == hash(Functions.of([add_two]))
    with pytest.raises(AttributeError):
        load.python_packages = []  # type: ignore[misc]


def test_a_decorated_function_is_still_the_function() -> None:
    doubled = with_requirements()(add_two)
    assert doubled(1, b=1) == 2
    assert doubled.__wrapped__ is add_two  # type: ignore[attr-defined]
    assert (doubled.__name__, doubled.__doc__) == ("add_two", "Add two numbers.")  # type: ignore[attr-defined]
    assert inspect.signature(doubled) == inspect.signature(add_two)
    assert asyncio.run(with_requirements()(wait)()) == "waited"


def test_text_cannot_be_called() -> None:
    with pytest.raises(NotImplementedError, match="in executed code only"):
        FunctionWithRequirements.from_str(ADD)(1, 2)


STUBS: dict[str, tuple[FunctionLike, str]] = {
    "defaults": (add_two, 'def add_two(a: int, b: int=2) -> int:\n    """Add two numbers."""\n    ...'),
    "text": (ADD, 'def add(a: int, b: int) -> int:\n    """Add two numbers."""\n    ...'),
    "async": (wait, 'async def wait(seconds: float=0) -> str:\n    """Wait."""\n    ...'),
    "no docstring, other decorators": (slow, "def slow(n: int) -> int:\n    ..."),
    "lines in the docstring": (
        nested(),
        'def text() -> str:\n    """Give a text.\n\n    It has lines."""\n    ...',
    ),
    "every kind of argument": ("def f(a, /, b, *c, d=[], **e): pass", "def f(a, /, b, *c, d=[], **e):\n    ..."),
}


@pytest.mark.parametrize(("function", "stub"), STUBS.values(), ids=STUBS)
def test_a_stub_is_signature_docstring_and_dots(function: FunctionLike, stub: str) -> None:
    assert to_stub(function) == stub


def test_the_prompt_names_the_module_and_shows_stubs() -> None:
    prompt = Functions.of([add_two, ADD]).prompt("tools")
    assert "`from tools import add_two, add`" in prompt
    assert prompt.endswith(f"```python\n{to_stub(add_two)}\n\n{to_stub(ADD)}\n```")


def test_a_fence_in_a_docstring_does_not_end_the_prompts_fence() -> None:
    prompt = Functions.of([ADD.replace("Add", "```Add")]).prompt()
    assert prompt.count("````") == 2


def test_the_prompt_can_be_a_template_as_in_autogen() -> None:
    assert to_stub(add_two) in format_functions_for_prompt([add_two])
    assert "from tools import f" in format_functions_for_prompt([add_two], module_name="tools")
    assert format_functions_for_prompt([], "$module_name: [$functions], $$1", "m") == "m: [], $1"
    with pytest.raises(KeyError, match="other"):
        format_functions_for_prompt([], "$other")


@pytest.mark.parametrize("name", ["invalid-identifier", "", "a.b", "1a", "class"])
def test_a_module_name_must_be_an_identifier(name: str) -> None:
    for ask in (check_module_name, Functions().prompt, lambda name: format_functions_for_prompt([], module_name=name)):
        with pytest.raises(ValueError, match="Module name must be a valid Python identifier"):
            ask(name)


made_without_a_file: dict[str, Any] = {}
exec("def made(): pass", made_without_a_file)

REFUSED: dict[str, tuple[list[FunctionLike], str]] = {
    "broken text": ([f"invalid{ADD.strip()}"], "not valid Python: invalid syntax"),
    "text without a function": (["x = 1"], "exactly one function, not 0"),
    "text with two functions": ([ADD + ADD], "exactly one function, not 2"),
    "a name twice": ([ADD, add_two, ADD], "add is defined more than once; rename"),
    "a lambda": ([lambda: 1], "<lambda> has no name to import it by; write it with `def`"),
    "a class": ([Path], "Path'> is not a function; write a `def` that calls it"),
    "a builtin": ([len], "len> is not a function"),
    "no source": (
        [made_without_a_file["made"]],
        r"source of made cannot be had; .* FunctionWithRequirements\.from_str",
    ),
    "an import statement as an import": (
        [FunctionWithRequirements(add_two, (), ["import numpy"])],
        "'import import numpy' is not valid Python",
    ),
}


@pytest.mark.parametrize(("functions", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_module_is_named(functions: list[FunctionLike], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Functions.of(functions)


@pytest.mark.parametrize("text", [f"invalid{ADD.strip()}", "x = 1", ""])
def test_broken_text_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="functions: the source"):
        FunctionWithRequirements.from_str(text)


def test_text_is_read_and_not_run() -> None:
    """AutoGen runs it, here on the host, to find the function in it."""
    FunctionWithRequirements.from_str(f"import not_a_real_package\nraise SystemExit\n{ADD}")


def test_a_function_of_a_notebook_cell_has_source() -> None:
    """IPython registers each cell with `linecache`."""
    name, cell = "<ipython-input-1>", "x = 1\n\n@with_requirements(['pandas'])\ndef in_cell():\n    return 1\n"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    names: dict[str, Any] = {"with_requirements": with_requirements, "__name__": "a_notebook"}
    exec(compile(cell, name, "exec", dont_inherit=True), names)
    try:
        functions = Functions.of([names["in_cell"]])
    finally:
        del linecache.cache[name]
    assert functions == Functions(
        "def in_cell():\n    return 1\n", ("pandas",), ("in_cell",), "def in_cell():\n    ..."
    )


VALUES = st.text(max_size=30) | st.integers() | st.lists(st.text(max_size=5), max_size=3)


@given(VALUES, st.integers(0, 8), st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])))
def test_any_value_and_docstring_survive_at_any_indent(value: Any, indent: int, docstring: str) -> None:
    literal = docstring.replace("\\", "\\\\").replace('"', '\\"')
    text = f'def f(x={value!r}):\n    """{literal}"""\n    return x, """\n  {literal}"""'
    expected = run(text)
    inside = literal.replace("\n", "\0")  # so that the indent is put before lines of code only
    lines = f'def f(x={value!r}):\n    """{inside}"""\n    return x, """\0  {inside}"""'.split("\n")
    moved = "\n".join(" " * indent + line for line in lines).replace("\0", "\n")
    functions = Functions.of([FunctionWithRequirementsStr(moved)])
    got = run(functions.source)
    assert got["f"]() == expected["f"]()
    assert got["f"].__doc__ == expected["f"].__doc__
    assert (run(functions.stubs)["f"].__doc__ or "").split() == docstring.split()
    assert functions == Functions.of([functions.source])
    ast.parse(functions.stubs)
