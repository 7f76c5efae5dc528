"""Runs code in a container: in a kernel where its image has ipykernel, else as scripts.

AutoGen's DockerCommandLineCodeExecutor, with a kernel. Works with Docker and with podman's service.
"""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from kernel_executor.containers.opening import open_container
from kernel_executor.containers.settings import PIDS_LIMIT, ContainerSettings
from kernel_executor.functions.functions import FunctionLike
from kernel_executor.kernels.runner import KernelRunner
from kernel_executor.lifecycle.with_checkpoints import WithCheckpoints
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.confinement import absolute_paths, existing_paths
from kernel_executor.sandbox.environment import without_secrets
from kernel_executor.scripts.runner import ScriptRunner


class DockerCommandLineCodeExecutor(WithCheckpoints[KernelRunner | ScriptRunner]):
    """Runs code blocks in a container: in a kernel if its image has ipykernel, else each as a script of its own.

    Use it as `async with DockerCommandLineCodeExecutor() as executor`. The container sees the work folder as
    /workspace, where your files are copies; new data is delivered. It has no network and no
    capabilities unless you say otherwise.

    Args:
        image: Its image; pulled if it is not here.
        container_name: Its name; None makes one up.
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes.
        bind_dir: The same folder as the engine sees it, if that runs elsewhere; then blocks run as scripts.
        auto_remove: Whether `stop` removes the container, or only ends it.
        stop_container: False lets it run on after `stop`; then name a `work_dir`, for a private one is deleted. The
            folder that stands for it there (in `$XDG_CACHE_HOME/codeagent-nb/stages`) stays, for you to remove.
        device_requests: Devices, e.g. `[docker.types.DeviceRequest(count=-1, capabilities=[["gpu"]])]`.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
        extra_volumes: Further volumes, as the docker SDK takes them; they count as not isolated.
        extra_hosts: Further names of hosts, with their addresses.
        init_command: A shell command that is run in the container before anything else; what it leaves running ends
            with the first script, or with the kernel.
        delete_tmp_files: False keeps scripts that have no name of their own.
        network: The container's network mode, e.g. `bridge`.
        writable: Files and folders in `work_dir` that code may change.
        hidden: Files and folders of `work_dir` that code does not see; they need not exist yet.
        cap_add: Capabilities the container keeps. It runs as your own user, whom Docker gives few of them; without
            KILL, a process that became another user's is ended only with the whole container.
        memory_limit: Bytes; None sets no limit.
        pids_limit: Processes; None sets no limit.
        cpus: Processors; None sets no limit.
        env: Variables for the code.
        checkpoints: Whether the state before each call is kept, where a kernel runs, as for `KernelCodeExecutor`.
        preload: Modules to import ahead, while nothing runs; kernels begin with them from then on.
        limits: How much output of one block is kept.
    """

    def __init__(
        self,
        image: str = "python:3-slim",
        container_name: str | None = None,
        *,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        bind_dir: str | Path | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        device_requests: Sequence[Any] | None = None,
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
        extra_volumes: Mapping[str, Mapping[str, str]] | None = None,
        extra_hosts: Mapping[str, str] | None = None,
        init_command: str | None = None,
        delete_tmp_files: bool = True,
        network: str = "none",
        writable: Sequence[str | Path] = (),
        hidden: Sequence[str | Path] = (),
        cap_add: Sequence[str] = (),
        memory_limit: int | None = None,
        pids_limit: int | None = PIDS_LIMIT,
        cpus: float | None = None,
        env: Mapping[str, str] | None = None,
        checkpoints: bool = True,
        preload: Sequence[str] = (),
        limits: OutputLimits | None = None,
    ) -> None:
        super().__init__(timeout=timeout, functions=functions, functions_module=functions_module)
        self.settings: Final = ContainerSettings(
            image=image,
            container_name=container_name,
            work_dir=work_dir,
            bind_dir=None if bind_dir is None else Path(bind_dir),
            auto_remove=auto_remove,
            stop_container=stop_container,
            device_requests=tuple(device_requests or ()),
            functions=tuple(functions),
            functions_module=functions_module,
            extra_volumes=dict(extra_volumes or {}),
            extra_hosts=dict(extra_hosts or {}),
            init_command=init_command,
            delete_tmp_files=delete_tmp_files,
            network=network,
            writable=existing_paths(writable),
            hidden=absolute_paths(hidden),
            cap_add=tuple(cap_add),
            memory_limit=memory_limit,
            pids_limit=pids_limit,
            cpus=cpus,
            env=without_secrets(env or {}),
            checkpoints=checkpoints,
            preload=tuple(preload),
            limits=limits or OutputLimits(),
        )

    async def _open(self, stack: AsyncExitStack) -> KernelRunner | ScriptRunner:
        return await open_container(self.settings, self._functions, self._late, stack)
