"""Code cannot command the root that its kernel was forked from, hold up its owner by it, nor outlive it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from kernel_executor import BlockResult, CodeBlock, KernelCodeExecutor, NoCheckpoint

pytestmark = pytest.mark.integration

LONG_ENOUGH = 0.3
"""Seconds until the checkpoint after a call is there."""


@pytest.fixture(params=["bubblewrap", "landlock", "none"])
async def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20, sandbox=request.param, work_dir=tmp_path) as executor:
        yield executor


async def run(kernel: KernelCodeExecutor, code: str, timeout: float = 20) -> BlockResult:
    [result] = (await kernel.execute_code_blocks([CodeBlock(code)], timeout=timeout)).blocks
    return result


def family() -> set[int]:
    """Return the roots that this process has started, and all that descends from them."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "codeagent_kernel" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


async def ends(pids: set[int], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.05)
    return not any(map(psutil.pid_exists, pids))


async def test_a_kernel_holds_no_line_to_its_root(kernel: KernelCodeExecutor) -> None:
    """Of the sockets of a kernel only its own line is none of ZeroMQ's: by that nothing can be asked of the root."""
    code = (
        "import os, socket\nfound = []\nfor name in os.listdir('/proc/self/fd'):\n"
        "    try:\n        with socket.socket(fileno=os.dup(int(name))) as one:\n"
        "            found.append((one.type, one.getsockname()))\n"
        "    except OSError: pass\n"
        "print(sum(kind == socket.SOCK_SEQPACKET for kind, _ in found))"
    )
    assert (await run(kernel, code)).outputs[0]["text"] == "1\n"


async def test_what_code_says_on_its_line_is_not_obeyed(kernel: KernelCodeExecutor) -> None:
    code = (
        "import os, socket, json\nfor name in os.listdir('/proc/self/fd'):\n"
        "    link = f'/proc/self/fd/{name}'\n"
        "    if not os.path.lexists(link) or 'socket:' not in os.readlink(link): continue\n"
        "    one = socket.socket(fileno=os.dup(int(name)))\n"
        "    if one.type == socket.SOCK_SEQPACKET:\n"
        "        for text in (b'here', json.dumps({'ended': os.getpid(), 'code': 0}).encode(), b'x' * 60_000):\n"
        "            one.send(text)\n    one.close()\nx = 41"
    )
    assert (await run(kernel, code)).status == "ok"
    await asyncio.sleep(LONG_ENOUGH)
    assert (await run(kernel, "import os; os._exit(5)")).exit_code == 5
    assert await kernel.evaluate("x") == "41"


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSEGV"])
async def test_who_ends_the_root_loses_the_variables_and_nothing_else(kernel: KernelCodeExecutor, number: str) -> None:
    await run(kernel, "x = 41")
    await asyncio.sleep(LONG_ENOUGH)
    before = family()
    result = await run(kernel, f"import os, signal, time; os.kill(os.getppid(), signal.{number}); time.sleep(9)")
    assert (result.status, result.state) == ("died", "lost")
    after = await run(kernel, "print('x' in globals())")
    assert (after.status, after.outputs[0]["text"]) == ("ok", "False\n")
    assert await ends(before)


async def test_who_stops_the_root_holds_nobody_up_for_long(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    await asyncio.sleep(LONG_ENOUGH)
    assert (await run(kernel, "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)")).status == "ok"
    began = time.monotonic()
    result = await run(kernel, "import os; os._exit(1)")
    assert result.status == "died"
    await run(kernel, "print(1)")  # it may still see the end of a root that did not answer
    assert (await run(kernel, "print(1)")).status == "ok"
    assert time.monotonic() - began < 40


async def test_a_checkpoint_that_was_stopped_goes_on_when_it_is_needed(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    await asyncio.sleep(LONG_ENOUGH)
    code = (
        "import os, signal\nchildren = f'/proc/{os.getppid()}/task/{os.getppid()}/children'\n"
        "for pid in map(int, open(children).read().split()):\n"
        "    if pid != os.getpid(): os.kill(pid, signal.SIGSTOP)\n"
        "os._exit(1)"
    )
    assert (await run(kernel, code)).state == "restored"
    assert await kernel.evaluate("x") == "41"


async def test_a_process_that_poses_as_a_checkpoint_does_not_outlive_its_kernel(kernel: KernelCodeExecutor) -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        while True: time.sleep(1)\n    os._exit(0)\nos.wait()"
    )
    await run(kernel, code)
    await asyncio.sleep(LONG_ENOUGH)
    before = family()
    await kernel.restart()
    gone = before - family()
    assert len(gone) >= 2, "the kernel, and what it had left"


TAKES_THE_ROOTS_END = """
import ctypes, os, socket
libc, root = ctypes.CDLL(None), os.getppid()
process = os.pidfd_open(root)
ends = [name for name in os.listdir(f"/proc/{root}/fd") if os.readlink(f"/proc/{root}/fd/{name}").startswith("socket:")]
for taken in [libc.syscall(438, process, int(name), 0) for name in ends]:
    if taken >= 0:
        for said in (b"no JSON", b"[]", b'{"ended": []}', b'{"ended": %d, "code": "x"}' % os.getpid(), b"\\xff"):
            socket.socket(fileno=os.dup(taken)).send(said)
"""


async def test_what_is_said_in_the_roots_name_breaks_nothing(kernel: KernelCodeExecutor) -> None:
    """A text as an exit code ended the call in a TypeError."""
    await run(kernel, "x = 41")
    assert (await run(kernel, TAKES_THE_ROOTS_END)).status == "ok"
    assert (await run(kernel, "os._exit(5)")).state == "restored"
    assert await kernel.evaluate("x") == "41"


async def test_all_is_gone_after_stop(kernel: KernelCodeExecutor) -> None:
    others = family()
    async with KernelCodeExecutor(sandbox=kernel.settings.sandbox) as other:
        await run(other, "x = 1")
        kept = [await other.checkpoint() for _ in range(3)]
        await run(other, "import os; os._exit(1)")
        await other.restore(kept[0])
        assert len(family() - others) >= 5
    assert await ends(family() - others)


async def test_code_that_breaks_what_a_checkpoint_needs_gets_none_and_goes_on(kernel: KernelCodeExecutor) -> None:
    for broken in ("os.fork = None", "os.listdir = None", "socket.socket.recvmsg = None", "random.getstate = None"):
        await kernel.restart()
        assert (await run(kernel, f"import os, random, socket; {broken}")).status == "ok"
        with pytest.raises(NoCheckpoint):
            await kernel.checkpoint()
        assert (await run(kernel, "print('goes on')")).status == "ok"
    assert (await run(kernel, "import os; os._exit(1)")).status == "died"
    assert (await run(kernel, "print('goes on')")).status == "ok"
