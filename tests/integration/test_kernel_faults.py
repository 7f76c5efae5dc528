"""Code that does not end, ends its kernel, or wrecks it: the block is told truly, and the next one works.

One executor for all: each fault must leave it as good as new.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor
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
async def test_code_that_swallows_the_interrupt_is_killed_and_the_loss_is_told(shared: KernelCodeExecutor) -> None:
    result = await run(shared, STUBBORN)
    assert (result.status, result.exit_code, text(result)) == ("timeout", 124, "before\n")
    assert result.state_lost
    assert "all variables are lost" in result.note
    await assert_works_soon(shared)
    after = await run(shared, "kept")
    assert after.ename == "NameError"
    assert not after.state_lost, "told once, with the block that caused it"


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
async def test_a_kernel_that_dies_is_named_and_replaced(
    shared: KernelCodeExecutor, code: str, exit_code: int, reason: str
) -> None:
    started = time.monotonic()
    result = await run(shared, f"import time\nprint('before', flush=True)\ntime.sleep(0.1)\n{code}")
    assert (result.status, result.exit_code, text(result)) == ("died", exit_code, "before\n")
    assert reason in result.note
    assert result.state_lost
    assert time.monotonic() - started < 3.0
    await assert_works_soon(shared)


async def test_a_kernel_that_died_between_blocks_is_replaced_and_the_loss_is_told(shared: KernelCodeExecutor) -> None:
    await run(shared, "kept = 7")
    await run(shared, "import os, threading\nthreading.Timer(0.1, lambda: os._exit(5)).start()")
    time.sleep(0.5)  # noqa: ASYNC251 - nobody looks, as in a notebook at night
    result = await run(shared, "print('kept' in globals())")
    assert (result.status, text(result)) == ("ok", "False\n")
    assert result.state_lost
    assert "had died before this block (exit code 5)" in result.note
    assert not (await run(shared, "1")).state_lost


async def test_looking_at_a_variable_does_not_swallow_the_news_of_a_death(shared: KernelCodeExecutor) -> None:
    await run(shared, "import os, threading\nthreading.Timer(0.1, lambda: os._exit(5)).start()")
    time.sleep(0.5)  # noqa: ASYNC251
    assert await shared.evaluate("1 + 1") == "2"
    assert (await run(shared, "1")).state_lost


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
