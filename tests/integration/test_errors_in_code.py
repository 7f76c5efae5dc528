"""How code ends: exceptions, exits, and questions nobody can answer."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kernel_executor import KernelCodeExecutor
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=10) as executor:
        yield executor


EXITS = {
    "exit()": ("exit()", 0),
    "quit()": ("quit()", 0),
    "exit(3)": ("exit(3)", 3),
    "%exit": ("get_ipython().ask_exit()", 0),
    "sys.exit()": ("import sys; sys.exit()", 0),
    "sys.exit(0)": ("import sys; sys.exit(0)", 0),
    "sys.exit(None)": ("import sys; sys.exit(None)", 0),
    "sys.exit(3)": ("import sys; sys.exit(3)", 3),
    "sys.exit(256)": ("import sys; sys.exit(256)", 1),
    "sys.exit(-1)": ("import sys; sys.exit(-1)", 255),
    "sys.exit(message)": ("import sys; sys.exit('no data')", 1),
    "raise SystemExit": ("raise SystemExit", 0),
}


@pytest.mark.parametrize(("code", "exit_code"), EXITS.values(), ids=EXITS)
async def test_an_exit_ends_the_block_and_not_the_kernel(shared: KernelCodeExecutor, code: str, exit_code: int) -> None:
    """Stock ipykernel ends with `exit()` (3 of 3 trials)."""
    await run(shared, "kept = 7")
    result = await run(shared, f"print('before')\n{code}\nprint('after')")
    assert (result.status, result.exit_code) == ("ok" if exit_code == 0 else "error", exit_code)
    assert result.ename == "SystemExit"
    assert "after" not in str(result.outputs)
    assert await shared.evaluate("kept") == "7"


async def test_exit_still_is_harmless_after_a_reset(shared: KernelCodeExecutor) -> None:
    assert (await run(shared, "%reset -f")).status == "ok"
    assert (await run(shared, "exit()")).exit_code == 0
    assert (await run(shared, "exit(5)")).exit_code == 5
    assert (await run(shared, "quit(6)")).exit_code == 6
    assert await shared.evaluate("1") == "1"


UNSHOWABLE = {
    "__repr__ raises": (
        "class A:\n    def __repr__(self): raise ValueError('bad repr')\nA()",
        "ValueError",
        "bad repr",
    ),
    "too deep": ("x = []\nfor i in range(10_000): x = [x]\nx", "RecursionError", "recursion"),
}


@pytest.mark.parametrize(("code", "ename", "evalue"), UNSHOWABLE.values(), ids=UNSHOWABLE)
async def test_a_result_that_cannot_be_shown_is_an_error_with_a_name(
    shared: KernelCodeExecutor, code: str, ename: str, evalue: str
) -> None:
    """ipykernel 7.4 replies that it was a `NoneType`."""
    result = await run(shared, code)
    assert (result.status, result.exit_code, result.ename) == ("error", 1, ename)
    assert evalue in str(result.evalue)
    assert result.traceback


GROUPS = {
    "ExceptionGroup": "raise ExceptionGroup('several', [ValueError('one'), KeyError('two')])",
    "TaskGroup": (
        "import asyncio\nasync def fail(): raise ValueError('one')\n"
        "async with asyncio.TaskGroup() as group:\n    group.create_task(fail())"
    ),
}


@pytest.mark.parametrize("code", GROUPS.values(), ids=GROUPS)
async def test_a_group_of_errors_is_an_error(shared: KernelCodeExecutor, code: str) -> None:
    result = await run(shared, code)
    assert (result.status, result.exit_code, result.ename) == ("error", 1, "ExceptionGroup")
    assert "ValueError: one" in "\n".join(result.traceback)
    assert list(result.traceback) == result.outputs[-1]["traceback"]


@pytest.mark.parametrize("code", GROUPS.values(), ids=GROUPS)
async def test_a_group_of_errors_as_the_first_error_of_a_kernel_is_not_taken_for_success(code: str) -> None:
    """ipykernel 7.4 sends no reply then: AutoGen hung for its whole limit and called it a success."""
    async with KernelCodeExecutor(timeout=20) as executor:
        result = await run(executor, code)
        assert (result.status, result.exit_code, result.ename) == ("error", 1, "ExceptionGroup")
        assert result.duration < 5
        assert (await run(executor, "print('next')")).outputs[0]["text"] == "next\n"


@pytest.mark.timing
async def test_deep_recursion_is_an_error_like_any_other(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "def f(n): return f(n + 1)\nf(0)")
    assert (result.status, result.ename) == ("error", "RecursionError")
    assert await shared.evaluate("1 + 1") == "2"


QUESTIONS = {
    "input": ("input('name? ')", "StdinNotImplementedError"),
    "getpass": ("import getpass\ngetpass.getpass()", "StdinNotImplementedError"),
}


@pytest.mark.parametrize(("code", "ename"), QUESTIONS.values(), ids=QUESTIONS)
async def test_a_question_fails_at_once(shared: KernelCodeExecutor, code: str, ename: str) -> None:
    result = await run(shared, code)
    assert (result.status, result.ename) == ("error", ename)
    assert result.duration < 5


@pytest.mark.parametrize("code", ["sys.stdin.read()", "subprocess.run(['cat'], capture_output=True).stdout.decode()"])
async def test_standard_input_is_at_its_end(shared: KernelCodeExecutor, code: str) -> None:
    result = await run(shared, f"import sys, subprocess\n{code}")
    assert (result.status, result.outputs[0]["data"]["text/plain"]) == ("ok", "''")


async def test_an_error_carries_name_text_and_traceback(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "def f():\n    raise ValueError('no such column')\nf()")
    assert (result.ename, result.evalue) == ("ValueError", "no such column")
    assert result.outputs[-1]["output_type"] == "error"
    assert list(result.traceback) == result.outputs[-1]["traceback"]


async def test_success_is_not_judged_by_what_was_printed(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "import sys\nprint('Traceback (most recent call last): Error!', file=sys.stderr)")
    assert (result.status, result.exit_code) == ("ok", 0)


@pytest.mark.parametrize("code", ["1 +", "def f(:", "\tx = 1\n  y = 2", "%nosuchmagic", "%%nosuchmagic\n1"])
async def test_code_that_cannot_be_parsed_is_an_error(shared: KernelCodeExecutor, code: str) -> None:
    result = await run(shared, code)
    assert result.exit_code == (0 if code == "%nosuchmagic" else 1) or result.status == "error"
    assert await shared.evaluate("1") == "1"


async def test_an_own_interrupt_is_an_error_of_the_code(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "raise KeyboardInterrupt")
    assert (result.status, result.ename) == ("error", "KeyboardInterrupt")


async def test_bytes_that_are_no_text_do_no_harm(shared: KernelCodeExecutor) -> None:
    code = "import os, sys\nos.write(1, b'\\xff\\xfe a\\n')\nos.write(2, b'\\x80 b\\n')\nimport time; time.sleep(0.3)"
    result = await run(shared, code)
    text = "".join(output["text"] for output in result.outputs)
    assert result.status == "ok"
    assert "�� a\n" in text
    assert "� b\n" in text


async def test_what_a_child_writes_is_there_when_its_cell_ends(shared: KernelCodeExecutor) -> None:
    """One in ten came late: ipykernel reads it in a thread that nobody waits for."""
    for code in ("import os\n_ = os.system('echo x')", "import os\n_ = os.write(1, b'x\\n')\nprint('y')"):
        for _ in range(50):
            assert "x\n" in (await run(shared, code)).outputs[0]["text"]


async def test_a_child_that_goes_on_writing_does_not_hold_its_cell(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "import subprocess\nchild = subprocess.Popen(['yes'])")
    assert result.status == "ok"
    assert result.duration < 2.0
    assert (await run(shared, "child.kill()\nchild.wait()")).status == "ok"


async def test_a_letter_that_a_child_writes_in_two_pieces_is_one(shared: KernelCodeExecutor) -> None:
    code = "import os, time\nfor piece in (b'\\xc3', b'\\xa9\\n'):\n    os.write(1, piece)\n    time.sleep(0.1)"
    assert "é\n" in (await run(shared, code)).outputs[0]["text"]


SURROGATES = {
    "print": ("print('\\ud800x')", "?x"),
    "stderr": ("import sys; print('\\ud800x', file=sys.stderr)", "?x"),
    "half a byte": ("print('\\udcffx')", "x"),
    "result": ("'\\ud800x'", "ud800x"),
    "display": ("display({'text/plain': '\\ud800x'}, raw=True)", "?x"),
    "error": ("raise ValueError('\\ud800x')", "?x"),
}


@pytest.mark.parametrize(("code", "shown"), SURROGATES.values(), ids=SURROGATES)
async def test_lone_surrogates_harm_nothing_else(shared: KernelCodeExecutor, code: str, shown: str) -> None:
    """Stock ipykernel loses the whole output, and the reply to an error with one in its text (measured)."""
    result = await run(shared, f"print('before')\nprint('ü')\n{code}")
    assert result.status == ("error" if "raise" in code else "ok")
    assert result.outputs[0]["text"].startswith("before\nü\n")
    assert shown in str(result.outputs)
    assert result.duration < 5
    assert (await run(shared, "print('next')")).outputs[0]["text"] == "next\n"


async def test_nothing_to_run_is_a_failure(shared: KernelCodeExecutor) -> None:
    result = await shared.execute_code_blocks([])
    assert (result.exit_code, result.blocks) == (1, ())


@pytest.mark.parametrize("code", ["", "   ", "# nothing", "\n\n"])
async def test_an_empty_block_is_well(shared: KernelCodeExecutor, code: str) -> None:
    result = await run(shared, code)
    assert (result.status, result.outputs) == ("ok", ())


async def test_the_same_code_is_transformed_as_it_is_then(shared: KernelCodeExecutor) -> None:
    """What a cell's text became is kept for a moment: never for the next cell."""
    louder = "get_ipython().input_transformers_cleanup.append(lambda lines: [l.replace('hi', 'HI') for l in lines])"
    quieter = "_ = get_ipython().input_transformers_cleanup.pop()"
    said = [(await run(shared, code)).outputs for code in ("!echo hi", louder, "!echo hi", quieter, "!echo hi")]
    assert ["".join(output["text"] for output in outputs) for outputs in said] == ["hi\n", "", "HI\n", "", "hi\n"]
