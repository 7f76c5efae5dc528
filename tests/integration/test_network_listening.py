"""Code in bubblewrap's own network reaches what is named, through a socket that listens inside, and nothing else."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kernel_executor.errors import KernelStartError
from kernel_executor.network.listening import open_listener
from tests.support import boxed_network
from tests.support.boxed_network import NETWORK, PYTHON, USER, box, said_inside

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("bubblewrap")]

Inside = Callable[[str, Sequence[str]], Awaitable[str]]

SLEEP = ("sleep", "60")


async def said_by_another_user(code: str, names: Sequence[str]) -> str:
    """Do the same as an ordinary user, in a process of its own, with a Python that everybody may read."""
    site, here = next(path for path in sys.path if path.endswith("site-packages")), Path(__file__).parents[2]
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin"]
    prefix += [f"PYTHONPATH={site}:{here}", "PYTHONDONTWRITEBYTECODE=1", PYTHON]
    probe = await asyncio.create_subprocess_exec(*prefix, "-c", "import tests.support.boxed_network", stderr=-1)
    _, errors = await probe.communicate()
    if probe.returncode:
        pytest.skip(f"another user's Python cannot import our packages: {errors.decode().strip().splitlines()[-1]}")
    process = await asyncio.create_subprocess_exec(
        *prefix, boxed_network.__file__, stdin=-1, stdout=-1, stderr=-1, cwd="/"
    )
    output, errors = await process.communicate(json.dumps({"code": code, "names": names}).encode())
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.fixture(params=["this user", "another user"])
def inside(request: pytest.FixtureRequest) -> Inside:
    """Run code in a sandbox that reaches some names, as the user of this run and as one with fewer rights."""
    if request.param == "this user":
        return said_inside
    if os.getuid() != 0:
        pytest.skip("this run is not root already: the other run of this test shows it")
    return said_by_another_user


class Server(ThreadingHTTPServer):
    """A server of the test's own on loopback, outside."""

    def __init__(self, redirect_to: str = "") -> None:
        paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                self.send_response(302 if redirect_to else 200)
                self.send_header("location", redirect_to)
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.paths = paths
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.shutdown()


@pytest.fixture
def other() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.shutdown()


TRIES = """
import http.client, json, socket, urllib.error, urllib.request

def tried(deed):
    try:
        return deed()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except OSError as error:
        return f"{type(error).__name__}: {error}"

def get(url, *handlers):
    with urllib.request.build_opener(*handlers).open(url, timeout=10) as response:
        return response.read().decode()

def directly(url):
    return get(url, urllib.request.ProxyHandler({}))

def tunnel(host, port):
    client = http.client.HTTPConnection("127.0.0.1", 3128, timeout=10)
    client.set_tunnel(host, port)
    client.request("GET", "/tunnel")
    return client.getresponse().read().decode()

def send(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"inside", ("127.0.0.1", port))

def listening():
    with open("/proc/net/tcp") as lines:
        return [int(line.split()[1].partition(":")[2], 16) for line in lines if line.split()[3] == "0A"]
"""


async def test_what_is_named_is_reached(inside: Inside, server: Server) -> None:
    code = f"{TRIES}\nprint(get('{server.url}/url'), tunnel('127.0.0.1', {server.server_port}))"
    assert await inside(code, [f"127.0.0.1:{server.server_port}"]) == "hello hello\n"
    assert server.paths == ["/url", "/tunnel"]


async def test_nothing_else_is_reached(inside: Inside, server: Server, other: Server) -> None:
    port, url = other.server_port, other.url
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with datagrams, Server(redirect_to=f"{url}/redirected") as leads_on:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(0)
        code = TRIES + (
            f"print(json.dumps([tried(lambda: get('{leads_on.url}/first')), tried(lambda: get('{url}')), "
            f"tried(lambda: get('http://localhost:{port}')), tried(lambda: get('http://[::1]:{port}')), "
            f"tried(lambda: tunnel('127.0.0.1', {port})), tried(lambda: directly('{url}')), "
            f"tried(lambda: send({datagrams.getsockname()[1]})), "
            "tried(lambda: socket.getaddrinfo('data.example.org', 443)), socket.if_nameindex(), listening()]))"
        )
        told = json.loads(await inside(code, [f"127.0.0.1:{leads_on.server_port}", "data.example.org"]))
        leads_on.shutdown()
        with pytest.raises(BlockingIOError):
            datagrams.recv(10)
    refused = "is not among the names that network= allows"
    assert told[:4] == [
        *(f"403 127.0.0.1:{port} {refused}", f"403 127.0.0.1:{port} {refused}"),
        *(f"403 localhost:{port} {refused}", f"403 [::1]:{port} {refused}"),
    ]
    assert told[4] == f"OSError: Tunnel connection failed: 403 127.0.0.1:{port} {refused}"
    assert "Connection refused" in told[5]
    assert told[7].startswith("gaierror: ")
    assert told[8:] == [[[1, "lo"]], [3128]]
    assert leads_on.paths == ["/first"]
    assert other.paths == []


def test_it_listens_inside_only(server: Server) -> None:
    """Where a server outside listens, too."""
    with box(SLEEP) as made, open_listener(made.pid, made.process.pid, server.server_port) as listener:
        assert listener.getsockname() == ("127.0.0.1", server.server_port)
        assert not listener.get_inheritable()
        listener.settimeout(0)
        with socket.create_connection(("127.0.0.1", server.server_port)), pytest.raises(BlockingIOError):
            listener.accept()


def test_where_root_has_made_no_user_namespace_it_listens_all_the_same() -> None:
    if os.getuid() != 0:
        pytest.skip("only root makes a network namespace without one")
    with box(SLEEP, [NETWORK]) as made, open_listener(made.pid, made.process.pid) as listener:
        assert listener.getsockname() == ("127.0.0.1", 3128)


def test_no_socket_is_opened_in_the_network_of_all() -> None:
    with box(SLEEP, [USER]) as made, pytest.raises(KernelStartError, match="no network namespace of its own"):
        open_listener(made.pid, made.process.pid)


def test_a_port_that_is_taken_inside_is_an_error() -> None:
    with box(SLEEP) as made:
        first = open_listener(made.pid, made.process.pid)
        with first, pytest.raises(KernelStartError, match="Address already in use"):
            open_listener(made.pid, made.process.pid)


def test_a_process_that_is_another_one_or_none_is_an_error() -> None:
    with box(SLEEP) as made:
        with pytest.raises(KernelStartError, match="its process has ended"):
            open_listener(made.pid, os.getpid())
        os.kill(made.pid, 9)
        made.process.wait()
        with pytest.raises(KernelStartError, match=r"No such process|has ended"):
            open_listener(made.pid, made.process.pid)


def test_loopback_that_is_down_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """`unshare` leaves it so, unlike bubblewrap."""
    monkeypatch.setattr("kernel_executor.network.listening.LOOPBACK", 0.1)
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", "echo; exec sleep 60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            if not process.stdout.readline():
                pytest.skip("unshare makes no namespaces here")
            with pytest.raises(KernelStartError, match="its loopback interface is down"):
                open_listener(process.pid, os.getpid())
        finally:
            process.kill()


def children() -> set[str]:
    """The children of this process, those of other tests included."""
    return {word for path in Path("/proc/self/task").glob("*/children") for word in path.read_text().split()}


def test_no_helper_is_left_behind() -> None:
    with box(SLEEP) as made:
        before = children()
        open_listener(made.pid, made.process.pid).close()
        assert children() <= before
