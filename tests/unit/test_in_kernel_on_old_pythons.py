"""What is copied beside a kernel runs under that kernel's Python, which may be as old as 3.8."""

import ast
from pathlib import Path

import pytest

from kernel_executor import in_kernel

OLDEST = (3, 8)
FILES = sorted(Path(in_kernel.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_written_in_the_oldest_python(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=OLDEST)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    names = {ast.unparse(call) for call in calls for part in call.args if isinstance(part, ast.BinOp)}
    assert not [name for name in names if name.startswith(("isinstance", "issubclass"))], "`|` of types is of 3.10"
    methods = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not methods & {"removeprefix", "removesuffix"}, "these are of 3.9"
    named = {keyword.arg for call in ast.walk(tree) if isinstance(call, ast.Call) for keyword in call.keywords}
    assert "strict" not in named, "of zip since 3.10"
