"""What makes the sandbox better on this machine: commands for what was found. Changes nothing and starts nothing."""

import os
from collections.abc import Callable
from pathlib import Path

from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.systems import USE_LINUX, why_not_here

RESTRICTED = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
"""Ubuntu's switch, since 23.10: with it only programs with a profile of their own make user namespaces."""

CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))

PROFILE = (
    r"abi <abi/4.0>,\ninclude <tunables/global>\nprofile bwrap /usr/bin/bwrap flags=(unconfined) {\n  userns,\n}\n"
)

APPARMOR = f"printf '{PROFILE}' | sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap"

CONTAINER = (
    "start this container with a profile that lets bubblewrap make user namespaces "
    "(Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined)"
)

NEWER = ", or on a host with Linux 6.12"


def remedy(isolation: Isolation, exists: Callable[[Path], bool] = Path.exists) -> str:
    """Return the command or the advice that gives code a sandbox, or a better one; empty if bubblewrap holds it.

    Args:
        isolation: What holds code now.
        exists: Looks for a file.
    """
    if isolation.mechanism == "bubblewrap":
        return ""
    if why_not_here():
        return USE_LINUX
    if "not installed" in isolation.reason:
        return _installation()
    if any(map(exists, CONTAINER_MARKS)):
        return CONTAINER if isolation.isolates else f"{CONTAINER}{NEWER}"
    if exists(RESTRICTED) and RESTRICTED.read_text().strip() == "1":
        return APPARMOR
    return "see https://github.com/containers/bubblewrap for what bubblewrap needs" if isolation.reason else ""


def _installation() -> str:
    for tool, command in {"apt-get": "apt-get install bubblewrap", "dnf": "dnf install bubblewrap"}.items():
        if any((Path(folder) / tool).exists() for folder in os.get_exec_path()):
            return f"sudo {command}"
    return "install bubblewrap with your system's package manager"
