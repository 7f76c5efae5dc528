"""Exit codes as the shell's users know them."""

from typing import Any

import pytest

from kernel_executor import BlockResult, CodeBlock
from kernel_executor.outputs.results import combine, exit_code, exits_well
from kernel_executor.types import BlockStatus

ERRORS: list[tuple[dict[str, Any], int]] = [
    ({"ename": "ValueError", "evalue": "x"}, 1),
    ({"ename": "SystemExit", "evalue": "3"}, 3),
    ({"ename": "SystemExit", "evalue": "-1"}, 255),
    ({"ename": "SystemExit", "evalue": "256"}, 1),
    ({"ename": "SystemExit", "evalue": "no data"}, 1),
    ({"ename": "SystemExit", "evalue": "9" * 5_000}, 1),
    ({"ename": "CalledProcessError", "evalue": "Command 'bash' returned non-zero exit status 4."}, 4),
    ({"ename": "CalledProcessError", "evalue": "Command 'x' died with <Signals.SIGKILL: 9>."}, 1),
    ({"ename": "CalledProcessError", "evalue": f"returned non-zero exit status {'9' * 5_000}."}, 1),
    ({"ename": "ValueError", "evalue": "returned non-zero exit status 4."}, 1),
    ({}, 1),
]


@pytest.mark.parametrize(("error", "code"), ERRORS)
def test_an_error_of_a_script_gives_one_or_the_code_of_the_exit_or_of_the_shell(
    error: dict[str, Any], code: int
) -> None:
    assert exit_code("error", error, 0, "sh") == code


def test_a_command_that_fails_in_python_is_an_error_like_any_other() -> None:
    error = {"ename": "CalledProcessError", "evalue": "Command 'grep' returned non-zero exit status 4."}
    assert exit_code("error", error, 0, "python") == 1
    assert exit_code("error", {"ename": "SystemExit", "evalue": "4"}, 0, "python") == 4


@pytest.mark.parametrize(("evalue", "well"), [("0", True), ("", True), ("None", True), ("1", False), ("x", False)])
def test_an_exit_with_nothing_or_zero_is_a_success(evalue: str, well: bool) -> None:
    assert exits_well({"ename": "SystemExit", "evalue": evalue}) is well
    assert not exits_well({"ename": "ValueError", "evalue": evalue})


@pytest.mark.parametrize(
    ("status", "died_with", "code"),
    [
        ("ok", 0, 0),
        ("timeout", 0, 124),
        ("timeout", 137, 124),
        ("interrupted", 0, 130),
        ("died", 139, 139),
        ("died", 3, 3),
        ("died", 0, 1),
        ("unknown", 0, 1),
    ],
)
def test_other_ends(status: BlockStatus, died_with: int, code: int) -> None:
    assert exit_code(status, {}, died_with, "python") == code


def result(status: BlockStatus, code: int, text: str = "", note: str = "") -> BlockResult:
    outputs = ({"output_type": "stream", "name": "stdout", "text": text},) if text else ()
    return BlockResult(block=CodeBlock("x"), status=status, exit_code=code, outputs=outputs, note=note)


def test_the_last_block_that_ran_decides() -> None:
    skipped = result("skipped", 0, note="Skipped.")
    assert combine([result("ok", 0), result("error", 3)]).exit_code == 3
    assert combine([result("ok", 0), skipped]).exit_code == 0
    assert combine([skipped]).exit_code == 1
    assert combine([]).exit_code == 1


def test_text_and_notes_of_all_blocks_are_joined_in_order() -> None:
    results = [
        result("ok", 0, "one\n"),
        result("skipped", 0, note="Skipped."),
        result("timeout", 124, "two", "Stopped."),
    ]
    assert combine(results).output == "one\nSkipped.\ntwo\nStopped."
