"""A container engine for tests: a Docker daemon where one has the images, else podman, whose API is Docker's.

`.ci/container-engine.sh` installs podman and builds the images.
"""

import importlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SCRIPTS_IMAGE = "localhost/codeagent-scripts:latest"
"""Debian with the smallest Python, as `python3` and `python`; no kernel."""

KERNEL_IMAGE = "localhost/codeagent-kernel:latest"
"""The same with all of Python, ipykernel and matplotlib."""

_DAEMON = Path("/var/run/docker.sock")
_PODMAN_SETTINGS = Path(__file__).parents[1] / "build" / "containers" / "containers.conf"
_START_SECONDS = 30


class NoContainerEngineError(Exception):
    """No container engine can be had; the text says why, for `pytest.skip`."""


@contextmanager
def container_engine() -> Iterator[str]:
    """Give the URL of a container engine that has the images; start podman if need be, and end only that.

    Raises:
        NoContainerEngineError: none can be had.
    """
    given = os.environ.get("DOCKER_HOST")
    if given:
        _require(given)
        yield given
        return
    daemon = f"unix://{_DAEMON}"
    if _DAEMON.exists() and _lack(daemon) is None:
        yield daemon
        return
    with _podman() as url:
        yield url


@contextmanager
def _podman() -> Iterator[str]:
    if shutil.which("podman") is None:
        raise NoContainerEngineError("podman is not installed: run .ci/container-engine.sh")
    environment = dict(os.environ)
    if _PODMAN_SETTINGS.exists():
        environment["CONTAINERS_CONF"] = str(_PODMAN_SETTINGS)
    with TemporaryDirectory(prefix="podman-") as folder, (Path(folder) / "log").open("w+") as log:
        url = f"unix://{folder}/podman.sock"
        # In a session of its own: an interrupt at the terminal is for the tests, which still need it for cleaning up.
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", url],
            env=environment,
            cwd=folder,  # a container that runs out of memory leaves a file `oom` there
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait_for(service, Path(folder) / "podman.sock", Path(log.name))
            _require(url)
            yield url
        finally:
            service.terminate()
            try:
                service.wait(timeout=10)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()


def _wait_for(service: subprocess.Popen[bytes], endpoint: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not endpoint.exists():
        if service.poll() is not None:
            raise NoContainerEngineError(f"podman does not start: {log.read_text().strip()[-500:]}")
        if time.monotonic() > deadline:
            raise NoContainerEngineError(f"podman did not start in {_START_SECONDS} s")
        time.sleep(0.02)


def _require(url: str) -> None:
    lack = _lack(url)
    if lack is not None:
        raise NoContainerEngineError(lack)


def _lack(url: str) -> str | None:
    """Say why an engine cannot serve, if so."""
    try:
        docker: Any = importlib.import_module("docker")
    except ImportError:
        return "the docker package is not installed"
    try:
        if url.startswith("unix://"):  # asked first, because docker's client leaves a socket open that cannot connect
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_START_SECONDS)
                connection.connect(url.removeprefix("unix://"))
        client = docker.DockerClient(base_url=url, timeout=_START_SECONDS)
    except (docker.errors.DockerException, OSError) as error:
        return f"no container engine answers at {url}: {error}"
    try:
        client.ping()
        for image in (SCRIPTS_IMAGE, KERNEL_IMAGE):
            client.images.get(image)
    except docker.errors.ImageNotFound as error:
        return f"the container engine lacks an image of .ci/container-engine.sh: {error.explanation}"
    except (docker.errors.DockerException, OSError) as error:
        return f"no container engine answers at {url}: {error}"
    finally:
        client.close()
    return None
