"""Makes a container ready and finds out whether a kernel or scripts run in it. Knows no block."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from kernel_executor.containers.container import WORKSPACE, Bind, Container, ContainerRequest
from kernel_executor.containers.kernel import ContainerKernelPlan
from kernel_executor.containers.probing import find_python, has_kernel, look_at
from kernel_executor.containers.scripts import ContainerScript
from kernel_executor.containers.settings import ContainerSettings
from kernel_executor.errors import KernelStartError
from kernel_executor.functions import Functions
from kernel_executor.functions_folder import FunctionsFolder, install_packages, write_functions
from kernel_executor.kernel_runner import KernelRunner
from kernel_executor.listeners import LateOutputs
from kernel_executor.sandbox import entries_to_protect
from kernel_executor.scripts.runner import ScriptFolder, ScriptRunner
from kernel_executor.scripts.script import Script
from kernel_executor.tasks import acquired
from kernel_executor.work_folder import open_work_folder

NO_NETWORK = (
    "The container has no network, so pip cannot download anything: use the packages that are installed. A person can "
    'choose an image that has the package, or let the container reach the network: network="bridge".'
)


async def open_container(
    settings: ContainerSettings, functions: Functions, late: LateOutputs, stack: AsyncExitStack
) -> KernelRunner | ScriptRunner:
    """Start a container and what runs blocks in it.

    Args:
        settings: What is wanted.
        functions: What Python code may import.
        late: Tells output that comes after a block's end.
        stack: Takes away again what is made.

    Raises:
        KernelStartError: No engine answers, the container or the kernel does not start, or `init_command` fails.
    """
    folder = open_work_folder(settings.work_dir)
    stack.callback(folder.close)
    run_parent = Path(tempfile.mkdtemp(prefix="codeagent-c-")).resolve()
    stack.callback(partial(shutil.rmtree, run_parent, ignore_errors=True))
    module = write_functions(functions, settings.functions_module) if functions.names else None
    if module:
        stack.callback(module.close)
    protected = entries_to_protect(folder.path, settings.writable)
    request = _request(settings, folder.path, protected, run_parent, module)
    container = await acquired(Container.start(request), Container.remove)
    stack.push_async_callback(_end_of(settings, container))
    await _prepare(settings.init_command, container)
    python = await find_python(container)
    if module:
        await install_packages(functions.python_packages, module, python, container.run)
    isolation = await look_at(container, request)
    if settings.bind_dir is None and await has_kernel(container, python):
        plan = ContainerKernelPlan(
            container=container,
            python=python,
            work_dir=folder.path,
            run_parent=run_parent,
            limits=settings.limits,
            isolation=isolation,
        )
        return await KernelRunner.open(plan, settings.limits, late, NO_NETWORK)
    return ScriptRunner(
        ScriptFolder(path=folder.path, protected=protected, keep=not settings.delete_tmp_files),
        limits=settings.limits,
        languages=("python", "bash"),
        launch=partial(_launch, container, python),
        isolation=isolation,
        no_network=NO_NETWORK,
    )


def _request(
    settings: ContainerSettings,
    work_dir: Path,
    protected: Sequence[Path],
    run_parent: Path,
    module: FunctionsFolder | None,
) -> ContainerRequest:
    seen = settings.bind_dir or work_dir  # the work folder as the engine sees it
    binds = [Bind(seen, WORKSPACE, writable=True)]
    binds += [Bind(seen / path.name, f"{WORKSPACE}/{path.name}") for path in protected]
    environment = dict(settings.env)
    if settings.bind_dir is None:
        binds.append(Bind(run_parent, str(run_parent), writable=True))
    if module:
        binds.append(Bind(module.path, str(module.path), writable=True))
        environment["PYTHONPATH"] = str(module.path)
    if settings.network == "none":
        environment["PIP_RETRIES"] = "0"
    return ContainerRequest(
        image=settings.image,
        name=settings.container_name or "",
        binds=tuple(binds),
        volumes=settings.extra_volumes,
        environment=environment,
        network=settings.network,
        extra_hosts=settings.extra_hosts,
        device_requests=settings.device_requests,
        cap_add=settings.cap_add,
        memory_limit=settings.memory_limit,
        pids_limit=settings.pids_limit,
        cpus=settings.cpus,
        auto_remove=settings.auto_remove and settings.stop_container,
    )


def _end_of(settings: ContainerSettings, container: Container) -> Callable[[], Any]:
    if not settings.stop_container:
        return container.release
    return container.remove if settings.auto_remove else container.stop


async def _prepare(init_command: str | None, container: Container) -> None:
    if not init_command:
        return
    code, output = await container.run(["sh", "-c", init_command])
    if code:
        said = output.strip()[-500:]
        raise KernelStartError(f"init_command {init_command!r} failed in the container, exit code {code}: {said}")


async def _launch(container: Container, python: str, script: Script) -> ContainerScript:
    return await ContainerScript.start(container, python, script)
