"""Code that does not end, ends its kernel, or wrecks it: the block is told truly, and the next one works.

One executor for all: each fault must leave it as good as new.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor, ResourceLimits
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["auto", "none"])
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=0.7, sandbox=request.param) as executor:
        yield executor


async def assert_works_soon(executor: KernelCodeExecutor, seconds: float = 2.0) -> None:
    """AutoGen's kernel stayed busy after a time-out, and the next block lost its output (4 of 4 runs)."""
    started = time.monotonic()
    result = await run(executor, "print('next')")
    assert (result.status, text(result)) == ("ok", "next\n")
    assert time.monotonic() - started < seconds


def text(result: BlockResult) -> str:
    return "".join(output["text"] for output in result.outputs if output["output_type"] == "stream")


POLITE = {
    "sleep": "import time\ntime.sleep(1000)",
    "busy loop": "while True: pass",
    "top-level await": "import asyncio\nawait asyncio.sleep(1000)",
    "await of a task": "import asyncio\nawait asyncio.create_task(asyncio.sleep(1000))",
    "catastrophic regex": "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",
    "waiting for a thread": "import threading\nthreading.Event().wait()",
    "waiting for a child": "import subprocess\nsubprocess.run(['sleep', '1000'])",
}


@pytest.mark.timing
@pytest.mark.parametrize("code", POLITE.values(), ids=POLITE)
async def test_endless_code_is_interrupted_and_keeps_its_output_and_its_variables(
    shared: KernelCodeExecutor, code: str
) -> None:
    started = time.monotonic()
    result = await run(shared, f"kept = 7\nprint('before', flush=True)\n{code}")
    assert (result.status, result.exit_code) == ("timeout", 124)
    assert result.ename in {"KeyboardInterrupt", "CancelledError"}
    assert text(result) == "before\n"
    assert not result.state_lost
    assert "variables are kept" in result.note
    assert time.monotonic() - started < 3.0
    await assert_works_soon(shared)
    assert await shared.evaluate("kept") == "7"


BACK = "its variables are back as they were before this call."

STUBBORN = """
import time
kept = 7
print('before', flush=True)
while True:
    try:
        time.sleep(0.05)
    except BaseException:
        pass
"""


@pytest.mark.timing
async def test_code_that_swallows_the_interrupt_is_killed_and_the_state_before_it_comes_back(
    shared: KernelCodeExecutor,
) -> None:
    await run(shared, "before = 6\nglobals().pop('kept', None)")
    result = await run(shared, STUBBORN)
    assert (result.status, result.exit_code, text(result)) == ("timeout", 124, "before\n")
    assert (result.state, result.state_lost) == ("restored", False)
    assert result.note.endswith(BACK)
    await assert_works_soon(shared)
    after = await run(shared, "print(before, 'kept' in globals())")
    assert (text(after), after.state, after.note) == ("6 False\n", "kept", ""), "told once, with what caused it"


async def test_to_be_interrupted_takes_no_random_number_of_the_code(shared: KernelCodeExecutor) -> None:
    """The poke asks what the kernel is, and IPython's answer had a tip in it, chosen by the code's own generator."""
    await run(shared, "import random\nrandom.seed(3)\nfirst = random.random()\nrandom.seed(3)")
    endless = await shared.execute_code_blocks([CodeBlock("while True: pass")], timeout=0.5)
    assert endless.blocks[0].status == "timeout"
    assert await shared.evaluate("random.random() == first") == "True"


DEATHS = {
    "os._exit": ("import os\nos._exit(3)", 3, "exit code 3"),
    "os._exit(0)": ("import os\nos._exit(0)", 1, "exit code 0"),
    "SIGKILL": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 137, "SIGKILL, perhaps out of memory"),
    "SIGTERM": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", 143, "SIGTERM"),
    "segfault": ("import ctypes\nctypes.string_at(0)", 139, "SIGSEGV"),
    "abort": ("import os\nos.abort()", 134, "SIGABRT"),
}
if sys.version_info < (3, 12):  # later Pythons limit recursion in C by themselves: it takes long, and does not crash
    DEATHS["stack overflow"] = (
        "import sys\nsys.setrecursionlimit(10**6)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        139,
        "SIGSEGV",
    )


@pytest.mark.timing
@pytest.mark.parametrize(("code", "exit_code", "reason"), DEATHS.values(), ids=DEATHS)
async def test_a_kernel_that_dies_is_named_and_comes_back_with_its_variables(
    shared: KernelCodeExecutor, code: str, exit_code: int, reason: str
) -> None:
    await run(shared, "kept = [1]")
    started = time.monotonic()
    result = await run(shared, f"import time\nkept += [2]\nprint('before', flush=True)\ntime.sleep(0.1)\n{code}")
    assert (result.status, result.exit_code, text(result)) == ("died", exit_code, "before\n")
    assert reason in result.note
    assert (result.state, result.state_lost) == ("restored", False)
    assert result.note.endswith(BACK)
    assert time.monotonic() - started < 3.0
    await assert_works_soon(shared)
    assert await shared.evaluate("kept") == "[1]", "as it was before the call"
    assert await shared.roll_back() is None, "a call has ended well since"


@pytest.mark.timing
async def test_without_checkpoints_a_kernel_that_dies_is_replaced_and_the_loss_is_told(sandbox: str) -> None:
    async with KernelCodeExecutor(timeout=0.8, sandbox=sandbox, checkpoints=False) as executor:  # type: ignore[arg-type]
        await run(executor, "kept = 7")
        for code, status in (("import os\nos._exit(3)", "died"), (STUBBORN, "timeout")):
            result = await run(executor, code)
            assert (result.status, result.state, result.state_lost) == (status, "lost", True)
            assert result.note.endswith("a new kernel was started, and all variables are lost.")
            await assert_works_soon(executor)
            after = await run(executor, "kept")
            assert (after.ename, after.state) == ("NameError", "kept"), "told once, with the block that caused it"


async def test_a_kernel_that_died_between_blocks_comes_back_and_that_is_told(shared: KernelCodeExecutor) -> None:
    await run(shared, "kept = 7")
    await run(shared, "import os, threading\nthreading.Timer(0.1, lambda: os._exit(5)).start()")
    time.sleep(0.5)  # noqa: ASYNC251 - nobody looks, as in a notebook at night
    result = await run(shared, "print(kept)")
    assert (result.status, text(result)) == ("ok", "7\n")
    assert (result.state, result.state_lost) == ("restored", False)
    assert "had died before this block (exit code 5)" in result.note
    assert "back, but for what the last block made: no state was kept since" in result.note
    after = await run(shared, "1")
    assert (after.state, after.note) == ("kept", "")


async def test_code_whose_timer_ends_its_kernel_is_not_run_again(sandbox: str) -> None:
    """It was run again each time, with its timer, and no call of more than 0.2 s came to its end any more."""
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        await run(executor, "import os, threading\nthreading.Timer(0.2, os._exit, [5]).start()")
        results = [await run(executor, "import time; time.sleep(0.5)") for _ in range(3)]
        assert [result.state for result in results] == ["lost", "kept", "kept"]
        assert [result.status for result in results] == ["died", "ok", "ok"]


async def test_looking_at_a_variable_does_not_swallow_the_news_of_a_death(shared: KernelCodeExecutor) -> None:
    await run(shared, "import os, threading\nthreading.Timer(0.1, lambda: os._exit(5)).start()")
    time.sleep(0.5)  # noqa: ASYNC251
    assert await shared.evaluate("1 + 1") == "2"
    result = await run(shared, "1")
    assert (result.state, "had died before this block" in result.note) == ("restored", True)


@pytest.mark.timing
async def test_interrupts_at_any_moment_never_leave_the_kernel_unusable(shared: KernelCodeExecutor) -> None:
    """A signal may fall into IPython's own code, between two blocks, or while output is flushed."""
    code = "import time\nfor i in range(10**9):\n    print(i)\n    time.sleep(0.0001)"
    for delay in range(12):
        with pytest.raises(TimeoutError):
            await _run_for(shared, code, 0.003 * delay)
    await assert_works_soon(shared)


async def _run_for(executor: KernelCodeExecutor, code: str, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        await executor.execute_code_blocks([CodeBlock(code)])


PARENT = "import os, signal, time\nos.kill(os.getppid(), signal.{signal})\ntime.sleep({seconds})\nos._exit(3)"
"""What has forked the kernel is in the sandbox, too, and the user's code may signal it."""


@pytest.mark.timing
async def test_what_has_forked_the_kernel_can_be_stopped_by_code_and_goes_on(sandbox: str) -> None:
    """A stop took 11 s then, and a state that was told to be back was gone with the next call."""
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        await run(executor, "kept = 7")
        result = await run(executor, PARENT.format(signal="SIGSTOP", seconds=0))
        assert (result.status, result.state) == ("died", "restored")
        assert result.duration < 5
        await assert_works_soon(executor)
        assert await executor.evaluate("kept") == "7"
        await run(executor, "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)")
        started = time.monotonic()
    assert time.monotonic() - started < 5


@pytest.mark.timing
async def test_code_that_ends_what_has_forked_its_kernel_loses_its_variables_and_nothing_else(sandbox: str) -> None:
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        await run(executor, "kept = 7")
        await asyncio.sleep(0.3)  # a checkpoint is there, and goes with it
        for _ in range(2):
            result = await run(executor, PARENT.format(signal="SIGKILL", seconds=5))
            assert (result.status, result.state) == ("died", "lost")
            assert "the process that it was forked from was ended" in result.note
            await assert_works_soon(executor, 4.0)
        assert await executor.evaluate("kept") is None


TOO_MUCH = {
    "memory": (ResourceLimits(memory=700_000_000), "x = []\nwhile True: x.append(b'y' * 20_000_000)"),
    "processes": (
        ResourceLimits(processes=60),
        "import os, time\nfor _ in range(70):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(10)",
    ),
}


@pytest.mark.timing
@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("what", TOO_MUCH)
async def test_what_uses_too_much_is_ended_alone_as_often_as_it_does(what: str, sandbox: Any, bubblewrap: None) -> None:
    """The second time all was ended with it; and what ended its children ended the kernel that was coming back, too."""
    limits, code = TOO_MUCH[what]
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox, resource_limits=limits) as executor:
        await run(executor, "kept = 7")
        for _ in range(3):
            result = await run(executor, code)
            assert (result.status, result.state) == ("died", "restored"), result.note
            assert what in result.note
            assert (await run(executor, "print(kept)")).outputs[0]["text"] == "7\n"
