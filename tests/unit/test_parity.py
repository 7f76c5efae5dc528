"""docs/parity.md: every test it names exists, and one that did not pass is found out."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tools import tool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return tool("check_parity")


def test_every_test_it_names_exists(check: ModuleType) -> None:
    named = check.named_tests()
    assert len(named) > 50
    trees = {file: ast.parse((ROOT / file).read_text()) for file in {name.partition("::")[0] for name in named}}
    for name in named:
        file, _, function = name.partition("::")
        body = trees[file].body
        there = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert function in there, name


def test_a_row_without_a_test_says_so(check: ModuleType) -> None:
    rows = [line for line in (ROOT / "docs" / "parity.md").read_text().splitlines() if line.startswith("| ")]
    proven = [row for row in rows if "| done |" in row or "| better |" in row]
    assert len(proven) > 30
    assert [row for row in proven if not check.NAMED.search(row)] == []


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({"tests/a.py::test_x[1]": "passed", "tests/a.py::test_x[2]": "passed"}, []),
        ({"tests/a.py::test_x": "failed"}, ["tests/a.py::test_x: failed"]),
        (
            {"tests/a.py::test_x[1]": "passed", "tests/a.py::test_x[2]": "failed"},
            ["tests/a.py::test_x: failed, passed"],
        ),
        ({"tests/a.py::test_x": "skipped"}, ["tests/a.py::test_x: skipped"]),
        ({"tests/a.py::test_xy": "passed"}, ["tests/a.py::test_x: was not run"]),
    ],
)
def test_what_has_not_passed_is_named(check: ModuleType, outcomes: dict[str, str], said: list[str]) -> None:
    assert check.problems(["tests/a.py::test_x"], outcomes) == said


CONTAINED = "tests/integration/test_containers.py::test_x"
ENGINE = "tests/integration/test_container_engine.py::test_y"


@pytest.mark.parametrize(
    ("outcomes", "fine"),
    [
        ({CONTAINED: "skipped", ENGINE: "skipped"}, True),
        ({CONTAINED: "skipped", ENGINE: "passed"}, False),
        ({CONTAINED: "failed", ENGINE: "skipped"}, False),
        ({ENGINE: "skipped"}, False),
    ],
)
def test_only_where_there_is_no_engine_may_a_container_go_untested(
    check: ModuleType, outcomes: dict[str, str], fine: bool
) -> None:
    assert (check.problems([CONTAINED], outcomes) == []) is fine
