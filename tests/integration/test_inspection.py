"""A kernel can be looked at while it works, and does not notice."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.notebook import commands
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.tasks import Place, Task
from kernel_executor import (
    CodeBlock,
    CodeResult,
    KernelCodeExecutor,
    KernelSnapshot,
    LocalCommandLineCodeExecutor,
    ManagedExecutor,
)
from tests.containers import KERNEL_IMAGE
from tests.integration.executor_kinds import DockerCommandLineCodeExecutor, remote_kernel

pytestmark = pytest.mark.integration


@pytest.fixture
async def kernel(sandbox: str) -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=60, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        yield executor


async def run(executor: ManagedExecutor[Any], code: str, language: str = "python") -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)])


async def seen_in(
    executor: ManagedExecutor[Any], code: str, *, after: float = 0.5, language: str = "python"
) -> tuple[KernelSnapshot, CodeResult]:
    """Run code; return what was seen meanwhile, and the result."""
    running = asyncio.create_task(run(executor, code, language))
    await asyncio.sleep(after)
    snapshot = await executor.inspect()
    assert not running.done(), "it was to be seen while it runs"
    return snapshot, await running


def names(snapshot: KernelSnapshot) -> list[str]:
    return [variable.name for variable in snapshot.variables]


async def test_whoever_looks_at_a_kernel_that_dies_does_not_hide_how_it_ended(kernel: KernelCodeExecutor) -> None:
    """What was asked on a connection that had just been lost told of that, and not of the exit code."""
    running = asyncio.create_task(run(kernel, "import os, time\ntime.sleep(0.3)\nos._exit(3)"))
    while not running.done():
        await kernel.inspect()
    [block] = (await running).blocks
    assert (block.status, block.exit_code) == ("died", 3)
    assert "exit code 3" in block.note


async def test_a_cell_that_sleeps_is_seen_where_it_is(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "import time\n\ndef rest():\n    time.sleep(1.5)\n\nitems = [1, 2, 3]")
    code = "print('before', end='')\nx = 1\nrest()\nprint(' after')"
    snapshot, result = await seen_in(kernel, code)
    assert snapshot.answered
    assert snapshot.running
    assert (snapshot.running.index, snapshot.running.first_line) == (0, "print('before', end='')")
    assert 0.3 < snapshot.running.seconds < 1.5
    assert [(frame.cell, frame.line, frame.source) for frame in snapshot.stack] == [
        (2, 3, "rest()"),
        (1, 4, "time.sleep(1.5)"),
    ]
    assert names(snapshot) == ["items", "x"]
    assert (snapshot.variables[0].type, snapshot.variables[0].length) == ("list", 3)
    assert 20_000_000 < (snapshot.memory or 0) < 2_000_000_000
    [block] = result.blocks
    assert "".join(output["text"] for output in block.outputs) == "before after\n"
    idle = await kernel.inspect()
    assert (idle.answered, idle.running, idle.stack, names(idle)) == (True, None, (), ["items", "x"])


async def test_a_busy_loop_is_seen(kernel: KernelCodeExecutor) -> None:
    code = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end:\n    n = 1"
    snapshot, result = await seen_in(kernel, code)
    assert snapshot.answered
    assert [frame.line in {3, 4} for frame in snapshot.stack] == [True]
    assert result.exit_code == 0


async def test_libraries_are_seen_and_the_kernels_own_frames_are_not(kernel: KernelCodeExecutor) -> None:
    snapshot, _ = await seen_in(kernel, "import subprocess\nsubprocess.run(['sleep', '1.5'])")
    assert snapshot.stack[0].source == "subprocess.run(['sleep', '1.5'])"
    assert snapshot.stack[1].function == "run"
    assert snapshot.stack[1].file.endswith("subprocess.py")
    snapshot, _ = await seen_in(kernel, "sleep 1.5", language="bash")
    assert snapshot.running
    assert (snapshot.answered, snapshot.stack, snapshot.running.first_line) == (True, (), "sleep 1.5")
    snapshot, _ = await seen_in(kernel, "import asyncio\nawait asyncio.sleep(1.5)")
    assert (snapshot.answered, snapshot.stack) == (True, ())


async def test_code_in_c_that_keeps_the_interpreter_is_told_from_outside(kernel: KernelCodeExecutor) -> None:
    code = "import ctypes\nctypes.PyDLL(None).usleep(2_500_000)"  # it does not let go of the interpreter
    snapshot, result = await seen_in(kernel, code)
    assert not snapshot.answered
    assert snapshot.running
    assert snapshot.running.first_line == "import ctypes"
    assert (snapshot.memory or 0) > 20_000_000
    assert 0 <= (snapshot.processors if snapshot.processors is not None else -1) < 0.9
    assert result.exit_code == 0
    assert (await kernel.inspect()).answered, (
        "what it says too late to the earlier question is not taken for the answer"
    )


HOSTILE = """
import os, sys
def evil(*_):
    os.write(1, b'touched'); os._exit(3)
class Meta(type):
    __name__ = property(evil); __hash__ = __eq__ = __instancecheck__ = __subclasscheck__ = evil
class Evil(metaclass=Meta):
    __len__ = __repr__ = __str__ = __sizeof__ = __hash__ = __eq__ = __getattribute__ = evil
    __class__ = shape = nbytes = property(evil)
class Out:
    def __init__(self, out): self.out = out
    def write(self, text): self.out.write(text)
    flush = evil
thing = Evil()
"""


async def test_objects_of_the_codes_own_are_not_touched(kernel: KernelCodeExecutor) -> None:
    assert (await run(kernel, HOSTILE)).exit_code == 0
    snapshot, result = await seen_in(
        kernel,
        "import time\nours = sys.stdout\nsys.stdout = Out(ours)\ntime.sleep(1.5)\nsys.stdout = ours\nprint('alive')",
    )
    assert ("thing", "Evil") in {(variable.name, variable.type) for variable in snapshot.variables}
    assert (result.blocks[0].status, result.output) == ("ok", "alive")


async def test_looking_often_disturbs_nothing(kernel: KernelCodeExecutor) -> None:
    code = "import time\nfor i in range(60):\n    print(i, flush=i % 2 == 0)\n    x = [i]\n    time.sleep(0.02)"
    running = asyncio.create_task(run(kernel, code))
    snapshots = []
    while not running.done():
        snapshots.append(await kernel.inspect())
    assert len(snapshots) > 10
    assert all(snapshot.answered for snapshot in snapshots)
    [block] = (await running).blocks
    assert "".join(output["text"] for output in block.outputs) == "".join(f"{i}\n" for i in range(60))


async def test_a_kernel_that_came_back_is_seen(kernel: KernelCodeExecutor) -> None:
    await run(kernel, "x = 41")
    checkpoint = await kernel.checkpoint()
    await run(kernel, "y = 1")
    await kernel.restore(checkpoint)
    snapshot, _ = await seen_in(kernel, "import time\ntime.sleep(1.5)")
    assert (snapshot.answered, names(snapshot)) == (True, ["x"])
    assert [frame.source for frame in snapshot.stack] == ["time.sleep(1.5)"]
    assert snapshot.why_no_checkpoint == ""


async def test_why_there_is_no_checkpoint_is_told(kernel: KernelCodeExecutor) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(3,), name='x').start()"
    await run(kernel, code)
    await asyncio.sleep(0.5)
    assert (await kernel.inspect()).why_no_checkpoint == "the thread 'x' is running"


async def test_a_kernel_that_was_stopped_or_has_died_is_told_as_that() -> None:
    executor = KernelCodeExecutor(sandbox="none", timeout=20)
    assert not (await executor.inspect()).answered
    async with executor:
        began = time.monotonic()
        snapshot, _ = await seen_in(executor, "import os, time\ntime.sleep(0.8)\nos._exit(3)", after=0.5)
        assert snapshot.answered
        assert time.monotonic() - began < 20
    assert not (await executor.inspect()).answered


async def test_scripts_have_no_kernel_to_look_at(tmp_path: Path) -> None:
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path, sandbox="none") as executor:
        assert await executor.inspect() == KernelSnapshot()


async def test_a_kernel_in_a_container_is_seen(engine: str) -> None:
    async with DockerCommandLineCodeExecutor(image=KERNEL_IMAGE, timeout=30) as executor:
        snapshot, _ = await seen_in(executor, "import time\nx = 1\ntime.sleep(1.5)")
        assert (snapshot.answered, names(snapshot), snapshot.stack[0].line) == (True, ["x"], 3)
        assert snapshot.why_no_checkpoint == ""


async def test_a_kernel_on_a_server_is_seen(server: object) -> None:
    async with remote_kernel(timeout=30) as executor:
        snapshot, result = await seen_in(executor, "import time\nx = 1\ntime.sleep(1.5)\nprint(x)")
        assert (snapshot.answered, names(snapshot), snapshot.stack[0].line) == (True, ["x"], 3)
        assert result.output == "1"


async def test_the_status_shows_it_while_a_task_runs(tmp_path: Path) -> None:
    agent = NotebookAgent("study")
    assert await commands.kernel_status(agent) == ""
    reply = "```python\nimport time\nx = 'abc'\ntime.sleep(3)\n```"
    model = ReplayChatCompletionClient([reply, "Done."])
    task = Task(text="Rest.", settings=RunSettings(model=model, ask=refuse_unattended, approval="never"))
    solving = asyncio.ensure_future(agent.solve(task, Place(tmp_path), views=lambda _: []))
    told = ""
    async with asyncio.timeout(30):
        while "line 3 of block 1: `time.sleep(3)`" not in told:
            await asyncio.sleep(0.1)
            told = await commands.kernel_status(agent)
    assert "variables   x (str 3, " in told
    assert "checkpoint  kept after each call" in told
    await solving
    assert "running" not in await commands.kernel_status(agent)
    await agent.aclose()
