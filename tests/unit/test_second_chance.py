"""Which tests CI runs again: those that failed, if the log names all of them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.tools import tool


@pytest.fixture(scope="module")
def chance() -> ModuleType:
    return tool("second_chance")


OUTCOMES = {
    "tests/a.py::test_one": "failed",
    "tests/a.py::test_one_more": "failed",
    "tests/a.py::test_two[a - b]": "failed",
    "tests/a.py::test_three": "passed",
    "tests/of_another_lane.py::test_four": "failed",
}


def log(*lines: str, end: str) -> str:
    return "\n".join(["....F.. [ 50%]", "=== short test summary info ===", *lines, end, ""])


def test_those_that_failed_are_found_by_their_whole_names(chance: ModuleType) -> None:
    said = log(
        "FAILED tests/a.py::test_one - AssertionError: assert 1 == 2",
        "FAILED tests/a.py::test_two[a - b] - ValueError: 3 failed in 2 places",
        end="======= 2 failed, 704 passed in 364.56s (0:06:04) =======",
    )
    assert chance.failed_tests(said, OUTCOMES) == ["tests/a.py::test_one", "tests/a.py::test_two[a - b]"]


def test_errors_count(chance: ModuleType) -> None:
    said = log(
        "ERROR tests/a.py::test_one - OSError", "FAILED tests/a.py::test_one_more", end="1 failed, 1 error in 3.0s"
    )
    assert chance.failed_tests(said, OUTCOMES) == ["tests/a.py::test_one", "tests/a.py::test_one_more"]


@pytest.mark.parametrize(
    "said",
    [
        log("FAILED tests/a.py::test_one - x", end="2 failed, 7 passed in 3.00s"),
        log("ERROR tests/b.py - ImportError", end="1 error in 3.00s"),
        log("FAILED tests/a.py::test_one - worker 'gw0' crashed while running 'x'", end="1 failed, 7 passed in 3.00s"),
        "mypy: error: 3 failed",
        "",
    ],
)
def test_where_not_all_are_named_there_is_no_second_chance(chance: ModuleType, said: str) -> None:
    assert chance.failed_tests(said, OUTCOMES) == []


@pytest.mark.parametrize(
    ("code", "passes"), [("pass", True), ("assert False", False), ("import pytest; pytest.skip()", False)]
)
def test_a_test_passes_alone_or_does_not(chance: ModuleType, code: str, passes: bool, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(f"def test_one(): {code}\ndef test_other(): assert False\n")
    log = tmp_path / "again.log"
    assert chance.passes_alone(["test_it.py::test_one"], sys.executable, tmp_path, {"PATH": "/usr/bin"}, log) is passes
    assert ("1 passed" in log.read_text()) is passes
