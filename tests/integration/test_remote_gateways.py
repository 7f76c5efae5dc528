"""Kernels behind gateways: a Kernel Gateway, and a Jupyter Server in gateway mode before one. `make servers` runs it.

They are installed in an environment of their own, whose interpreter CODEAGENT_SERVERS_PYTHON names.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel_executor import CodeBlock, CodeResult, RemoteKernelExecutor
from tests.support.jupyter_server import jupyter_server

pytestmark = pytest.mark.integration

PYTHON = os.environ.get("CODEAGENT_SERVERS_PYTHON", "build/servers/bin/python")


@contextmanager
def kernel_gateway(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a Kernel Gateway; yield its address and its token."""
    token, log = secrets.token_hex(24), folder / "gateway.log"
    settings = {"KG_AUTH_TOKEN": token, "KG_IP": "127.0.0.1", "JUPYTER_RUNTIME_DIR": str(folder)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_", "PYTEST_"))}
    port = _free_port()
    command = [PYTHON, "-m", "kernel_gateway", f"--KernelGatewayApp.port={port}", "--KernelGatewayApp.port_retries=0"]
    with log.open("wb") as file:
        gateway = subprocess.Popen(command, stdout=file, stderr=file, env={**environment, **settings}, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while "is available at" not in log.read_text():
            assert gateway.poll() is None, log.read_text()[-2_000:]
            assert time.monotonic() < deadline, log.read_text()[-2_000:]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", token
    finally:
        gateway.terminate()
        gateway.wait(20)


def _free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module", params=["kernel gateway", "gateway mode"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address and the token of each."""
    pytest.importorskip("websockets")
    if not Path(PYTHON).exists():
        pytest.skip("no gateway is installed: make servers")
    folder = tmp_path_factory.mktemp("gateway")
    with kernel_gateway(folder) as (url, token):
        if request.param == "kernel gateway":
            yield url, token
            return
        arguments = [f"--GatewayClient.url={url}", f"--GatewayClient.auth_token={token}"]
        arguments.append("--GatewayClient.auth_scheme=token")
        with jupyter_server(folder / "server", arguments, python=sys.executable) as server:
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
