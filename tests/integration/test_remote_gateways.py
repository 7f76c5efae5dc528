"""Kernels behind gateways, and on the oldest server that is supported. `make servers` runs it.

A Kernel Gateway, an Enterprise Gateway with its local process proxy, a Jupyter Server in gateway mode before each.
"""

import os
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kernel_executor import CodeBlock, CodeResult, KernelStartError, RemoteKernelExecutor
from kernel_executor.remote.looking import kernels_on, look_at, needs_token
from kernel_executor.remote.server import Server, Token
from tests.support.gateways import ENTERPRISE, enterprise_gateway
from tests.support.places import NEEDS, open_place

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", params=[name for name in NEEDS if name not in {"server", "hub"}])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address and the token of each; a server and a Hub have tests of their own."""
    with open_place(request.param, tmp_path_factory.mktemp("place")) as server:
        yield server.url, server.token


@pytest.fixture
async def executor(place: tuple[str, str]) -> AsyncIterator[RemoteKernelExecutor]:
    url, token = place
    async with RemoteKernelExecutor(server=url, token=token, timeout=20) as executor:
        yield executor


async def run(
    executor: RemoteKernelExecutor, code: str, language: str = "python", timeout: float | None = 20
) -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)], timeout=timeout)


async def test_blocks_of_both_languages_run_and_variables_stay(executor: RemoteKernelExecutor) -> None:
    assert (await run(executor, "kept = 7\nprint('é')")).output == "é"
    assert (await run(executor, "echo hi", "sh")).output == "hi"
    assert (await run(executor, "kept")).output == "7"


async def test_errors_exits_and_time_limits_are_told_as_at_home(executor: RemoteKernelExecutor) -> None:
    assert (await run(executor, "1 / 0")).blocks[0].ename == "ZeroDivisionError"
    assert (await run(executor, "import sys; sys.exit(3)")).exit_code == 3
    [block] = (await run(executor, "import time; time.sleep(30)", timeout=0.5)).blocks
    assert (block.status, block.state_lost) == ("timeout", False)
    [block] = (await run(executor, "import os; print('before', flush=True); os._exit(3)")).blocks
    assert (block.status, block.state_lost) == ("died", True)
    assert (await run(executor, "print('again')")).output == "again"


async def test_a_flood_is_cut_as_at_home(executor: RemoteKernelExecutor) -> None:
    [block] = (await run(executor, "for i in range(20): print('x' * 999_999)")).blocks
    assert (block.status, block.note) == ("ok", "")
    assert block.truncated.stdout == 20_000_000 - 600_000


async def test_files_go_there_and_come_back(executor: RemoteKernelExecutor, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(300_000))
    await executor.upload(tmp_path / "a", str(tmp_path / "b"))
    back = await executor.download(str(tmp_path / "b"), tmp_path / "c")
    assert back.read_bytes() == (tmp_path / "a").read_bytes()


async def test_a_kernel_is_found_and_not_ended(executor: RemoteKernelExecutor, place: tuple[str, str]) -> None:
    await run(executor, "kept = 7")
    url, token = place
    async with RemoteKernelExecutor(server=url, token=token, kernel_id=executor.kernel_id) as other:
        assert (await run(other, "print(kept)")).output == "7"
    assert (await run(executor, "print(kept)")).output == "7"


async def test_it_is_looked_at(place: tuple[str, str]) -> None:
    url, token = place
    assert await needs_token(Server(url))
    seen = await look_at(Server(url), Token(token))
    assert "python3" in seen.kernelspecs
    assert seen.hub == ""


async def test_a_wrong_token_is_told_without_it(place: tuple[str, str]) -> None:
    url, token = place
    wrong = token[::-1]
    with pytest.raises(KernelStartError, match="is the token right") as caught:
        await RemoteKernelExecutor(server=url, token=wrong).start()
    assert wrong not in "".join(traceback.format_exception(caught.value))


# What is Enterprise Gateway's own


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """An Enterprise Gateway that starts two kernels, one for each user, and none for one of them."""
    pytest.importorskip("websockets")
    if not ENTERPRISE.exists():
        pytest.skip("it is not installed: make servers")
    settings = {
        "EG_MAX_KERNELS": "2",
        "EG_MAX_KERNELS_PER_USER": "1",
        "EG_LIST_KERNELS": "True",
    }
    with enterprise_gateway(tmp_path_factory.mktemp("bounded"), **settings) as gateway:
        yield gateway


def executor_for(bounded: tuple[str, str, Path], user: str) -> RemoteKernelExecutor:
    url, token, _ = bounded
    return RemoteKernelExecutor(server=url, token=token, env={"KERNEL_USERNAME": user}, timeout=20)


async def test_variables_of_the_gateway_reach_the_kernel(bounded: tuple[str, str, Path], tmp_path: Path) -> None:
    url, token, _ = bounded
    env = {"KERNEL_USERNAME": "ada", "KERNEL_WORKING_DIR": str(tmp_path)}
    async with RemoteKernelExecutor(server=url, token=token, env=env, timeout=20) as executor:
        assert (await run(executor, "import os; print(os.environ['KERNEL_USERNAME'])")).output == "ada"


async def test_its_limits_are_told_as_limits_and_not_as_a_wrong_token(bounded: tuple[str, str, Path]) -> None:
    async with executor_for(bounded, "ada"):
        with pytest.raises(KernelStartError, match="A max kernels per user limit has been set to 1") as caught:
            await executor_for(bounded, "ada").start()
        assert "token" not in str(caught.value)
        async with executor_for(bounded, "bob"):
            with pytest.raises(KernelStartError, match="as many kernels as it allows"):
                await executor_for(bounded, "cleo").start()
    url, token, _ = bounded
    assert await kernels_on(Server(url), Token(token)) == ()


async def test_a_user_who_may_start_none_is_told_so(bounded: tuple[str, str, Path]) -> None:
    with pytest.raises(KernelStartError, match=r"'mallory' is not authorized .*KERNEL_USERNAME"):
        await executor_for(bounded, "mallory").start()


async def test_no_token_is_in_its_log(bounded: tuple[str, str, Path]) -> None:
    _, token, log = bounded
    async with executor_for(bounded, "ada") as executor:
        await run(executor, "print(1)")
    assert "channels" in log.read_text()
    assert token not in log.read_text()
