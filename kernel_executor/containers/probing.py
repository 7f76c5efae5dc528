"""Looks at a container that runs: which Python it has, whether there is a kernel, what holds it. Runs no code."""

from pathlib import Path

from kernel_executor.containers.container import Container, ContainerRequest
from kernel_executor.environment import names_secret
from kernel_executor.isolation import Isolation, names_only_loopback, shows_no_privileges

FIND_PYTHON = "command -v python3 || command -v python"

HAS_KERNEL = "import importlib.util, sys; sys.exit(importlib.util.find_spec('ipykernel') is None)"


async def find_python(container: Container) -> str:
    """Return the container's interpreter; the usual name if it has none, which is then an error of the code."""
    code, output = await container.run(["sh", "-c", FIND_PYTHON])
    return output.strip() if code == 0 else "python3"


async def has_kernel(container: Container, python: str) -> bool:
    """Say whether ipykernel is there."""
    code, _ = await container.run([python, "-c", HAS_KERNEL])
    return code == 0


async def look_at(container: Container, request: ContainerRequest) -> Isolation:
    """Report what holds the container, as a process in it shows it, before any code ran there.

    Args:
        container: The container.
        request: What was asked for; what was granted to it is not held.
    """
    _, status = await container.run(["cat", "/proc/self/status"])
    _, devices = await container.run(["cat", "/proc/net/dev"])
    _, variables = await container.run(["env"])
    code, namespace = await container.run(["readlink", "/proc/self/ns/pid"])
    names = [line.partition("=")[0] for line in variables.splitlines() if "=" in line]
    return Isolation(
        mechanism=container.mechanism,
        network="lo:" in devices and names_only_loopback(devices),
        files=not request.volumes,
        processes=code == 0 and namespace.strip() != str(Path("/proc/self/ns/pid").readlink()),
        privileges="CapEff" in status and shows_no_privileges(status),
        environment=bool(names) and not any(map(names_secret, names)),
        devices=tuple(_describe(device) for device in request.device_requests),
    )


def _describe(device: object) -> str:
    wanted = device if isinstance(device, dict) else {}
    names = [name for group in wanted.get("Capabilities") or () for name in group]
    return "/".join(names) or "a device"
