"""Looks at a container that runs: which Python it has, whether there is a kernel, what holds it. Runs no code."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from kernel_executor.containers.container import Container
from kernel_executor.containers.request import WORKSPACE, ContainerRequest
from kernel_executor.errors import KernelStartError
from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.sandbox.isolation import (
    Isolation,
    is_namespace_of_others,
    names_only_loopback,
    own_status,
    shows_filter,
    shows_no_privileges,
)
from kernel_executor.sandbox.mount_table import read_table
from kernel_executor.secret_names import names_secret
from kernel_executor.stage.stage import Stage

FIND = "command -v python3 || command -v python || echo python3; command -v bash || echo sh"

LOOKS = (
    "cat /proc/self/status",
    "cat /proc/net/dev",
    "readlink /proc/self/ns/pid",
    "cat /proc/self/mountinfo",
    f"stat -Lc %d:%i {WORKSPACE} {ORIGINAL}",
    "env",
)

HAS_KERNEL = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ipykernel') is None)"


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs code in a container; the usual names where there is none, which is then an error of the code."""

    python: str
    shell: str


async def find_programs(container: Container) -> Programs:
    """Look for Python, and for bash before any other shell.

    Raises:
        KernelStartError: The container does not say.
    """
    code, output = await container.run(["sh", "-c", FIND])
    if found := programs_in(output):
        return found
    said = f"exit code {code}, output {output!r}"
    raise KernelStartError(f"the container does not say which Python and which shell it has ({said})")


def programs_in(output: str) -> Programs | None:
    """Read what `FIND` wrote; None if a part of it is missing. A path may hold blanks."""
    lines = output.splitlines()
    return Programs(*lines[:2]) if len(lines) >= 2 else None


async def has_kernel(container: Container, python: str) -> bool:
    """Return whether ipykernel is there."""
    code, _ = await container.run([python, "-c", HAS_KERNEL])
    return code == 0


async def look_at(container: Container, request: ContainerRequest, stage: Stage) -> Isolation:
    """Report what holds the container, as a process in it shows it, before any code ran there.

    Args:
        container: The container.
        request: What was asked for; what was granted to it is not held.
        stage: What it is to see of the user's folder.
    """
    status, devices, namespace, mounts, files, variables = await _answers(container, LOOKS)
    names = [line.partition("=")[0] for line in variables.splitlines() if "=" in line]
    return Isolation(
        mechanism=container.engine.name,
        network="lo:" in devices and names_only_loopback(devices),
        files=not request.volumes and _shows(stage, files) and _mounts_only(request, mounts),
        processes=is_namespace_of_others("pid", namespace.strip()),
        privileges="CapEff" in status and shows_no_privileges(status),
        environment=bool(names) and not any(map(names_secret, names)),
        system_calls=shows_filter(status, own_status()),
        devices=tuple(_describe(device) for device in request.device_requests),
    )


def _shows(stage: Stage, files: str) -> bool:
    """Return whether the very folders that were meant are seen; an engine on another machine has others."""
    base, own = (f"{seen.device}:{seen.inode}" for seen in stage.identity())
    return stage.place.below != "" or files.split() == [own, base]


def _mounts_only(request: ContainerRequest, table: str) -> bool:
    """Return whether nothing else is mounted where code sees the user's folder, and that itself read-only."""
    granted = {bind.target: bind.writable for bind in request.binds}
    found = [mount for mount in read_table(table.encode(errors="surrogateescape")) if _is_of_the_folder(mount.target)]
    return all(mount.target in granted and (mount.read_only or granted[mount.target]) for mount in found)


def _is_of_the_folder(target: str) -> bool:
    return any(target == place or target.startswith(f"{place}/") for place in (WORKSPACE, ORIGINAL))


async def _answers(container: Container, commands: Sequence[str]) -> list[str]:
    """Run commands at once, for each run costs a tenth of a second; return what each wrote."""
    mark = uuid.uuid4().hex
    _, output = await container.run(["sh", "-c", f"; echo {mark}; ".join(commands)])
    return output.split(f"{mark}\n")


def _describe(device: object) -> str:
    wanted = device if isinstance(device, dict) else {}
    names = [name for group in wanted.get("Capabilities") or () for name in group]
    return "/".join(names) or "a device"
