"""What code in a container tries against who runs it, found by trying."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, DockerCommandLineCodeExecutor
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

KILL_WRAPPER = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    os.kill(os.getppid(), 0)
    while True:
        open('ticks.txt', 'a').write('x')
        time.sleep(0.05)
time.sleep(0.3)
os.kill(int(open(f'/proc/{os.getpid()}/stat').read().split()[3]), signal.SIGKILL)
time.sleep(30)
"""


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=[KERNEL_IMAGE, SCRIPTS_IMAGE], ids=["kernel", "scripts"]
)
async def shared(request: pytest.FixtureRequest, engine: str) -> AsyncIterator[DockerCommandLineCodeExecutor]:
    async with DockerCommandLineCodeExecutor(image=request.param, timeout=20) as executor:
        yield executor


async def test_a_script_that_kills_who_started_it_ends_with_its_block(engine: str) -> None:
    async with DockerCommandLineCodeExecutor(image=SCRIPTS_IMAGE, timeout=5) as executor:
        result = await executor.execute_code_blocks([CodeBlock(KILL_WRAPPER)])
        assert result.exit_code == 137
        ticks = (executor.work_dir / "ticks.txt").stat().st_size
        await executor.execute_code_blocks([CodeBlock("import time; time.sleep(0.5)")])
        assert (executor.work_dir / "ticks.txt").stat().st_size == ticks


async def test_no_code_ends_the_container(shared: DockerCommandLineCodeExecutor) -> None:
    await shared.execute_code_blocks([CodeBlock("kill -TERM 1; kill -INT 1; kill -KILL 1; true", "sh")])
    assert (await shared.execute_code_blocks([CodeBlock("print('next')")])).output == "next"


async def test_a_bash_block_runs_in_bash_where_the_image_has_it(shared: DockerCommandLineCodeExecutor) -> None:
    result = await shared.execute_code_blocks([CodeBlock("a=(1 2 3); [[ x == x ]] && echo ${a[1]}", "bash")])
    assert (result.exit_code, result.output) == (0, "2")


async def test_a_proxys_password_stays_with_its_owner(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxies = {"default": {"httpProxy": "http://alice:s3cret@proxy:3128"}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    async with DockerCommandLineCodeExecutor(image=SCRIPTS_IMAGE) as executor:
        assert "s3cret" not in (await executor.execute_code_blocks([CodeBlock("env", "sh")])).output
