"""A kernel that is lost costs no variable, a failed call leaves no trace, and a state can be kept and brought back."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from kernel_executor import (
    Checkpoint,
    CodeBlock,
    CodeResult,
    KernelCodeExecutor,
    NoCheckpoint,
    ResourceLimits,
    RollBack,
)

pytestmark = pytest.mark.integration

LONG_ENOUGH = 0.3
"""Seconds until the checkpoint after a call is there."""


@pytest.fixture
async def kernel(sandbox: str) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        yield executor


async def run(kernel: KernelCodeExecutor, *codes: str, timeout: float = 20) -> CodeResult:
    return await kernel.execute_code_blocks([CodeBlock(code) for code in codes], timeout=timeout)


ENDS = {
    "leaves": "import os; os._exit(3)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "aborts": "import os; os.abort()",
    "ends its group": "import os, signal; os.killpg(0, signal.SIGKILL)",
}


@pytest.mark.parametrize("pause", [0, LONG_ENOUGH])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_kernel_that_ends_keeps_its_variables(kernel: KernelCodeExecutor, end: str, pause: float) -> None:
    await run(kernel, "x = 41\nitems = [1]")
    await run(kernel, "items.append(2)")
    await asyncio.sleep(pause)
    [_, died] = (await run(kernel, "x = 0; items.append(3)", end)).blocks
    assert (died.status, died.state, died.state_lost) == ("died", "restored", False)
    assert "; its variables are back as they were before this call." in died.note
    after = (await run(kernel, "print(x, items)")).blocks[0]
    assert after.outputs == ({"output_type": "stream", "name": "stdout", "text": "41 [1, 2]\n"},)
    assert (after.state, after.note) == ("kept", ""), "it was told once"


async def test_a_time_limit_that_is_ignored_costs_no_variable(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    stubborn = "import time\nx = 0\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"
    [block] = (await run(kernel, stubborn, timeout=0.5)).blocks
    assert (block.status, block.state) == ("timeout", "restored")
    assert (await run(kernel, "print(x)")).output == "41"


async def test_out_of_memory_costs_no_variable() -> None:
    limits = ResourceLimits(memory=700_000_000)
    async with KernelCodeExecutor(timeout=30, sandbox="bubblewrap", resource_limits=limits) as kernel:
        await run(kernel, "x = 41")
        await asyncio.sleep(LONG_ENOUGH)
        greedy = (
            "import time\nkept = []\nfor _ in range(40):\n    kept.append(bytearray(50_000_000))\n    time.sleep(0.02)"
        )
        [block] = (await run(kernel, greedy)).blocks
        assert (block.status, block.state) == ("died", "restored")
        assert "out of memory" in block.note
        assert (await run(kernel, "print(x)")).output == "41"


async def test_a_kernel_that_dies_between_two_calls_comes_back(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import os, threading\nx = 41")
    await asyncio.sleep(LONG_ENOUGH)
    await run(kernel, "threading.Timer(0.3, os._exit, [1]).start()\nx += 1")
    await asyncio.sleep(1)
    block = (await run(kernel, "print(x)")).blocks[0]
    assert block.state == "restored"
    assert "had died before this block" in block.note
    assert await kernel.evaluate("x") in {"41", "42"}, "the timer's call ran again, and ends it again later"


async def test_an_evaluation_that_ends_the_kernel_costs_no_variable(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    assert await kernel.evaluate("__import__('os')._exit(1)") is None
    assert await kernel.evaluate("x") == "41"


@pytest.mark.parametrize(
    "code",
    [
        "import random; x = random.random()",
        "import numpy; x = numpy.random.rand()",
        "import time; x = time.time_ns()",
        "import uuid; x = uuid.uuid4().hex",
        "import os; x = os.urandom(8).hex()",
        "x = id(object())",
    ],
)
async def test_a_value_that_never_comes_again_is_back_at_once(kernel: KernelCodeExecutor, code: str) -> None:
    """Also where the next call follows without a pause: it waits for the checkpoint."""
    await run(kernel, code)
    before = await kernel.evaluate("x")
    assert (await run(kernel, "x = 0; import os; os._exit(1)")).blocks[0].state == "restored"
    assert await kernel.evaluate("x") == before


LOOKS_BACK = """
import gc, logging, warnings
from ipykernel.ipkernel import IPythonKernel
counts = []
def look():
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        gc.collect()
    found = gc.get_objects()
    counts.append(len(found))
    print(sum(isinstance(each, IPythonKernel) for each in found), "kernel", logging.getLogger("tornado").handlers)
"""

PUT_INSTEAD = {
    "another stream": "import io; sys.stdout = io.StringIO()",
    "a wrapper": (
        "class Wrapper:\n    def __getattr__(self, name):\n        return getattr(kept, name)\nsys.stdout = Wrapper()"
    ),
}


@pytest.mark.parametrize("put", PUT_INSTEAD.values(), ids=PUT_INSTEAD)
async def test_what_is_printed_comes_where_code_had_put_another_stream_in_place(
    kernel: KernelCodeExecutor, put: str
) -> None:
    """The kernel's own was left as it was: nothing came, or each cell after that ended in a BrokenPipeError."""
    await run(kernel, f"import os, sys\nkept = sys.stdout\n{put}")
    await kernel.restore(await kernel.checkpoint())
    result = await run(kernel, "sys.stdout = kept", "print('printed')", "_ = os.system('echo said')")
    assert (result.exit_code, result.output.split()[:2]) == (0, ["printed", "said"])


IN_A_THREAD = """
import asyncio, threading
from tornado.ioloop import IOLoop
async def main(): IOLoop.current()
thread = threading.Thread(target=lambda: asyncio.run(main())); thread.start(); thread.join()
x = 41
"""


async def test_a_loop_that_code_closed_and_tornado_still_knows_costs_no_state(kernel: KernelCodeExecutor) -> None:
    """Each checkpoint ended as it took apart that loop, which has no selector any more: all states were lost."""
    await run(kernel, IN_A_THREAD)
    await kernel.restore(await kernel.checkpoint())
    assert (await run(kernel, "print(x)")).output == "41"


async def test_a_kernel_comes_back_whatever_waits_in_pythons_own_stream(kernel: KernelCodeExecutor) -> None:
    """ipykernel's greeting went in there each time; the 20th overflowed into a closed pipe, and all was lost."""
    await run(kernel, "import sys; x = 41; print('.' * 8_000, file=sys.__stdout__)")
    await asyncio.sleep(LONG_ENOUGH)
    assert (await run(kernel, "import os; os._exit(3)")).blocks[0].state == "restored"
    assert await kernel.evaluate("x") == "41"
    assert (await run(kernel, "sys.__stdout__.flush()")).output.strip() == "." * 8_000


async def cancelled_after(seconds: float, work: Coroutine[Any, Any, object]) -> None:
    task = asyncio.create_task(work)
    await asyncio.sleep(seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_restore_that_is_cancelled_is_done_or_not_begun(kernel: KernelCodeExecutor) -> None:
    """It was half done: the kernel was back, and its next death brought back the state before that."""
    for moment in range(1, 15):
        await run(kernel, "import os; x = 0")
        kept = await kernel.checkpoint()
        await run(kernel, "x = 1; os.getpid()")
        await asyncio.sleep(0.1)
        await cancelled_after(moment * 0.01, kernel.restore(kept))
        before = await kernel.evaluate("x")
        await run(kernel, "os._exit(1)")
        assert await kernel.evaluate("x") == before


@pytest.mark.parametrize("moment", [0.001, 0.01])
async def test_what_is_lost_is_told_also_after_a_call_that_was_cancelled_while_the_rest_came_back(
    kernel: KernelCodeExecutor, moment: float
) -> None:
    """Then all was said to be back as it was before."""
    await run(kernel, "import os, signal, threading, time; x = 0")
    await asyncio.sleep(LONG_ENOUGH)
    await run(kernel, "threading.Thread(target=time.sleep, args=(60,)).start(); x = 1")
    await run(kernel, "threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGKILL)).start()")
    await asyncio.sleep(LONG_ENOUGH)
    await cancelled_after(moment, run(kernel, "pass"))
    [block] = (await run(kernel, "print(x)")).blocks
    assert "but for what the last 2 blocks made" in block.note
    assert block.outputs[0]["text"] == "0\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.mkdir('d'); open('d/a', 'w').close(); entries = os.scandir('d'); next(entries)", "being read"),
        ("import fcntl; open('a', 'w').close(); f = open('a'); fcntl.flock(f, fcntl.LOCK_EX)", "locked"),
        ("import os; ends = os.openpty()", "the device /dev/"),
    ],
)
async def test_what_forks_would_share_is_refused(code: str, reason: str) -> None:
    """It came back as the live kernel had left it, without a word."""
    async with KernelCodeExecutor(timeout=20, sandbox="none") as kernel:
        assert (await run(kernel, code)).exit_code == 0
        with pytest.raises(NoCheckpoint, match=reason):
            await kernel.checkpoint()


async def test_a_failed_call_leaves_no_trace(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import pandas as pd\ntable = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})\nwhole = table.copy()")
    await asyncio.sleep(LONG_ENOUGH)
    await run(kernel, "del table['a']\nlater = 1", "table.missing")
    assert await kernel.roll_back() == RollBack(state="rolled_back")
    assert await kernel.evaluate("table.equals(whole), 'later' in globals()") == "(True, False)"
    assert await kernel.roll_back() is None


async def test_random_numbers_go_on_as_if_the_failed_call_had_not_been(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import random\nrandom.seed(7)")
    await asyncio.sleep(LONG_ENOUGH)
    await run(kernel, "random.random(); 1 / 0")
    await kernel.roll_back()
    assert await kernel.evaluate("random.random()") == repr(random.Random(7).random())


async def test_what_a_failed_call_left_is_kept_where_nobody_takes_it_back(kernel: KernelCodeExecutor) -> None:
    """As in a notebook: the next call goes on with it, and a death costs none of it."""
    await run(kernel, "x = 1")
    await run(kernel, "x = 2", "1 / 0")
    await run(kernel, "y = x")
    await run(kernel, "import os; os._exit(1)")
    assert await kernel.evaluate("x, y") == "(2, 2)"


async def test_a_state_that_was_kept_is_brought_back_as_often_as_is_wanted(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "items = [1]")
    kept = await kernel.checkpoint()
    for number in (2, 3):
        await run(kernel, f"items.append({number})", "other = items")
        await kernel.restore(kept)
        assert await kernel.evaluate("items, 'other' in globals()") == "([1], False)"
    await run(kernel, "items.append(4)")
    later = await kernel.checkpoint()
    await run(kernel, "items.append(5)", "import os; os._exit(1)")
    assert await kernel.evaluate("items") == "[1, 4]", "before the call"
    await kernel.restore(kept)
    assert await kernel.evaluate("items") == "[1]"
    await kernel.restore(later)
    assert await kernel.evaluate("items") == "[1, 4]"


async def test_a_kernel_carries_nothing_of_those_it_comes_from(kernel: KernelCodeExecutor) -> None:
    """Each had 700 objects more than the one before, and after 160 of them a checkpoint took five times as long."""
    await run(kernel, LOOKS_BACK)
    for _ in range(5):
        await kernel.restore(await kernel.checkpoint())
    await run(kernel, "look()")
    for _ in range(10):
        await kernel.restore(await kernel.checkpoint())
    result = await run(kernel, "look()")
    assert result.output == "1 kernel [<StreamHandler <stderr> (NOTSET)>]", "and nothing is said of what is collected"
    assert int((await kernel.evaluate("counts[1] - counts[0]")) or "inf") < 10 * 250


async def test_a_later_state_comes_back_and_the_one_of_a_fresh_kernel(kernel: KernelCodeExecutor) -> None:
    asked = "print({name: value for name, value in globals().items() if name in {'x', 'y', 'z'}})"
    fresh = await kernel.checkpoint()
    await run(kernel, "x = [1]")
    before = await kernel.checkpoint()
    await run(kernel, "x.append(2)\nz = 3")
    after = await kernel.checkpoint()
    for checkpoint, expected in ((before, {"x": [1]}), (after, {"x": [1, 2], "z": 3}), (fresh, {}), (after, None)):
        await kernel.restore(checkpoint)
        if expected is not None:
            assert (await run(kernel, asked, "y = 4")).output.strip() == str(expected)
    await run(kernel, "x.append(5)\n1/0")
    assert await kernel.roll_back() == RollBack(state="rolled_back")
    assert (await run(kernel, asked)).output.strip() == str({"x": [1, 2], "z": 3})


async def test_a_state_that_is_not_there_is_told(kernel: KernelCodeExecutor) -> None:
    with pytest.raises(NoCheckpoint, match="checkpoint 7 is not there any more: the newest 20 are kept"):
        await kernel.restore(Checkpoint(7))
    first = await kernel.checkpoint()
    for _ in range(20):
        await kernel.checkpoint()
    with pytest.raises(NoCheckpoint, match="checkpoint 1 is not there any more"):
        await kernel.restore(first)


REASONS = {
    "import threading; threading.Thread(target=threading.Event().wait, name='mine', daemon=True).start()": (
        "the thread 'mine' is running"
    ),
    "import subprocess; child = subprocess.Popen(['sleep', '60'])": r"the process \d+ \(sleep 60\) is running",
    "import asyncio; task = asyncio.create_task(asyncio.sleep(60), name='mine')": "the asyncio task 'mine' is pending",
    "file = open('out.txt', 'w')": "out.txt is open for writing",
    "import mmap\nwith open('out.bin', 'w+b') as file:\n    file.write(bytes(4096)); file.flush()\n"
    "    shared = mmap.mmap(file.fileno(), 4096)": r"out\.bin",
    "import signal; signal.alarm(60)": "a timer is set",
}


@pytest.mark.parametrize("code", REASONS)
async def test_what_a_fork_would_lose_is_named(kernel: KernelCodeExecutor, code: str) -> None:
    assert (await run(kernel, code)).exit_code == 0
    with pytest.raises(NoCheckpoint, match=REASONS[code]):
        await kernel.checkpoint()
    assert (await run(kernel, "print('goes on')")).output == "goes on"


async def test_what_ended_is_no_reason_any_more(kernel: KernelCodeExecutor) -> None:
    code = "import subprocess, threading\nthread = threading.Thread(target=int); thread.start(); thread.join()\n"
    await run(kernel, code + "subprocess.run(['true'], check=True)\nwith open('out.txt', 'w') as file: file.write('1')")
    assert await kernel.checkpoint() == Checkpoint(1)


async def test_without_checkpoints_it_is_as_before() -> None:
    async with KernelCodeExecutor(checkpoints=False) as kernel:
        await run(kernel, "x = 41")
        [block] = (await run(kernel, "import os; os._exit(3)")).blocks
        assert (block.state, block.state_lost) == ("lost", True)
        with pytest.raises(NoCheckpoint, match="this kind of kernel takes none"):
            await kernel.checkpoint()


async def test_output_of_a_kernel_that_came_back_belongs_to_its_blocks(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import logging, sys\nlogging.basicConfig(stream=sys.stdout, format='%(message)s')")
    await run(kernel, "import os; os._exit(1)")
    code = "print('one'); logging.warning('two'); os = __import__('os'); os.system('echo three')\ndisplay('four')"
    [block] = (await run(kernel, code)).blocks
    streams = [output["text"] for output in block.outputs if output["output_type"] == "stream"]
    assert "".join(streams) == "one\ntwo\nthree\n"
    assert [output["data"]["text/plain"] for output in block.outputs if "data" in output] == ["'four'"]
    assert block.execution_count == 2, "the call that died left no trace"


async def test_a_cancelled_call_whose_kernel_had_to_be_ended_costs_no_variable(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    stubborn = (
        "import time\nprint('begun', flush=True)\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"
    )
    task = asyncio.create_task(run(kernel, "x = 0", stubborn))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await run(kernel, "print(x)")).output == "41"
