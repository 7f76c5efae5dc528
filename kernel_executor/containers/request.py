"""What container is wanted, and how the docker SDK is asked for it. Knows no running container."""

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kernel_executor.containers.engine import Engine
from kernel_executor.errors import KernelStartError

LABEL = "codeagent-nb"
"""Label of every container; after a crash `docker ps --filter label=codeagent-nb` finds what was left."""

OWNER_LABEL = "codeagent-nb.owner"
"""Label with the host name and the number of the process that made the container."""

WORKSPACE = "/workspace"
"""Where the work folder is seen, as in AutoGen's containers."""

STAY = "trap '' INT; trap 'kill -9 -1; wait' USR1; while :; do sleep 3600 & wait; done"
"""Process 1: stays, and sees off orphans; `sleep infinity` does not, and zombies fill the process limit (measured).

No code can end it: signals that a first process does not handle are not sent to it from within, and `sh` handles SIGINT
if it is not told otherwise. SIGUSR1 makes it end all others; then it waits for its `sleep`, or at the process limit it
could start no new one.
"""

InTheEnd = Literal["remove", "stop", "leave"]


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
        in_the_end: What becomes of it when it is not needed any more.
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
    in_the_end: InTheEnd = "remove"


def creation_arguments(engine: Engine, request: ContainerRequest) -> Mapping[str, Any]:
    """Return the arguments of the SDK's `containers.create`.

    Args:
        engine: Who is asked.
        request: What is wanted.

    Raises:
        KernelStartError: The engine cannot take a file's name.
    """
    volumes = [bind for bind in request.binds if engine.name == "podman" and _misread(bind)]
    identity = uuid.uuid4().hex[:12]
    rootless = any("rootless" in str(option) for option in engine.client.info().get("SecurityOptions") or ())
    return {
        "image": request.image,
        "name": request.name or f"codeagent-{identity}",
        "entrypoint": ["sh", "-c"],
        "command": [STAY],
        # Files it makes are ours. The root of a rootless engine is who runs the engine.
        "user": "0:0" if rootless else f"{os.getuid()}:{os.getgid()}",
        "working_dir": WORKSPACE,
        "use_config_proxy": False,  # the SDK would put a proxy's password into the environment
        "environment": {"HOME": "/tmp", "PYTHONUNBUFFERED": "1", **request.environment},  # noqa: S108 - its own
        "mounts": [
            engine.sdk.types.Mount(bind.target, str(bind.source), type="bind", read_only=not bind.writable)
            for bind in request.binds
            if bind not in volumes
        ],
        "volumes": [
            *engine.sdk.utils.convert_volume_binds(dict(request.volumes)),
            *map(_volume, volumes),
        ],
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
        "auto_remove": request.in_the_end == "remove",
        "labels": {LABEL: identity, OWNER_LABEL: f"{socket.gethostname()}:{os.getpid()}"},
    }


def _misread(bind: Bind) -> bool:
    """Return whether podman takes a mount's path for several options: it reads them as CSV (4.3, measured)."""
    return any(sign in f"{bind.source}{bind.target}" for sign in ',"\n\r')


def _volume(bind: Bind) -> str:
    if ":" in f"{bind.source}{bind.target}":
        raise KernelStartError(
            f"podman cannot show a container {str(bind.source)!r}: a path may have a colon in it, or a comma, "
            "quotation mark or line end, but not both"
        )
    return f"{bind.source}:{bind.target}:{'rw' if bind.writable else 'ro'}"
