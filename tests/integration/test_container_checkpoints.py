"""In a container, too, a kernel that is lost costs no variable, and a failed call leaves no trace."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import docker
import pytest
import pytest_asyncio

from kernel_executor import BlockResult, CodeBlock, DockerCommandLineCodeExecutor, NoCheckpoint
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

LONG_ENOUGH = 0.4
"""Seconds until the checkpoint after a call is there."""

ENDS = {
    "leaves": "import os; os._exit(3)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "ends its group": "import os, signal; os.killpg(0, signal.SIGKILL)",
}

STUBBORN = "import time\nx = 0\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"

GREEDY = "x = 0\nkept = []\nwhile True: kept.append(bytearray(10_000_000))"

FILLS = """
import time
for at in range(0, len(data), 10_000_000):
    data[at : at + 10_000_000] = letter * min(10_000_000, len(data) - at)
    time.sleep(0.1)
"""

SLEEPERS = """
from pathlib import Path
print([at for at in Path("/proc").glob("[0-9]*") if (at / "cmdline").read_bytes() == b"sleep\\x0061\\x00"])
"""

INSTALL = """
import pathlib, site
for folder, name, text in (
    (site.getusersitepackages(), "installed.py", ""),
    (site.getsitepackages()[0], "editable.pth", "/tmp/source"),
    ("/tmp/source", "editable.py", ""),
):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    pathlib.Path(folder, name).write_text(text)
"""

IN_ANOTHER_NAMESPACE = """
import asyncio, sys
from kernel_executor import CodeBlock, DockerCommandLineCodeExecutor, NoCheckpoint

async def main():
    async with DockerCommandLineCodeExecutor(sys.argv[1], timeout=20) as executor:
        for code in ("x = 41", "print(x)", "import os; os._exit(3)", "print('x' in globals())"):
            [block] = (await executor.execute_code_blocks([CodeBlock(code)])).blocks
            print(block.status, block.state, *(output.get("text") for output in block.outputs))
        try:
            await executor.checkpoint()
        except NoCheckpoint as error:
            print(error)

asyncio.run(main())
"""


async def run(executor: DockerCommandLineCodeExecutor, code: str, timeout: float = 20) -> BlockResult:
    return (await executor.execute_code_blocks([CodeBlock(code)], timeout=timeout)).blocks[-1]


async def printed(executor: DockerCommandLineCodeExecutor, code: str) -> str:
    result = await run(executor, code)
    assert result.status == "ok", result
    return "".join(output.get("text", "") for output in result.outputs).strip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(engine: str) -> AsyncIterator[DockerCommandLineCodeExecutor]:
    async with DockerCommandLineCodeExecutor(KERNEL_IMAGE, timeout=20, memory_limit=600_000_000) as executor:
        yield executor


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(kernel: DockerCommandLineCodeExecutor) -> DockerCommandLineCodeExecutor:
    await kernel.restart()
    return kernel


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
async def test_a_kernel_that_ends_keeps_its_variables(fresh: DockerCommandLineCodeExecutor, end: str) -> None:
    await run(fresh, "x = 41; thing = object(); known = id(thing)")
    died = await run(fresh, f"x = 0\n{end}")
    assert (died.status, died.state) == ("died", "restored")
    assert await printed(fresh, "print(x, id(thing) == known)") == "41 True"


async def test_a_time_limit_that_is_ignored_costs_no_variable(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "x = 41")
    block = await run(fresh, STUBBORN, timeout=0.5)
    assert (block.status, block.state) == ("timeout", "restored")
    assert await printed(fresh, "print(x)") == "41"


async def test_out_of_memory_costs_no_variable(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "x = 41")
    block = await run(fresh, GREEDY)
    assert (block.status, block.state) == ("died", "restored")
    assert "perhaps out of memory" in block.note
    assert await printed(fresh, "print(x)") == "41"


async def test_code_may_use_the_memory_that_checkpoints_hold(fresh: DockerCommandLineCodeExecutor) -> None:
    """Rewriting 300 MB in a container of 600 MB: with what the checkpoint keeps it is more than there is."""
    await printed(fresh, f"data = bytearray(300_000_000); letter = b'a'{FILLS}")
    await asyncio.sleep(LONG_ENOUGH)
    block = await run(fresh, f"letter = b'b'{FILLS}")
    assert (block.status, block.state) == ("ok", "kept")
    assert await printed(fresh, "print(data.count(b'b'))") == "300000000"


async def test_a_failed_call_leaves_no_trace(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "items = [1]; thing = object(); known = id(thing)")
    assert (await run(fresh, "items.append(2); 1 / 0")).status == "error"
    rolled = await fresh.roll_back()
    assert rolled
    assert rolled.state == "rolled_back"
    assert await printed(fresh, "print(items, id(thing) == known)") == "[1] True", "nothing ran again"


async def test_a_state_that_was_kept_is_brought_back(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "x = 1")
    checkpoint = await fresh.checkpoint()
    await run(fresh, "x = 2; open('kept', 'w').close()")
    await fresh.restore(checkpoint)
    assert await printed(fresh, "import os; print(x, os.path.exists('kept'))") == "1 True"


async def test_nothing_that_code_started_outlives_its_kernel(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "import subprocess; subprocess.Popen(['sleep', '61'], start_new_session=True)")
    await fresh.restart()
    assert await printed(fresh, SLEEPERS) == "[]"


async def test_what_code_has_installed_is_found_after_a_restart(fresh: DockerCommandLineCodeExecutor) -> None:
    """By pip, which chooses the user's own folder where code is not root: there was none when the root began."""
    await run(fresh, INSTALL)
    await fresh.restart()
    assert await printed(fresh, "import installed, editable; print(installed.__name__)") == "installed"


async def test_who_ends_the_root_loses_the_variables_and_nothing_else(fresh: DockerCommandLineCodeExecutor) -> None:
    await run(fresh, "x = 41; import subprocess; subprocess.Popen(['sleep', '61'], start_new_session=True)")
    block = await run(fresh, "import os, time; os.kill(os.getppid(), 9); time.sleep(9)")
    assert (block.status, block.state) == ("died", "lost")
    assert await printed(fresh, f"print('x' in globals())\n{SLEEPERS}") == "False\n[]"


async def test_a_slow_engine_keeps_the_next_call_waiting_and_fails_none(
    fresh: DockerCommandLineCodeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until it had told that the root was gone, that one was asked for kernels, and call after call failed."""
    at_once = docker.models.containers.Container.exec_run

    def late(*arguments: Any, **options: Any) -> Any:
        time.sleep(2)
        return at_once(*arguments, **options)

    monkeypatch.setattr("docker.models.containers.Container.exec_run", late)
    await run(fresh, "import os, time; os.kill(os.getppid(), 9); time.sleep(9)")
    assert await printed(fresh, "print(1)") == "1"


async def test_a_root_that_code_has_made_another_users_ends_with_its_container(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may with `cap_add`. The end of a process that we may not signal was waited for without end."""

    def refuse(*_: object) -> None:
        raise PermissionError

    async with DockerCommandLineCodeExecutor(KERNEL_IMAGE, timeout=20) as executor:
        assert await printed(executor, "print(1)") == "1"
        monkeypatch.setattr("signal.pidfd_send_signal", refuse)
        async with asyncio.timeout(20):
            await executor.stop()


async def test_without_checkpoints_the_variables_end_with_the_kernel(engine: str) -> None:
    async with DockerCommandLineCodeExecutor(KERNEL_IMAGE, timeout=20, checkpoints=False) as executor:
        await run(executor, "lost = 1")
        died = await run(executor, "import os; os._exit(3)")
        assert (died.status, died.exit_code, died.state_lost) == ("died", 3, True)
        assert "a new kernel was started, and all variables are lost" in died.note
        assert await printed(executor, "print('lost' in globals())") == "False"


async def test_scripts_say_that_they_keep_no_variables(engine: str) -> None:
    async with DockerCommandLineCodeExecutor(SCRIPTS_IMAGE, timeout=20) as executor:
        with pytest.raises(NoCheckpoint, match="use an image with ipykernel"):
            await executor.checkpoint()


@pytest.mark.skipif(shutil.which("unshare") is None or os.getuid() != 0, reason="needs unshare, and root for it")
async def test_where_the_processes_of_a_container_are_not_seen_kernels_run_as_ever(engine: str) -> None:
    """In a container that was given the engine's socket, say: what runs in another one has no number there."""
    apart = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    command = [*apart, sys.executable, "-c", IN_ANOTHER_NAMESPACE, KERNEL_IMAGE]
    work = Path(__file__).parents[2]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=work, timeout=60)
    lines = done.stdout.splitlines()
    assert lines[:4] == ["ok kept", "ok kept 41", "", "died lost"], done.stderr
    assert lines[4].startswith("ok kept False")
    assert lines[-1] == "this kind of kernel takes none"
