"""`make typing` checks the types of every public name: `tests/typing` uses them all."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import codeagent_nb
import kernel_executor

TYPING = Path(__file__).parents[1] / "typing"


def names_used(package: str) -> set[str]:
    imports = [
        node
        for node in ast.parse((TYPING / f"{package}_api.py").read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module == package
    ]
    return {alias.name for node in imports for alias in node.names}


@pytest.mark.parametrize("package", [codeagent_nb, kernel_executor])
def test_the_typing_tests_use_every_public_name(package: ModuleType) -> None:
    assert names_used(package.__name__) == {*package.__all__, "__version__"}


@pytest.mark.parametrize("package", [codeagent_nb, kernel_executor])
def test_type_checkers_may_read_the_package(package: ModuleType) -> None:
    assert (Path(str(package.__file__)).parent / "py.typed").is_file()
