"""Chooses an executor: by name, or the best one that works here. Starts none."""

import os
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from kernel_executor.containers.engine import Engine
from kernel_executor.containers.executor import DockerCommandLineCodeExecutor
from kernel_executor.errors import KernelStartError
from kernel_executor.kernels.executor import KernelCodeExecutor
from kernel_executor.lifecycle.base import ManagedExecutor
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import Network
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.sandbox import landlock
from kernel_executor.sandbox.bubblewrap import why_unusable_now
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.sandbox.policy import SandboxMode, SandboxPolicy
from kernel_executor.scripts.executor import LocalCommandLineCodeExecutor
from kernel_executor.stage.place import HOME

ExecutorName = Literal["kernel", "local", "docker"]


def create_code_executor(
    name: ExecutorName,
    *,
    work_dir: str | Path | None = None,
    sandbox: SandboxMode = "auto",
    image: str = "",
    readable: Sequence[str | Path] = (),
    hidden: Sequence[str | Path] = (),
    resource_limits: ResourceLimits | None = None,
    network: Network = "none",
    preload: Sequence[str] = (),
) -> ManagedExecutor[Any]:
    """Make an executor by name.

    Args:
        name: `kernel` runs code in a Jupyter kernel, `local` as scripts, `docker` in a container.
        work_dir: Folder the code runs in; None makes a fresh private one.
        sandbox: What holds `kernel` and `local`; a container holds itself.
        image: The container's image; empty takes the usual one.
        readable: Further files and folders that `kernel` and `local` may read, what is hidden around them or not.
        hidden: Files and folders of `work_dir` that sandboxed code does not see; they need not exist yet.
        resource_limits: How much of the machine `kernel` and `local` may use in a sandbox.
        network: What they may reach from there.
        preload: Modules that `kernel` imports ahead.
    """
    match name:
        case "kernel":
            return KernelCodeExecutor(
                work_dir=work_dir,
                sandbox=sandbox,
                readable=readable,
                hidden=hidden,
                resource_limits=resource_limits,
                network=network,
                preload=preload,
            )
        case "local":
            return LocalCommandLineCodeExecutor(
                work_dir=work_dir,
                sandbox=sandbox,
                readable=readable,
                hidden=hidden,
                resource_limits=resource_limits,
                network=network,
            )
        case "docker" if image:
            return DockerCommandLineCodeExecutor(work_dir=work_dir, image=image, hidden=hidden)
        case "docker":
            return DockerCommandLineCodeExecutor(work_dir=work_dir, hidden=hidden)


def create_default_code_executor(work_dir: str | Path | None = None) -> ManagedExecutor[Any]:
    """Make the best executor that works here; what holds it, `executor.isolation` tells once it is started.

    A kernel in bubblewrap, or else in Landlock; where neither works, a container; without an engine for one, a bare
    kernel, with a warning. AutoGen's function of this name knows no sandbox but Docker.

    Args:
        work_dir: Folder the code runs in; None makes a fresh private one.
    """
    with tempfile.TemporaryDirectory(prefix="codeagent-") as folder:
        environment = kernel_environment(os.environ, {}, home=HOME)
        reason = why_unusable_now(SandboxPolicy(work_dir=Path(folder)), environment)
    if reason is None:
        return create_code_executor("kernel", work_dir=work_dir, sandbox="bubblewrap")
    if (without := landlock.why_unusable_now()) is None:
        return create_code_executor("kernel", work_dir=work_dir, sandbox="landlock")
    try:
        Engine.connect().client.close()
    except KernelStartError as error:
        why = cleaned("; ".join(dict.fromkeys((reason, without, str(error)))))
        warnings.warn(f"Code will run without a sandbox, with all your rights: {why}", stacklevel=2)
        return create_code_executor("kernel", work_dir=work_dir, sandbox="none")
    return create_code_executor("docker", work_dir=work_dir)
