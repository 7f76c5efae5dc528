"""One container: made, told to run commands, ended, removed. The only file that knows the docker SDK.

The SDK blocks, so every call is made in a thread. Works with Docker's API, podman's too (4.3 measured).
"""

import asyncio
import atexit
import os
import socket
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from kernel_executor.errors import KernelStartError

LABEL = "codeagent-nb"
"""Label of every container; after a crash `docker ps --filter label=codeagent-nb` finds what was left."""

OWNER_LABEL = "codeagent-nb.owner"
"""Label with the host name and the number of the process that made the container."""

WORKSPACE = "/workspace"
"""Where the work folder is seen, as in AutoGen's containers."""

STAY = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait; done"
"""Process 1: stays, and sees off orphans; `sleep infinity` does not, and zombies fill the process limit (measured)."""

END_ALL = "kill -9 -1"
"""Ends all but process 1, also what left its session or ignores SIGTERM, in 0.1 s (measured)."""

KILLED = 137
"""Exit code of what was ended by SIGKILL, or whose container is gone."""

STDERR = 2  # its number in the frames of Docker's streams

StreamName = Literal["stdout", "stderr"]

Tell = Callable[[StreamName, bytes], None]


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host that is seen in the container.

    Args:
        source: Its path here.
        target: Its path there.
        writable: Whether it can be changed there.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRequest:
    """What container to make; the words are Docker's.

    Args:
        image: Its image; pulled if it is not here.
        name: Its name; empty makes one up.
        binds: What it sees of the host.
        volumes: Further volumes, as the docker SDK takes them.
        environment: Its variables.
        network: Its network mode.
        extra_hosts: Further names of hosts.
        device_requests: Devices, e.g. GPUs, as the docker SDK takes them.
        cap_add: Capabilities it keeps; all others are dropped.
        memory_limit: Bytes; None sets no limit.
        pids_limit: Processes; None sets no limit.
        cpus: Processors; None sets no limit.
        auto_remove: Whether the engine removes it when it has stopped.
    """

    image: str
    name: str = ""
    binds: tuple[Bind, ...] = ()
    volumes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    network: str = "none"
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    device_requests: tuple[Any, ...] = ()
    cap_add: tuple[str, ...] = ()
    memory_limit: int | None = None
    pids_limit: int | None = None
    cpus: float | None = None
    auto_remove: bool = True


class Container:
    """A running container. Made by `start`."""

    def __init__(self, client: Any, handle: Any, mechanism: str) -> None:
        self._client = client
        self._handle = handle
        self.mechanism = mechanism
        # For who forgets `stop`; of a process that is killed, the labels tell.
        atexit.register(self._remove)

    @classmethod
    async def start(cls, request: ContainerRequest) -> Self:
        """Make a container and start it.

        Raises:
            KernelStartError: No engine answers, it has no such image, or it does not start the container.
        """
        return await asyncio.to_thread(cls._start, request)

    @classmethod
    def _start(cls, request: ContainerRequest) -> Self:
        docker, client = connect()
        try:
            _fetch(docker, client, request.image)
            handle = client.containers.create(**_arguments(docker, client, request))
            try:
                handle.start()
            except docker.errors.APIError:
                handle.remove(force=True, v=True)  # a container that did not start stays
                raise
            return cls(client, handle, _mechanism(client))
        except (docker.errors.DockerException, OSError) as error:
            client.close()
            raise KernelStartError(f"the container of {request.image!r} does not start: {_reason(error)}") from error

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._handle.name)

    async def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command that takes moments; return its exit code and what it wrote."""
        written: list[bytes] = []
        code = await asyncio.to_thread(self._run, list(command), lambda _, chunk: written.append(chunk))
        return code, b"".join(written).decode(errors="replace")

    def execute(self, command: Sequence[str], tell: Tell) -> "asyncio.Future[int]":
        """Start a command; `tell` is given what it writes, on our loop. The result is its exit code."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[int] = loop.create_future()
        threading.Thread(target=self._follow, args=(list(command), tell, done, loop), daemon=True).start()
        return done

    def _follow(
        self, command: list[str], tell: Tell, done: "asyncio.Future[int]", loop: asyncio.AbstractEventLoop
    ) -> None:
        def pass_on(name: StreamName, chunk: bytes) -> None:
            # Waiting for each piece holds back a flood.
            asyncio.run_coroutine_threadsafe(_told(tell, name, chunk), loop).result()

        code = KILLED
        with suppress(Exception):  # the container is gone, or our loop: either way, so is the command
            code = self._run(command, pass_on)
        with suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            loop.call_soon_threadsafe(_settle, done, code)

    def _run(self, command: list[str], take: Tell) -> int:
        from docker.utils.socket import frames_iter

        api = self._client.api
        identity = api.exec_create(self._handle.id, command)["Id"]
        # The SDK's own streaming leaves its connection open, one a command.
        connection = api.exec_start(identity, socket=True)
        try:
            for number, chunk in frames_iter(connection, tty=False):
                take("stderr" if number == STDERR else "stdout", chunk)
        finally:
            connection._response.close()  # noqa: SLF001 - the SDK hands out the socket inside of its response
            connection.close()
        code = api.exec_inspect(identity)["ExitCode"]
        return KILLED if code is None else int(code)

    async def signal_all(self, signal: Literal["INT", "9"]) -> None:
        """Send a signal to every process but the first."""
        with suppress(Exception):  # a container that is gone has no processes
            await self.run(["sh", "-c", f"kill -{signal} -1"])

    async def stop(self) -> None:
        """End all its processes; it is kept, unless it removes itself."""
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        atexit.unregister(self._remove)
        with suppress(Exception):  # gone already
            self._handle.stop(timeout=1)
        self._client.close()

    async def remove(self) -> None:
        """End it and remove it with its anonymous volumes; nothing happens if it is gone."""
        await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        atexit.unregister(self._remove)
        with suppress(Exception):  # gone already, or its engine is: nothing can be done
            self._handle.remove(force=True, v=True)
        self._client.close()

    async def release(self) -> None:
        """Let go of it: it runs on."""
        atexit.unregister(self._remove)
        self._client.close()


def connect() -> tuple[Any, Any]:
    """Return the docker SDK and a client of the engine that `DOCKER_HOST` names, or Docker's own.

    Raises:
        KernelStartError: The SDK is not installed, or no engine answers.
    """
    try:
        import docker
    except ImportError as error:
        raise KernelStartError("containers need the docker package: pip install 'codeagent-nb[docker]'") from error
    try:
        _reach(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
        client = docker.from_env()
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise KernelStartError(
            f"no container engine answers: {_reason(error)}. Start Docker, or podman's service, and set DOCKER_HOST "
            "if it does not listen where Docker does."
        ) from error
    return docker, client


def _reach(url: str) -> None:
    """Try a Unix socket first: the SDK leaves one open that it cannot connect."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.removeprefix("unix://"))


def _fetch(docker: Any, client: Any, image: str) -> None:
    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        client.images.pull(image)


def _mechanism(client: Any) -> str:
    names = [str(part.get("Name", "")) for part in client.version().get("Components") or ()]
    return "podman" if any("podman" in name.lower() for name in names) else "docker"


def _arguments(docker: Any, client: Any, request: ContainerRequest) -> Mapping[str, Any]:
    identity = uuid.uuid4().hex[:12]
    rootless = any("rootless" in str(option) for option in client.info().get("SecurityOptions") or ())
    return {
        "image": request.image,
        "name": request.name or f"codeagent-{identity}",
        "entrypoint": ["sh", "-c"],
        "command": [STAY],
        # Files it makes are ours. The root of a rootless engine is who runs the engine.
        "user": "0:0" if rootless else f"{os.getuid()}:{os.getgid()}",
        "working_dir": WORKSPACE,
        "environment": {"HOME": "/tmp", "PYTHONUNBUFFERED": "1", **request.environment},  # noqa: S108 - its own
        "mounts": [
            docker.types.Mount(bind.target, str(bind.source), type="bind", read_only=not bind.writable)
            for bind in request.binds
        ],
        "volumes": dict(request.volumes),
        "network_mode": request.network,
        "extra_hosts": dict(request.extra_hosts),
        "device_requests": list(request.device_requests),
        "cap_drop": ["ALL"],
        "cap_add": list(request.cap_add),
        "security_opt": ["no-new-privileges"],
        "mem_limit": request.memory_limit,
        "memswap_limit": request.memory_limit,  # or it is twice that, with swap
        "pids_limit": request.pids_limit,
        "nano_cpus": None if request.cpus is None else int(request.cpus * 1e9),
        "auto_remove": request.auto_remove,
        "labels": {LABEL: identity, OWNER_LABEL: f"{socket.gethostname()}:{os.getpid()}"},
    }


def _settle(done: "asyncio.Future[int]", code: int) -> None:
    if not done.done():
        done.set_result(code)


async def _told(tell: Tell, name: StreamName, chunk: bytes) -> None:
    tell(name, chunk)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "explanation", None) or error)
