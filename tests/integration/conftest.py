"""Real kernels for the executor's tests."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from kernel_executor import KernelCodeExecutor
from tests.containers import NoContainerEngineError, container_engine
from tests.integration.executor_kinds import KINDS, REMOTE
from tests.integration.scripted_server import ScriptedServer, Serve
from tests.support.jupyter_server import JupyterServer
from tests.support.places import OTHERWISE, open_place


def _bubblewrap_works() -> bool:
    try:
        command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot hold in the place on a server that the environment names."""
    if os.environ.get("CODEAGENT_TEST_PLACE", "").startswith("gateway mode"):
        for item in items:
            if reason := OTHERWISE.get(getattr(item, "originalname", "")):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def bubblewrap() -> None:
    """Skip where the sandbox cannot be tested."""
    if not _bubblewrap_works():
        pytest.skip("bubblewrap does not work on this machine")


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """The URL of a container engine that has the images, set as DOCKER_HOST; skip where there is none."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(container_engine())
        except NoContainerEngineError as error:
            pytest.skip(str(error))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("DOCKER_HOST", url)
        yield url


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A Jupyter Server on this machine, or another place on a server that the environment names (`make servers`)."""
    with ExitStack() as stack:
        name = os.environ.get("CODEAGENT_TEST_PLACE", "server")
        server = stack.enter_context(open_place(name, tmp_path_factory.mktemp("server")))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in zip(REMOTE, (server.url, server.token, str(server.root)), strict=True):
            patch.setenv(name, value)
        yield server


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Run a test with every executor there is here."""
    if "container" in request.param:
        request.getfixturevalue("engine")
    return str(request.param)


@pytest.fixture(params=["auto", "none"])
def sandbox(request: pytest.FixtureRequest) -> str:
    """Run a test in the sandbox (where there is one) and bare."""
    return str(request.param)


@pytest.fixture
async def executor(sandbox: str) -> AsyncIterator[KernelCodeExecutor]:
    """A fresh executor, once sandboxed and once bare, for tests that look at its whole life."""
    async with KernelCodeExecutor(timeout=30, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        yield executor


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that give scripted replies."""
    servers: list[ScriptedServer] = []

    def start(*replies: str) -> ScriptedServer:
        servers.append(ScriptedServer(replies))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
