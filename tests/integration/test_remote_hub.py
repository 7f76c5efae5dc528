"""Kernels behind a JupyterHub, which starts the user's server first. `make servers` runs it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.elsewhere.choice import TOKEN, TRUSTED
from kernel_executor import CodeBlock, KernelStartError, RemoteKernelExecutor
from kernel_executor.remote.looking import kernels_on, look_at, needs_token
from kernel_executor.remote.server import Server, Token
from tests.integration.scripted_server import Serve, bare_environment
from tests.support.command_line import python, run as run_command
from tests.support.jupyter_hub import PROXY, PYTHON, JupyterHub, jupyter_hub

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """A Hub; skip where none is installed."""
    pytest.importorskip("websockets")
    if not PYTHON.exists() or not PROXY.exists():
        pytest.skip("no JupyterHub is installed: make servers")
    with jupyter_hub(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


def executor_at(hub: JupyterHub, user: str, path: str = "", **settings: Any) -> RemoteKernelExecutor:
    return RemoteKernelExecutor(
        server=f"{hub.url}{path}", token=hub.token_of(user), **{"timeout": 30, "patience": 20, **settings}
    )


async def run(executor: RemoteKernelExecutor, code: str) -> str:
    return (await executor.execute_code_blocks([CodeBlock(code)])).output


@pytest.fixture
async def running(hub: JupyterHub) -> AsyncIterator[RemoteKernelExecutor]:
    """An executor on the server of a user called `ada`."""
    async with executor_at(hub, "ada") as executor:
        yield executor


async def test_a_server_is_started_its_progress_told_and_it_is_stopped_again(hub: JupyterHub) -> None:
    told: list[str] = []
    async with executor_at(hub, "bob", on_progress=told.append) as executor:
        assert hub.servers("bob")[""]["ready"]
        assert await run(executor, "import os; print(os.environ['JUPYTERHUB_USER'])") == "bob"
        assert executor.isolation.place == f"{hub.url}/user/bob"
    assert hub.servers("bob") == {}
    assert len(told) > 2, told
    assert told[0] == f"{hub.url} starts a server for bob"
    assert any("ready" in line for line in told)


async def test_a_named_server_is_started_with_the_options_of_the_user(hub: JupyterHub) -> None:
    async with executor_at(hub, "cleo", server_name="big", server_options={"profile": "large"}) as executor:
        assert set(hub.servers("cleo")) == {"big"}
        assert await run(executor, "import os; print(os.environ['PROFILE'])") == "large"
        assert executor.isolation.place == f"{hub.url}/user/cleo/big"
    assert hub.servers("cleo") == {}


async def test_an_address_as_copied_from_a_browser_names_user_and_server(hub: JupyterHub) -> None:
    async with executor_at(hub, "dora", "/user/dora/lab/lab") as executor:
        assert executor.isolation.place == f"{hub.url}/user/dora/lab"
    async with executor_at(hub, "dora", "/hub/home") as executor:
        assert executor.isolation.place == f"{hub.url}/user/dora"


async def test_a_server_that_runs_is_used_and_not_stopped(hub: JupyterHub, running: RemoteKernelExecutor) -> None:
    async with executor_at(hub, "ada") as other:
        assert await run(other, "print(2)") == "2"
    assert hub.servers("ada")[""]["ready"]
    assert await run(running, "print(1)") == "1"


async def test_a_server_that_was_started_stays_where_somebody_else_has_a_kernel(hub: JupyterHub) -> None:
    async with executor_at(hub, "emil") as first:
        await run(first, "kept = 7")
        second = executor_at(hub, "emil")
        await second.start()
    assert hub.servers("emil")[""]["ready"]
    assert await run(second, "print(1)") == "1"
    await second.stop()


async def test_a_server_that_somebody_else_has_started_is_waited_for_and_not_stopped(hub: JupyterHub) -> None:
    hub.token_of("mia")
    hub.ask("POST", "users/mia/server")
    assert not hub.servers("mia")[""]["ready"]
    async with executor_at(hub, "mia") as executor:
        assert await run(executor, "print(1)") == "1"
    assert hub.servers("mia")[""]["ready"]


async def test_a_server_that_cannot_start_is_told_with_the_hubs_words(hub: JupyterHub) -> None:
    with pytest.raises(KernelStartError, match=r"could not start the server: .*there is no such profile"):
        await executor_at(hub, "fay", server_options={"profile": "broken"}).start()
    assert hub.servers("fay") == {}


async def test_a_limit_of_the_hub_is_told(hub: JupyterHub) -> None:
    executors = [executor_at(hub, "gil", server_name=f"s{number}") for number in range(2)]
    try:
        for executor in executors:
            await executor.start()
        with pytest.raises(KernelStartError, match="maximum of 2 named servers"):
            await executor_at(hub, "gil", server_name="s3").start()
    finally:
        for executor in executors:
            await executor.stop()


async def test_a_start_that_is_cancelled_leaves_no_server(hub: JupyterHub) -> None:
    starting = asyncio.create_task(executor_at(hub, "hugo").start())
    while not hub.servers("hugo"):  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.05)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert hub.servers("hugo") == {}


async def test_a_wrong_token_is_told_without_it(hub: JupyterHub) -> None:
    with pytest.raises(KernelStartError, match="is the token right") as caught:
        await RemoteKernelExecutor(server=hub.url, token="wrong-0123456789").start()
    assert "wrong-" not in str(caught.value)


async def test_a_hub_is_looked_at_and_nothing_is_started(hub: JupyterHub) -> None:
    token = Token(hub.token_of("iris"))
    server = Server(hub.url)
    assert await needs_token(server)
    assert await needs_token(Server(f"{hub.url}/user/iris"))
    seen = await look_at(server, token)
    assert seen.hub.startswith("JupyterHub 6.")
    assert seen.hub.endswith("of iris does not run")
    assert await kernels_on(server, token) == ()
    assert hub.servers("iris") == {}
    async with executor_at(hub, "iris") as executor:
        assert [kernel.id for kernel in await kernels_on(server, token)] == [executor.kernel_id]
        assert (await look_at(server, token)).hub.endswith("of iris runs")


async def test_blocks_files_and_errors_are_as_on_a_server(
    hub: JupyterHub, running: RemoteKernelExecutor, tmp_path: Path
) -> None:
    assert await run(running, "print('x' * 1_000_000)") != ""
    (tmp_path / "a").write_bytes(bytes(range(256)) * 2_000)
    await running.upload(tmp_path / "a", "b")
    assert (await running.download("b", tmp_path / "c")).read_bytes() == (tmp_path / "a").read_bytes()
    [block] = (await running.execute_code_blocks([CodeBlock("import os; os._exit(3)")])).blocks
    assert (block.status, block.state_lost) == ("died", True)
    [block] = (await running.execute_code_blocks([CodeBlock("import time; time.sleep(30)")], timeout=0.5)).blocks
    assert (block.status, block.state_lost) == ("timeout", False)


async def test_no_token_is_in_the_hubs_logs(hub: JupyterHub) -> None:
    executor = executor_at(hub, "jon")
    secret = executor.settings.token.headers["Authorization"].removeprefix("token ")
    async with executor:
        await run(executor, "print(1)")
    log = Path(hub.log).read_text()
    assert "channels" in log, "it logs its requests"
    assert secret not in log


def test_the_command_line_runs_a_task_behind_a_hub(hub: JupyterHub, serve: Serve, tmp_path: Path) -> None:
    model = serve(python("import os; print('as', os.environ['JUPYTERHUB_USER'], os.environ['PROFILE'])"), "It is Kim.")
    token = hub.token_of("kim")
    env = {**model.environment(tmp_path), TOKEN: token, TRUSTED: hub.url, "COLUMNS": "200"}
    options = ("--hub-server", "big", "--hub-option", "profile=large")
    done = run_command("run", "Who?", "--server", hub.url, *options, "--out", "a.ipynb", env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{hub.url} starts a server named big for kim" in done.stdout
    assert "as kim large" in done.stdout
    assert f"on {hub.url}/user/kim/big: what holds the code there" in done.stdout
    assert hub.servers("kim") == {}
    saved = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert token not in saved + done.stdout + done.stderr + Path(hub.log).read_text()


def test_the_doctor_and_the_list_of_kernels_start_no_server(hub: JupyterHub, tmp_path: Path) -> None:
    env = {**bare_environment(tmp_path), TOKEN: hub.token_of("lea"), "COLUMNS": "200"}
    looked = run_command("doctor", "--server", hub.url, env=env, cwd=tmp_path)
    assert looked.returncode == 0, looked.stdout
    assert "JupyterHub 6." in looked.stdout
    assert "of lea does not run" in looked.stdout
    listed = run_command("kernels", "--server", hub.url, env=env, cwd=tmp_path)
    assert "has no kernels" in listed.stdout
    assert hub.servers("lea") == {}
