"""What is copied beside a kernel, or sent to it, runs under that kernel's Python, which may be as old as 3.8."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from codeagent_nb.describing import asking
from kernel_executor import in_kernel
from kernel_executor.sandbox.interpreter import REPORT

OLDEST = (3, 8)
FILES = sorted(Path(in_kernel.__file__).parent.glob("*.py"))
SENT = [Path(module.__file__ or "") for module in asking.SENT]


@pytest.mark.parametrize("path", [*FILES, *SENT], ids=lambda path: path.name)
def test_it_is_written_in_the_oldest_python(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=OLDEST)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    names = {ast.unparse(call) for call in calls for part in call.args if isinstance(part, ast.BinOp)}
    assert not [name for name in names if name.startswith(("isinstance", "issubclass"))], "`|` of types is of 3.10"
    methods = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not methods & {"removeprefix", "removesuffix"}, "these are of 3.9"
    named = {keyword.arg for call in ast.walk(tree) if isinstance(call, ast.Call) for keyword in call.keywords}
    assert "strict" not in named, "of zip since 3.10"
    imported = {
        (node.module, name.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert not imported & {("functools", "cache"), ("itertools", "pairwise")}, "of 3.9 and 3.10"
    unions = [node for node in ast.walk(tree) if isinstance(node, ast.AugAssign | ast.BinOp)]
    made = [
        node for node in unions if isinstance(node.op, ast.BitOr) and isinstance(_right(node), ast.Dict | ast.DictComp)
    ]
    assert not made, "`|` of dicts is of 3.9"


def _right(node: ast.AugAssign | ast.BinOp) -> ast.expr:
    return node.value if isinstance(node, ast.AugAssign) else node.right


@pytest.mark.parametrize("since_3_10", [False, True])
def test_an_interpreter_says_where_it_lives_however_old_it_is(since_3_10: bool) -> None:
    older = "" if since_3_10 else "import sysconfig; del sysconfig.get_preferred_scheme\n"
    done = subprocess.run(
        [sys.executable, "-c", older + REPORT], capture_output=True, text=True, check=True, timeout=30
    )
    assert all("python3" in path and path.endswith("-packages") for path in json.loads(done.stdout)["installed"])
