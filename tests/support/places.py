"""Every kind of place on a server, by name, with real servers; what is not installed is skipped (`make servers`)."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.gateways import ENTERPRISE, OLDEST, SERVERS, enterprise_gateway, free_port, kernel_gateway
from tests.support.jupyter_hub import PROXY, jupyter_hub
from tests.support.jupyter_server import JupyterServer, jupyter_server

USER = "ada"

NEEDS: Mapping[str, tuple[Path, ...]] = {
    "server": (),
    "oldest server": (OLDEST,),
    "kernel gateway": (SERVERS,),
    "gateway mode, kernel gateway": (SERVERS,),
    "enterprise gateway": (ENTERPRISE,),
    "gateway mode, enterprise gateway": (ENTERPRISE,),
    "hub": (SERVERS, PROXY),
}
"""What each needs."""

NO_FOLDER = "a server in gateway mode does not tell the gateway in which folder the kernel is to start"
OTHERWISE: Mapping[str, str] = {
    "test_files_stay_and_variables_stay_where_it_says_so": NO_FOLDER,
    "test_in_a_read_only_folder_code_runs_and_what_it_made_is_not_lost": NO_FOLDER,
}
"""Tests that cannot hold in gateway mode, and why."""


@contextmanager
def open_place(name: str, folder: Path) -> Iterator[JupyterServer]:
    """Run what is needed in a folder of its own; a gateway or a Hub is given as the server that it stands for."""
    pytest.importorskip("websockets")
    if not all(path.exists() for path in NEEDS[name]):
        pytest.skip(f"{name}: it is not installed (make servers)")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        yield _opened(name, folder, stack)


def _opened(name: str, folder: Path, stack: ExitStack) -> JupyterServer:
    if name == "server":
        return stack.enter_context(jupyter_server(folder / "server"))
    if name == "oldest server":
        return stack.enter_context(jupyter_server(folder / "server", python=str(OLDEST), port=free_port()))
    if name == "hub":
        hub = stack.enter_context(jupyter_hub(folder))
        home = folder / "homes" / USER
        home.mkdir(parents=True)
        token = hub.token_of(USER)
        hub.start(USER)  # once for all tests: each would start it, and stop it again
        return JupyterServer(f"{hub.url}/user/{USER}", token, home, hub.log, 0)
    run = enterprise_gateway if "enterprise" in name else kernel_gateway
    url, token, log = stack.enter_context(run(folder))
    if not name.startswith("gateway mode"):
        return JupyterServer(url, token, folder, log, 0)
    arguments = [f"--GatewayClient.url={url}", f"--GatewayClient.auth_token={token}"]
    arguments.append("--GatewayClient.auth_scheme=token")
    server = stack.enter_context(jupyter_server(folder / "server", arguments, python=sys.executable))
    return replace(server, root=folder)
