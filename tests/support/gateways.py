"""Real gateways on loopback, for tests; each installed in an environment of its own (`make servers`)."""

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVERS = Path(os.environ.get("CODEAGENT_SERVERS_PYTHON", "build/servers/bin/python")).absolute()
ENTERPRISE = Path(os.environ.get("CODEAGENT_ENTERPRISE_PYTHON", "build/enterprise/bin/python")).absolute()
OLDEST = Path(os.environ.get("CODEAGENT_OLDEST_PYTHON", "build/oldest-server/bin/python")).absolute()

STARTS_IN = 60.0

Gateway = tuple[str, str, Path]
"""Address, token and log of a gateway."""


@contextmanager
def kernel_gateway(folder: Path) -> Iterator[Gateway]:
    """Run a Kernel Gateway."""
    port, token = free_port(), secrets.token_hex(24)
    command = [str(SERVERS), "-m", "kernel_gateway", f"--KernelGatewayApp.port={port}"]
    settings = {"KG_AUTH_TOKEN": token, "KG_IP": "127.0.0.1"}
    yield from _run([*command, "--KernelGatewayApp.port_retries=0"], settings, folder, port, token)


@contextmanager
def enterprise_gateway(folder: Path, **settings: str) -> Iterator[Gateway]:
    """Run an Enterprise Gateway with its local process proxy.

    Args:
        folder: Where its files are.
        settings: Further variables of its own, such as `EG_MAX_KERNELS`.
    """
    port, token = free_port(), secrets.token_hex(24)
    usual = {"EG_AUTH_TOKEN": token, "EG_IP": "127.0.0.1", "EG_PORT": str(port), "EG_PORT_RETRIES": "0"}
    usual["EG_UNAUTHORIZED_USERS"] = "mallory"  # else root, who runs these tests in a container, may start none
    usual["PATH"] = f"{ENTERPRISE.parent}:{os.environ['PATH']}"
    command = [str(ENTERPRISE.with_name("jupyter-enterprisegateway"))]
    yield from _run(command, {**usual, **settings}, folder, port, token)


def _run(command: Sequence[str], settings: Mapping[str, str], folder: Path, port: int, token: str) -> Iterator[Gateway]:
    log = folder / "gateway.log"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_", "PYTEST_", "KERNEL_"))
    }
    environment = {**kept, "JUPYTER_RUNTIME_DIR": str(folder), **settings}
    with log.open("wb") as file:
        gateway = subprocess.Popen(
            list(command), stdout=file, stderr=file, env=environment, cwd=folder, start_new_session=True
        )
    try:
        deadline = time.monotonic() + STARTS_IN
        while "is available at" not in log.read_text():
            assert gateway.poll() is None, log.read_text()[-2_000:]
            assert time.monotonic() < deadline, log.read_text()[-2_000:]
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", token, log
    finally:
        gateway.terminate()
        try:
            gateway.wait(20)
        except subprocess.TimeoutExpired:
            gateway.kill()
            gateway.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
