"""A real Jupyter Server on loopback, for tests of kernels that are elsewhere."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

STARTS_IN = 60.0  # seconds; 2 to 4 on a quiet machine


@dataclass(frozen=True)
class JupyterServer:
    """A server that runs.

    Args:
        url: Its address.
        token: Who may use it.
        root: The folder it serves.
        log: What it writes.
        pid: Its process.
    """

    url: str
    token: str = field(repr=False)
    root: Path
    log: Path
    pid: int

    def ask(self, method: str, path: str) -> httpx2.Response:
        """Ask its API, beside the executor that is tested."""
        return httpx2.request(method, f"{self.url}/api/{path}", headers={"Authorization": f"token {self.token}"})

    def kernels(self) -> list[str]:
        """The ids of the kernels it has."""
        return [kernel["id"] for kernel in self.ask("GET", "kernels").json()]


@contextmanager
def jupyter_server(
    folder: Path, arguments: Sequence[str] = (), *, python: str = sys.executable, port: int = 0
) -> Iterator[JupyterServer]:
    """Run a server in a folder of its own.

    Args:
        folder: Where its files are.
        arguments: Further settings.
        python: The interpreter it is installed for.
        port: Its port; 0 takes any that is free, and an old server does not tell then which that is.
    """
    root, runtime, log = folder / "root", folder / "runtime", folder / "server.log"
    root.mkdir(parents=True)
    _add_echo_kernel(folder / "data" / "kernels" / "echo", python)
    token = secrets.token_hex(24)
    environment = {
        # With pytest's variables ipykernel relays nothing that is written to a descriptor.
        **{name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER_", "JPY_", "PYTEST_"))},
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_TOKEN": token,
        "JUPYTER_NO_CONFIG": "1",
        "PYTHONWARNINGS": "ignore",
    }
    command = [python, "-m", "jupyter_server", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--no-browser"]
    command += ["--allow-root", f"--ServerApp.root_dir={root}", "--ServerApp.jpserver_extensions={}", *arguments]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env=environment, cwd=root, start_new_session=True)
    try:
        yield JupyterServer(_url(server, runtime, log), token, root, log, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _add_echo_kernel(folder: Path, python: str) -> None:
    folder.mkdir(parents=True)
    argv = [python, str(Path(__file__).with_name("echo_kernel.py")), "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Echo", "language": "echo"}))


def _url(server: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> str:
    deadline = time.monotonic() + STARTS_IN
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob("jpserver-*.json"):
            try:
                url = f"http://127.0.0.1:{json.loads(path.read_text())['port']}"
                httpx2.get(f"{url}/api", timeout=5)
            except (ValueError, KeyError, httpx2.HTTPError):
                continue
            return url
        time.sleep(0.05)
    raise AssertionError(f"no server:\n{log.read_text()[-2_000:]}")
