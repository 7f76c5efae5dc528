"""Work that is done in a thread, and where Python is about to end and starts none, at once."""

import subprocess
import sys

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
