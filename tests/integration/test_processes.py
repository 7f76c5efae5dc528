"""No process outlives its kernel, and no kernel its owner, however either ends."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from kernel_executor import BlockOutput, CodeBlock, ExecutionEvent, KernelCodeExecutor
from tests.support.runs import run

pytestmark = pytest.mark.integration


def marked(mark: str) -> list[int]:
    """Processes of ours, seen from outside: their command line carries a mark."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if any(mark in part for part in command) and process.pid != os.getpid():
            found.append(process.pid)
    return found


def kernels_in(folder: Path) -> list[int]:
    """Kernels whose working folder this is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.pid != os.getpid():
                found.append(process.pid)
        except (psutil.Error, OSError):  # gone; or somebody's in a folder whose path is too long for any call
            continue
    return found


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.02)
    return condition()


def sleeper(mark: str) -> str:
    """A child in a session of its own, whose parent is gone at once: nobody's to wait for."""
    inner = f"import time; time.sleep(600) # {mark}"
    return (
        f"import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        os.execv(sys.executable, [sys.executable, '-c', {inner!r}])\n    os._exit(0)\n"
        f"os.wait()\ntime.sleep(0.3)"
    )


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return f"mark-{tmp_path.name}-{os.getpid()}"


async def test_a_child_that_left_the_session_is_gone_after_stop(executor: KernelCodeExecutor, mark: str) -> None:
    assert (await run(executor, sleeper(mark))).status == "ok"
    assert len(marked(mark)) == 1
    await executor.stop()
    assert await until(lambda: not marked(mark), 10)


async def test_a_child_is_gone_as_soon_as_its_kernel_dies(executor: KernelCodeExecutor, mark: str) -> None:
    """Not only when the next block comes, which may be tomorrow."""
    await run(executor, sleeper(mark))
    assert len(marked(mark)) == 1
    assert (await run(executor, "import os; os._exit(1)")).status == "died"
    assert await until(lambda: not marked(mark), 10)


async def test_a_child_is_gone_after_a_restart(executor: KernelCodeExecutor, mark: str) -> None:
    await run(executor, "kept = 7")
    await run(executor, sleeper(mark))
    await executor.restart()
    assert not marked(mark)
    after = await run(executor, "kept")
    assert after.ename == "NameError"
    assert not after.state_lost, "who asked for a restart knows"


BOMB = """
import os, time
started = 0
for _ in range(200):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.wait()
print('lit', flush=True)
while True:
    try: time.sleep(0.1)
    except BaseException: pass
"""


@pytest.mark.timing
async def test_nothing_is_left_of_a_fork_bomb_after_the_time_limit(sandbox: str, tmp_path: Path) -> None:
    """200 sleeping processes, each double-forked into a session of its own; bounded, for the machine's sake."""
    async with KernelCodeExecutor(timeout=12.0, sandbox=sandbox, work_dir=tmp_path) as executor:  # type: ignore[arg-type]
        lit: list[int] = []

        def count(event: ExecutionEvent) -> None:
            if isinstance(event, BlockOutput):
                lit.append(len(kernels_in(tmp_path)))

        [result] = (await executor.execute_code_blocks([CodeBlock(BOMB)], on_event=count)).blocks
        assert lit[0] > 200
        assert (result.status, result.state) == ("timeout", "restored")
        assert result.outputs[0]["text"] == "lit\n"
        assert (await run(executor, "print('next')")).status == "ok"
        assert await until(lambda: len(kernels_in(tmp_path)) <= 3, 10)
    assert await until(lambda: not kernels_in(tmp_path), 10)


@pytest.mark.parametrize("times", [1, 2])
async def test_stop_leaves_no_process_and_no_folder(sandbox: str, times: int) -> None:
    executor = KernelCodeExecutor(sandbox=sandbox)  # type: ignore[arg-type]
    await executor.start()
    folder = executor.work_dir
    assert kernels_in(folder)
    for _ in range(times):
        await executor.stop()
    assert not kernels_in(folder)
    assert not folder.exists()


@pytest.mark.timing
async def test_stopping_while_a_block_runs_ends_it_as_interrupted(sandbox: str, tmp_path: Path) -> None:
    """It must neither hang nor start a new kernel for the one that was ended."""
    executor = KernelCodeExecutor(sandbox=sandbox, work_dir=tmp_path)  # type: ignore[arg-type]
    await executor.start()
    task = asyncio.create_task(run(executor, "while True: pass"))
    waiting = asyncio.create_task(run(executor, "1"))
    asking = asyncio.create_task(executor.evaluate("1"))
    await asyncio.sleep(0.3)
    started = time.monotonic()
    await executor.stop()
    result = await task
    assert time.monotonic() - started < 1.0
    assert (result.status, result.exit_code, result.note) == (
        *("interrupted", 130),
        "Interrupted: the executor was stopped.",
    )
    for later in (waiting, asking):
        with pytest.raises(RuntimeError, match=r"executor\.start"):
            await later
    await asyncio.sleep(1.0)
    assert not kernels_in(tmp_path)


async def test_stopping_while_a_kernel_is_being_replaced_leaves_none(sandbox: str, tmp_path: Path) -> None:
    for delay in (0.0, 0.01, 0.1, 0.4):
        executor = KernelCodeExecutor(sandbox=sandbox, work_dir=tmp_path)  # type: ignore[arg-type]
        await executor.start()
        restart = asyncio.create_task(executor.restart())
        await asyncio.sleep(delay)
        await executor.stop()
        await asyncio.wait({restart})
        restart.exception()
        assert not kernels_in(tmp_path)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.05, 0.1, 0.2, 0.35])
async def test_a_start_that_is_cancelled_leaves_no_process(sandbox: str, delay: float, tmp_path: Path) -> None:
    executor = KernelCodeExecutor(sandbox=sandbox, work_dir=tmp_path)  # type: ignore[arg-type]
    task = asyncio.create_task(executor.start())
    await asyncio.sleep(delay)
    in_time = task.cancel()  # False where the machine was quicker than the last of these delays
    await asyncio.wait({task})
    assert task.cancelled() == in_time
    await executor.stop()
    assert not kernels_in(tmp_path)
    await executor.start()  # and it can be started after all
    await executor.stop()


async def test_stopping_while_it_starts_ends_what_was_started(sandbox: str, tmp_path: Path) -> None:
    executor = KernelCodeExecutor(sandbox=sandbox, work_dir=tmp_path)  # type: ignore[arg-type]
    task = asyncio.create_task(executor.start())
    await asyncio.sleep(0.2)
    await executor.stop()
    await task
    assert not kernels_in(tmp_path)


def test_a_loop_that_closes_without_stop_leaves_no_kernel(sandbox: str, tmp_path: Path) -> None:
    async def forgetful() -> KernelCodeExecutor:
        executor = KernelCodeExecutor(sandbox=sandbox, work_dir=tmp_path)  # type: ignore[arg-type]
        await executor.start()
        await run(executor, "x = 1")
        await executor.checkpoint()
        assert kernels_in(tmp_path)
        return executor

    executor = asyncio.run(forgetful())
    time.sleep(0.3)
    assert not kernels_in(tmp_path)
    assert executor is not None, "not its collection but the loop's end has ended the kernel"
    del executor
    gc.collect()  # an unclosed socket is an error here


FORGETFUL = """
import asyncio, gc, random, sys
from kernel_executor import CodeBlock, KernelCodeExecutor
async def main():
    executor = KernelCodeExecutor(sandbox="none", work_dir=sys.argv[1])
    await executor.start()
    code = "import os, time; time.sleep(0.05); os.kill(os.getpid(), 9)"
    task = asyncio.create_task(executor.execute_code_blocks([CodeBlock(code)]))
    await asyncio.sleep(chance.uniform(0.06, 0.56))
chance = random.Random(1)
for _ in range(12):
    asyncio.run(main())
    gc.collect()
"""


@pytest.mark.timing
def test_loops_that_close_while_a_kernel_is_replaced_do_not_hold_their_process(tmp_path: Path) -> None:
    """A new kernel was begun on the closing loop, and its unclosed sockets were waited for, forever."""
    command = [sys.executable, "-W", "ignore", "-c", FORGETFUL, str(tmp_path)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not kernels_in(tmp_path)


LOOP_CLOSES = """
import asyncio, gc, sys
from kernel_executor import CodeBlock, KernelCodeExecutor
async def main(begin, delay):
    executor = KernelCodeExecutor(sandbox="none", work_dir=sys.argv[1])
    await executor.start()
    await executor.execute_code_blocks([CodeBlock("x = 1")])
    await executor.checkpoint()
    task = asyncio.create_task(begin(executor))
    await asyncio.sleep(delay)
for begin in (
    KernelCodeExecutor.restart,
    KernelCodeExecutor.stop,
    lambda executor: executor.execute_code_blocks([CodeBlock("import os; os._exit(3)")]),
):
    for step in range(8):
        asyncio.run(main(begin, step * 0.025))
        gc.collect()
"""


def test_a_loop_that_closes_while_a_kernel_ends_leaves_nothing_open(tmp_path: Path) -> None:
    """An unclosed socket and the lock of a run folder were found much later, and laid to whatever ran then."""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", LOOP_CLOSES, str(tmp_path)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not kernels_in(tmp_path)


async def test_stopping_while_a_checkpoint_is_taken_leaves_nothing_open(tmp_path: Path) -> None:
    """The checkpoint came when all others were closed already; its socket stayed open."""
    for step in range(12):
        executor = KernelCodeExecutor(sandbox="none", work_dir=tmp_path)
        await executor.start()
        await run(executor, "import os; x = os.urandom(3)")
        waits_for_checkpoint = asyncio.create_task(run(executor, "y = 1"))
        await asyncio.sleep(step * 0.002)
        await executor.stop()
        await asyncio.wait({waits_for_checkpoint})
        waits_for_checkpoint.exception()
        del executor, waits_for_checkpoint
        gc.collect()  # an unclosed socket is an error here


OWNER = """
import asyncio, sys
from kernel_executor import CodeBlock, KernelCodeExecutor
async def main():
    async with KernelCodeExecutor(sandbox=sys.argv[1], work_dir=sys.argv[2]) as executor:
        print("ready", flush=True)
        await executor.execute_code_blocks([CodeBlock(sys.argv[3])])
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, "import time; time.sleep(600)"),
        (signal.SIGKILL, "while True: pass"),
        (signal.SIGTERM, "import time; time.sleep(600)"),
        (signal.SIGINT, "import time; time.sleep(600)"),
    ],
)
async def test_a_kernel_does_not_survive_its_owner(sandbox: str, tmp_path: Path, number: int, code: str) -> None:
    """Also when the owner has no chance to clean up."""
    command = [sys.executable, "-c", OWNER, sandbox, str(tmp_path), code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as owner:  # noqa: ASYNC220
        assert owner.stdout
        assert owner.stdout.readline() == b"ready\n"
        await asyncio.sleep(0.2)
        assert kernels_in(tmp_path)
        owner.send_signal(number)
        owner.wait(10)
    assert await until(lambda: not kernels_in(tmp_path), 3)
