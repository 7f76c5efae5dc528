"""Blocks of shell script: live output, true exit status, nothing left behind."""

import asyncio
import shlex
import time
import uuid
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from kernel_executor import BlockOutput, BlockResult, CodeBlock, ExecutionEvent, KernelCodeExecutor

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["auto", "none"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20, sandbox=request.param) as executor:
        yield executor


async def run(executor: KernelCodeExecutor, code: str, language: str = "sh") -> BlockResult:
    return (await executor.execute_code_blocks([CodeBlock(code, language)])).blocks[-1]


def text(result: BlockResult, name: str = "stdout") -> str:
    return "".join(output["text"] for output in result.outputs if output.get("name") == name)


@pytest.mark.parametrize("language", ["sh", "bash", "Shell", "zsh"])
async def test_all_names_of_the_shell_run(shared: KernelCodeExecutor, language: str) -> None:
    result = await run(shared, "echo out; echo err >&2", language)
    assert (result.status, text(result), text(result, "stderr")) == ("ok", "out\n", "err\n")


CODES = {
    "exit 3": 3,
    "false": 1,
    "exit 255": 255,
    "no-such-program": 127,
    "kill -9 $$": 137,
    "echo well; exit 0": 0,
    "false; true": 0,
    "if then": 2,
}


@pytest.mark.parametrize(("script", "code"), CODES.items(), ids=CODES)
async def test_the_exit_status_is_the_shells(shared: KernelCodeExecutor, script: str, code: int) -> None:
    result = await run(shared, script)
    assert (result.status, result.exit_code) == ("error" if code else "ok", code)


async def test_a_failure_is_told_in_one_line(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "exit 3")
    assert result.traceback == ("CalledProcessError: Command 'bash' returned non-zero exit status 3.",)


async def test_a_command_that_fails_in_python_is_an_error_like_any_other(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "import subprocess\nsubprocess.run(['sh', '-c', 'exit 4'], check=True)", "python")
    assert (result.ename, result.exit_code) == ("CalledProcessError", 1)


async def test_output_comes_while_the_script_runs(shared: KernelCodeExecutor) -> None:
    seen: list[float] = []

    def listen(event: ExecutionEvent) -> None:
        if isinstance(event, BlockOutput):
            seen.append(time.monotonic())

    await shared.execute_code_blocks([CodeBlock("echo a; sleep 0.8; echo b", "sh")], on_event=listen)
    assert seen[-1] - seen[0] > 0.4


async def test_shell_and_python_share_the_folder(shared: KernelCodeExecutor) -> None:
    await run(shared, "echo 7 > seven.txt")
    assert (await run(shared, "print(open('seven.txt').read())", "python")).outputs[0]["text"] == "7\n\n"
    await run(shared, "import os; os.makedirs('sub', exist_ok=True); os.chdir('sub')", "python")
    assert text(await run(shared, "basename $PWD")) == "sub\n"
    await run(shared, "import os; os.chdir('..')", "python")


async def test_bytes_that_are_no_text_do_no_harm(shared: KernelCodeExecutor) -> None:
    result = await run(shared, r"printf 'a\377\376b\n'; printf '\303'; sleep 0.1; printf '\251\n'")
    assert (result.status, text(result)) == ("ok", "a��b\né\n")


async def test_quotes_dollars_and_backslashes_arrive_verbatim(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "x=\"it's\"; printf '%s|' \"$x\" '{y}' '\\n' \"a\\\"b\" '''%s'''\n# \\")
    assert text(result) == "it's|{y}|\\n|a\"b|%s|"


async def test_standard_input_is_at_its_end(shared: KernelCodeExecutor) -> None:
    result = await run(shared, 'cat; read x; echo "[$x]"')
    assert text(result) == "[]\n"


async def test_a_script_longer_than_an_argument_may_be_runs(shared: KernelCodeExecutor) -> None:
    """Linux takes at most 131,072 bytes in one argument."""
    result = await run(shared, f"x={'é' * 150_000}\necho ${{#x}}; cat; echo end; exit 5")
    assert (text(result).splitlines()[-1], result.exit_code) == ("end", 5)


async def test_a_script_with_a_nul_character_is_refused_not_changed(shared: KernelCodeExecutor) -> None:
    result = await run(shared, "echo a\0b")
    assert result.traceback == ("ValueError: a shell script cannot hold a NUL character",)


@pytest.mark.timing
async def test_a_background_job_does_not_hold_the_block(shared: KernelCodeExecutor) -> None:
    started = time.monotonic()
    result = await run(shared, "sleep 5 & echo started")
    assert (result.status, text(result)) == ("ok", "started\n")
    assert time.monotonic() - started < 2


STUBBORN = "trap '' INT TERM; echo begun; while true; do sleep 0.1; done"
NESTED = "bash -c 'sleep 987' & sleep 987 | cat & echo begun; wait"


def left_of(mark: str) -> list[psutil.Process]:
    """The processes that a script with this mark in its environment started, and that still live."""
    found = []
    for process in psutil.process_iter(["environ", "status"]):
        marked = (process.info["environ"] or {}).get("MARK") == mark
        if marked and process.info["status"] != psutil.STATUS_ZOMBIE:  # ended; its new parent has not looked yet
            found.append(process)
    return found


@pytest.mark.parametrize("script", ["echo begun; sleep 987", STUBBORN, NESTED], ids=["sleep", "stubborn", "nested"])
async def test_an_interrupt_leaves_no_child_behind(shared: KernelCodeExecutor, script: str) -> None:
    """A SIGINT to the kernel's pid alone raised a TypeError in `%%bash` and left bash running (reproduced twice)."""
    begun = asyncio.Event()
    mark = uuid.uuid4().hex
    script = f"MARK={mark} exec bash -c {shlex.quote(script)}"  # in the shell's own environment, too
    task = asyncio.create_task(
        shared.execute_code_blocks(
            [CodeBlock(script, "sh")], on_event=lambda e: begun.set() if isinstance(e, BlockOutput) else None
        )
    )
    await begun.wait()
    assert left_of(mark)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await run(shared, "echo next")).exit_code == 0
    await asyncio.sleep(0.2)
    assert left_of(mark) == []


async def test_a_time_limit_keeps_output_and_variables(shared: KernelCodeExecutor) -> None:
    await run(shared, "kept = 7", "python")
    task = asyncio.create_task(run(shared, "echo begun; sleep 987"))
    await asyncio.sleep(0.5)
    await shared.interrupt()
    result = await task
    assert (result.status, text(result)) == ("interrupted", "begun\n")
    assert await shared.evaluate("kept") == "7"
