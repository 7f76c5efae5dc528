"""The container engine that other tests rely on does what they rely on."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE, NoContainerEngineError, container_engine

pytestmark = pytest.mark.integration

ANSWERING = """
import socket
server = socket.socket(socket.AF_UNIX)
server.bind("/shared/socket")
server.listen()
while True:
    connection, _ = server.accept()
    connection.sendall(connection.recv(100).upper())
    connection.close()
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    docker = pytest.importorskip("docker", reason="the docker package is not installed")
    try:
        with container_engine() as url:
            client = docker.DockerClient(base_url=url)
            yield client
            client.close()
    except NoContainerEngineError as error:
        pytest.skip(str(error))


def run(client: Any, image: str, *command: str) -> str:
    output = client.containers.run(image, list(command), network_mode="none", remove=True)
    return str(output.decode())


def test_a_container_runs_without_a_network(client: Any) -> None:
    interfaces = "import os; print(os.listdir('/sys/class/net'), 6 * 7)"
    assert run(client, SCRIPTS_IMAGE, "python", "-c", interfaces) == "['lo'] 42\n"


def test_the_images_hold_what_they_promise(client: Any) -> None:
    code = "import importlib.util as util; print(util.find_spec('ipykernel'))"
    assert run(client, SCRIPTS_IMAGE, "python3", "-c", code) == "None\n"
    code = "import ipykernel, matplotlib; print(matplotlib.get_backend())"
    assert run(client, KERNEL_IMAGE, "python", "-c", code) == "agg\n"


def test_a_socket_in_a_shared_folder_reaches_into_the_container(client: Any, tmp_path: Path) -> None:
    container = client.containers.run(
        KERNEL_IMAGE,
        ["python", "-c", ANSWERING],
        detach=True,
        network_mode="none",
        volumes={str(tmp_path): {"bind": "/shared", "mode": "rw"}},
    )
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            deadline = time.monotonic() + 10
            while True:
                try:
                    connection.connect(str(tmp_path / "socket"))
                    break
                except OSError:
                    assert time.monotonic() < deadline, container.logs()
                    time.sleep(0.02)
            connection.sendall(b"hello")
            assert connection.recv(100) == b"HELLO"
    finally:
        container.remove(v=True, force=True)
