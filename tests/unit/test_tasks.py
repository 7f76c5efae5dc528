"""Work that is done in a thread, and where Python is about to end and starts none, at once."""

import asyncio
import subprocess
import sys

import pytest

from kernel_executor.aio.tasks import together

AT_EXIT = """
import asyncio, atexit
from kernel_executor.aio.tasks import in_thread
loop = asyncio.new_event_loop()
loop.run_until_complete(in_thread(int))  # the threads that Python ends first
def work():
    {work}
async def last():
    try:
        print(await in_thread(work))
    except OSError as error:
        print("failed:", error)
atexit.register(lambda: (loop.run_until_complete(last()), loop.close()))
"""


def at_exit(work: str) -> str:
    command = [sys.executable, "-W", "error", "-c", AT_EXIT.format(work=work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_work_is_done_when_python_ends() -> None:
    assert at_exit("return 'done'") == "done\n"


def test_its_failure_reaches_who_awaits_it_then() -> None:
    assert at_exit("raise OSError('no space')") == "failed: no space\n"


async def test_of_two_things_at_once_the_first_has_ended_when_the_second_fails() -> None:
    ended: list[str] = []

    async def first() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("first")

    async def second() -> None:
        await asyncio.sleep(0)
        raise ValueError("second")

    with pytest.raises(ValueError, match="second"):
        await together(first(), second())
    assert ended == ["first"]


async def test_two_things_at_once_give_both_results() -> None:
    assert await together(asyncio.sleep(0, 1), asyncio.sleep(0, 2)) == (1, 2)
