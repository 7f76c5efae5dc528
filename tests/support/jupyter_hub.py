"""A real JupyterHub on loopback, with its proxy, for tests; installed in an environment of its own (`make servers`)."""

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

PYTHON = Path(os.environ.get("CODEAGENT_SERVERS_PYTHON", "build/servers/bin/python")).absolute()
PROXY = Path(os.environ.get("CODEAGENT_PROXY", "build/proxy/node_modules/.bin/configurable-http-proxy")).absolute()

STARTS_IN = 60.0

CONFIGURATION = """
import asyncio
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_bind_url = {inner!r}
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 2
c.JupyterHub.log_level = "DEBUG"
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0.5}}
c.Authenticator.allow_all = True
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = {api!r}
c.Spawner.cmd = [{single!r}]
c.Spawner.args = ["--allow-root", "--ServerApp.jpserver_extensions={{}}", "--log-level=DEBUG"]
c.Spawner.http_timeout = c.Spawner.start_timeout = 40
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}

async def profile(spawner):
    if spawner.user_options.get("profile") == "broken":
        await asyncio.sleep(2)
        raise RuntimeError("there is no such profile")
    spawner.environment["PROFILE"] = str(spawner.user_options.get("profile", ""))

c.Spawner.pre_spawn_hook = profile
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"]}},
]
"""


@dataclass(frozen=True)
class JupyterHub:
    """A Hub that runs.

    Args:
        url: Its address.
        log: What it, its proxy and the users' servers write.
        admin: The token of the tests themselves.
    """

    url: str
    log: Path
    admin: str = field(repr=False)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"token {self.admin}"}
        answer = httpx2.request(method, f"{self.url}/hub/api/{path}", headers=headers, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def token_of(self, user: str) -> str:
        """Make a user, and return a token of his."""
        if not any(each["name"] == user for each in self.ask("GET", "users")):
            self.ask("POST", f"users/{user}")
        return str(self.ask("POST", f"users/{user}/tokens", {})["token"])

    def start(self, user: str) -> None:
        """Start a user's server, and wait for it."""
        self.ask("POST", f"users/{user}/server")
        deadline = time.monotonic() + STARTS_IN
        while not self.servers(user).get("", {}).get("ready"):
            assert time.monotonic() < deadline, self.log.read_text()[-3_000:]
            time.sleep(0.2)

    def servers(self, user: str) -> Mapping[str, Any]:
        """The servers of a user that run, by name."""
        servers: Mapping[str, Any] = self.ask("GET", f"users/{user}")["servers"]
        return servers


@contextmanager
def jupyter_hub(folder: Path) -> Iterator[JupyterHub]:
    """Run a Hub in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = _free_ports(3)
    url, inner, api = (f"http://127.0.0.1:{port}" for port in ports)
    token, log = secrets.token_hex(24), folder / "hub.log"
    settings = {
        "url": url,
        "inner": inner,
        "api": api,
        "proxy": str(PROXY),
        "single": str(PYTHON.with_name("jupyterhub-singleuser")),
        "homes": str(folder / "homes" / "{username}"),
        "token": token,
    }
    (folder / "jupyterhub_config.py").write_text(CONFIGURATION.format(**settings))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "PYTEST_"))}
    kept["PATH"] = f"{PYTHON.parent}:{kept['PATH']}"
    with log.open("wb") as file:
        hub = subprocess.Popen(
            [PYTHON, "-m", "jupyterhub"], stdout=file, stderr=file, env=kept, cwd=folder, start_new_session=True
        )
    try:
        _wait(hub, url, log)
        yield JupyterHub(url, log, token)
    finally:
        hub.terminate()
        try:
            hub.wait(30)
        except subprocess.TimeoutExpired:
            hub.kill()
            hub.wait()


def _wait(hub: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_IN
    while time.monotonic() < deadline and hub.poll() is None:
        try:
            if "version" in httpx2.get(f"{url}/hub/api", timeout=5).json():
                return
        except (httpx2.HTTPError, json.JSONDecodeError):
            time.sleep(0.1)
    raise AssertionError(f"no hub:\n{log.read_text()[-3_000:]}")


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
