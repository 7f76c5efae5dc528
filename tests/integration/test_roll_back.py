"""What a call that failed made of the variables is taken back: real kernels, the good calls run again (design D19)."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kernel_executor import CodeBlock, KernelCodeExecutor, LocalCommandLineCodeExecutor, RollBack
from kernel_executor.containers.executor import DockerCommandLineCodeExecutor
from kernel_executor.errors import NotStarted
from kernel_executor.kernels.local import LocalKernelPlan
from tests.containers import KERNEL_IMAGE

pytestmark = pytest.mark.integration

ROLLED_BACK = RollBack(state="rolled_back")


@pytest.fixture
async def kernel() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20, checkpoints=False) as executor:
        yield executor


async def run(executor: Any, *codes: str, language: str = "python", timeout: float = 20) -> int:
    result = await executor.execute_code_blocks([CodeBlock(code, language) for code in codes], timeout=timeout)
    return int(result.exit_code)


async def known(executor: Any, *names: str) -> list[str]:
    answer = await executor.evaluate(f"[name for name in {list(names)} if name in globals()]")
    return list(eval(answer or "[]"))


async def test_variables_of_a_failed_call_are_gone_and_those_before_it_are_there(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = [1]", "import json")
    assert await run(kernel, "x.append(2)\ny = 3", "1 / 0") == 1
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x, json.dumps(1)") == "([1], '1')"
    assert await known(kernel, "y") == []
    assert await kernel.roll_back() is None, "there is nothing more to take back"


async def test_a_call_that_ended_well_leaves_nothing_to_take_back(kernel: KernelCodeExecutor) -> None:
    assert await kernel.roll_back() is None
    await run(kernel, "x = 1")
    assert await kernel.roll_back() is None
    await kernel.evaluate("1 / 0")
    assert await kernel.roll_back() is None, "an evaluation is no call"
    await run(kernel, "x", language="cobol")
    assert await kernel.roll_back() is None, "nothing ran"


async def test_what_is_run_again_is_not_heard(kernel: KernelCodeExecutor) -> None:
    late: list[Any] = []
    kernel.on_late_output(late.append)
    thread = "import threading, time\nthreading.Timer(0.2, lambda: print('late')).start()\nprint('loud')"
    await run(kernel, thread)
    await run(kernel, "1 / 0")
    await asyncio.sleep(0.5)
    late.clear()
    assert await kernel.roll_back() == ROLLED_BACK
    await asyncio.sleep(0.5)
    assert late == []


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])
async def test_a_kernel_that_died_comes_back_with_its_variables(kernel: KernelCodeExecutor, end: str) -> None:
    await run(kernel, "x = 1")
    await run(kernel, "y = 2", end)
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"
    result = await kernel.execute_code_blocks([CodeBlock("print(x)")])
    assert (result.output, result.blocks[0].state_lost) == ("1\n".strip(), False), "nothing is told of a loss"


async def test_a_timeout_is_taken_back(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 1")
    assert await run(kernel, "x = 2\nwhile True: pass", timeout=0.5) == 124
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"


async def test_a_cancelled_call_is_taken_back(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 1")
    call = asyncio.ensure_future(run(kernel, "x = 2", "import time; time.sleep(60)"))
    while _running(kernel) < 2:  # noqa: ASYNC110 - the runner tells nobody
        await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait({call})
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"


def _running(kernel: KernelCodeExecutor) -> int:
    """Blocks of the call that have begun."""
    runner: Any = kernel._runner
    return len(runner._recovery._history._call) + (runner._current is not None)


async def test_what_took_long_is_not_run_again_and_what_is_left_is_named(
    kernel: KernelCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel_executor.kernels.history.REPLAY_LIMIT", 0.2)
    await run(kernel, "import time\ntime.sleep(0.3)\nx = 1")
    await run(kernel, "x = 2\nimport json as j\ndef f(): inside = 1\nclass C: pass\ndel C\nmissing + 1\nnever = 1")
    done = await kernel.roll_back()
    assert done is not None
    assert (done.state, done.names) == ("kept", ("f", "j", "x"))
    assert "took 0 s" in done.reason
    assert await kernel.evaluate("x") == "2", "it is as the failed code left it"


async def test_where_the_kernel_died_too_the_state_is_lost(
    kernel: KernelCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel_executor.kernels.history.REPLAY_LIMIT", 0.0)
    await run(kernel, "x = 1")
    await run(kernel, "import os; os._exit(1)")
    done = await kernel.roll_back()
    assert done is not None
    assert (done.state, done.names) == ("lost", ())
    assert await known(kernel, "x") == []


async def test_what_does_not_run_again_leaves_the_kernel_as_it_is(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import os\nos.mkdir('made')\nx = 1")
    await run(kernel, "x = 2\n1 / 0")
    done = await kernel.roll_back()
    assert done is not None
    assert (done.state, done.names) == ("kept", ("x",))
    assert "FileExistsError" in done.reason
    assert await kernel.evaluate("x") == "2"
    await run(kernel, "y = 3\n1 / 0")
    again = await kernel.roll_back()
    assert again is not None
    assert again.names == ("x", "y"), "what was left before is still there"
    await run(kernel, "x = 4")
    await run(kernel, "z = 5\n1 / 0")
    third = await kernel.roll_back()
    assert third is not None
    assert third.names == ("y", "z"), "x was made by code that ended well"


@pytest.mark.parametrize("again", ["echo more >> rows.txt", "open('rows.txt', 'a').write('more\\n')"])
async def test_what_adds_to_a_file_is_not_run_twice(kernel: KernelCodeExecutor, again: str) -> None:
    await run(kernel, again, language="bash" if again.startswith("echo") else "python")
    await run(kernel, "1 / 0")
    done = await kernel.roll_back()
    assert done is not None
    assert done.state == "kept"
    assert (kernel.work_dir / "rows.txt").read_text() == "more\n"


async def test_what_takes_longer_than_before_is_given_up(
    kernel: KernelCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel_executor.kernels.history.REPLAY_SLACK", 0.5)
    slow = "import os, time\nif os.path.exists('been'): time.sleep(60)\nopen('been', 'w').close()\nx = 1"
    await run(kernel, slow)
    await run(kernel, "1 / 0")
    done = await kernel.roll_back()
    assert done is not None
    assert (done.state, await kernel.evaluate("x")) == ("kept", "1")
    assert "took longer" in done.reason


async def test_a_restart_forgets_what_ran(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 1")
    await kernel.restart()
    await run(kernel, "1 / 0")
    assert await kernel.roll_back() == ROLLED_BACK
    assert await known(kernel, "x") == []


@pytest.mark.parametrize("moment", [0.01, 0.05, 0.4, 0.75])
async def test_a_roll_back_that_is_cancelled_leaves_an_executor_that_works(
    kernel: KernelCodeExecutor, moment: float
) -> None:
    await run(kernel, "x = 1", "import time; time.sleep(0.8)")
    await run(kernel, "y = 2\n1 / 0")
    rolling = asyncio.ensure_future(kernel.roll_back())
    await asyncio.sleep(moment)
    assert not rolling.done(), "what is run again takes 0.8 s: it is no roll back if it has ended"
    rolling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rolling
    assert await kernel.evaluate("x") == "1"
    assert await kernel.roll_back() == ROLLED_BACK, "it is begun once more"
    assert await known(kernel, "x", "y") == ["x"]


async def test_stop_ends_a_roll_back_and_both_kernels(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import time; time.sleep(1)")
    await run(kernel, "1 / 0")
    rolling = asyncio.ensure_future(kernel.roll_back())
    await asyncio.sleep(0.6)
    await kernel.stop()
    with pytest.raises(NotStarted):
        await rolling


async def test_calls_wait_for_a_roll_back(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 1")
    await run(kernel, "x = 2\n1 / 0")
    done, code = await asyncio.gather(kernel.roll_back(), run(kernel, "assert x == 1"))
    assert (done, code) == (ROLLED_BACK, 0)


async def test_scripts_have_nothing_to_take_back() -> None:
    async with LocalCommandLineCodeExecutor() as executor:
        await run(executor, "1 / 0")
        assert await executor.roll_back() is None


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a kernel have to end before the next one starts, as in a container whose processes are not seen."""
    monkeypatch.setattr(LocalKernelPlan, "stands_alone", True)


async def test_where_only_one_kernel_can_be_the_fresh_one_takes_its_place_first(
    alone: None, kernel: KernelCodeExecutor
) -> None:
    await run(kernel, "x = 1")
    await run(kernel, "x = 2\n1 / 0")
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"
    await run(kernel, "import os; os._exit(1)")
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"


async def test_there_the_state_is_lost_if_the_code_does_not_run_again(alone: None, kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 1", "import os; os.mkdir('made')")
    await run(kernel, "x = 2\n1 / 0")
    done = await kernel.roll_back()
    assert done is not None
    assert (done.state, done.names) == ("lost", ())
    assert await known(kernel, "x") == [], "nor is half of it there"


@pytest.mark.parametrize("moment", [0.01, 0.1, 0.75])
async def test_there_a_roll_back_that_is_cancelled_is_begun_once_more(
    alone: None, kernel: KernelCodeExecutor, moment: float
) -> None:
    await run(kernel, "x = 1", "import time; time.sleep(0.8)")
    await run(kernel, "1 / 0")
    rolling = asyncio.ensure_future(kernel.roll_back())
    await asyncio.sleep(moment)
    assert not rolling.done()
    rolling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rolling
    assert await kernel.roll_back() == ROLLED_BACK
    assert await kernel.evaluate("x") == "1"


async def test_a_kernel_in_a_container_is_rolled_back_too(engine: str) -> None:
    async with DockerCommandLineCodeExecutor(image=KERNEL_IMAGE, checkpoints=False) as executor:
        await run(executor, "x = 1")
        await run(executor, "x = 2\n1 / 0")
        assert await executor.roll_back() == ROLLED_BACK
        assert await executor.evaluate("x") == "1"
        await run(executor, "import os; os._exit(1)")
        assert await executor.roll_back() == ROLLED_BACK
        assert await executor.evaluate("x") == "1"


@pytest.fixture
async def held(sandbox: str) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        yield executor


RESTORED = RollBack(state="restored")


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"])
async def test_with_checkpoints_a_kernel_that_died_is_back_before_anybody_asks(
    held: KernelCodeExecutor, end: str
) -> None:
    await run(held, "x = [1]", "made = open('made', 'a')\nmade.write('once')\nmade.close()")
    await run(held, "x.append(2)", "y = 2", end)
    assert await held.evaluate("x") == "[1]"
    assert await known(held, "y") == []
    assert await held.roll_back() == RESTORED
    assert await held.roll_back() is None, "told once"
    assert (held.stage_dir / "made").read_text() == "once", "nothing was run again"


async def test_with_checkpoints_a_failed_call_is_taken_back_and_nothing_runs_again(held: KernelCodeExecutor) -> None:
    await run(held, "import random\nx = random.random()", "import time; time.sleep(0.3)")
    before = await held.evaluate("x")
    for _ in range(3):
        await run(held, "x = 2\ny = 3", "1 / 0")
        assert await held.roll_back() == ROLLED_BACK
        assert await held.evaluate("x") == before
        assert await known(held, "y") == []


@pytest.mark.parametrize("moment", [0.0, 0.005, 0.02, 0.05])
async def test_with_checkpoints_a_roll_back_that_is_cancelled_is_begun_once_more(
    held: KernelCodeExecutor, moment: float
) -> None:
    await run(held, "x = 1", "import time; time.sleep(0.3)")
    await run(held, "y = 2\n1 / 0")
    rolling = asyncio.ensure_future(held.roll_back())
    await asyncio.sleep(moment)
    rolling.cancel()
    await asyncio.wait({rolling})
    assert await held.roll_back() == (ROLLED_BACK if rolling.cancelled() else None)
    assert await held.evaluate("x") == "1"
    assert await known(held, "y") == []


async def test_with_checkpoints_what_a_kernel_is_brought_back_from_may_be_gone(held: KernelCodeExecutor) -> None:
    await run(held, "x = 1", "import time; time.sleep(0.3)")
    recovery: Any = held._runner._recovery
    await asyncio.sleep(0.5)  # it is taken while nobody waits
    os.kill(recovery._marks.mark.held._seen.pid, signal.SIGKILL)
    await asyncio.sleep(0.1)
    assert await run(held, "import os; os._exit(3)") == 3
    assert await held.roll_back() == RESTORED, "another one was taken before the call"
    assert await held.evaluate("x") == "1"
