"""Where no loop runs, as in IPython's terminal: work is waited for, and Ctrl-C stops it before it is given up."""

import asyncio
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from codeagent_nb.notebook.loop_thread import LoopThread


@pytest.fixture(scope="module")
def thread() -> LoopThread:
    return LoopThread()


def test_the_result_is_returned(thread: LoopThread) -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    assert thread.run(work()) == "codeagent"


def test_what_it_raises_is_raised(thread: LoopThread) -> None:
    async def work() -> None:
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        thread.run(work())


def test_all_work_has_the_same_loop(thread: LoopThread) -> None:
    async def loop() -> Any:
        return asyncio.get_running_loop()

    assert thread.run(loop()) is thread.run(loop())


def test_tasks_that_work_has_begun_go_on(thread: LoopThread) -> None:
    done: list[int] = []

    async def begin() -> Any:
        async def later() -> None:
            done.append(1)

        return asyncio.ensure_future(later())

    async def wait(task: Any) -> None:
        await task

    thread.run(wait(thread.run(begin())))
    assert done == [1]


def test_work_that_cancels_itself_says_so(thread: LoopThread) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        thread.run(work())


INTERRUPTED = """
import asyncio, contextlib, sys
from codeagent_nb.notebook.loop_thread import LoopThread
thread = LoopThread()
async def clean_up():
    print("stopping", flush=True)
    for _ in range(6):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)
    print("stopped", flush=True)
async def work(kind):
    print("working", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await clean_up()
        if kind == "answers": return "stopped early"
        if kind == "fails": raise LookupError("it failed")
        raise
try:
    print("returned", thread.run(work(sys.argv[1])))
except KeyboardInterrupt:
    print("interrupted")
except LookupError as error:
    print(error)
async def again(): return "and the next one works"
print(thread.run(again()))
"""


@pytest.mark.parametrize(
    ("kind", "said"), [("stops", "interrupted"), ("answers", "returned stopped early"), ("fails", "it failed")]
)
@pytest.mark.parametrize("presses", [1, 2])
def test_an_interrupt_cancels_and_waits_until_it_has_stopped(kind: str, said: str, presses: int) -> None:
    """However impatient somebody is: given up too early, a kernel would be left behind that nobody stops."""
    command = [sys.executable, "-c", INTERRUPTED, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in ["working\n", "stopping\n"][:presses]:
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert err == ""
    assert out.splitlines()[-3:] == ["stopped", said, "and the next one works"]
