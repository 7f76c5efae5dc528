"""Makes a container ready and finds out whether a kernel or scripts run in it. Knows no block."""

import atexit
import shutil
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path, PurePosixPath

from kernel_executor.aio.tasks import acquired
from kernel_executor.containers.container import Container
from kernel_executor.containers.engine import Engine
from kernel_executor.containers.kernel import ContainerKernelPlan, kernel_program
from kernel_executor.containers.probing import Programs, find_programs, has_kernel, look_at
from kernel_executor.containers.refusals import explained_by
from kernel_executor.containers.request import WORKSPACE, Bind, ContainerRequest
from kernel_executor.containers.root import ROOM, ContainerRootPlan, open_roots
from kernel_executor.containers.scripts import ContainerScript
from kernel_executor.containers.settings import ContainerSettings
from kernel_executor.errors import KernelStartError
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.functions.functions import Functions
from kernel_executor.functions.module_folder import FunctionsFolder, install_packages, write_functions
from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.kernels.forking import Forking
from kernel_executor.kernels.runner import KernelRunner
from kernel_executor.lifecycle.listeners import LateOutputs
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.scripts.runner import ScriptFolder, ScriptRunner, names_in
from kernel_executor.scripts.script import Script
from kernel_executor.stage.options import StageOptions
from kernel_executor.stage.place import Place
from kernel_executor.stage.stage import Stage
from kernel_executor.starting.roots import can_fork
from kernel_executor.starting.run_folder import CONTAINER_PREFIX, make_private_folder, numbers


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
    engine = await acquired(Engine.open(), Engine.close)
    stack.push_async_callback(engine.close)
    await engine.fetch(settings.image)
    work_dir = open_for_code(settings.work_dir, stack)
    run_parent = make_private_folder(CONTAINER_PREFIX, work_dir, room=ROOM).resolve()
    _remove_in_the_end(run_parent, stack)
    module = write_functions(functions, settings.functions_module, work_dir) if functions.names else None
    if module:
        stack.callback(module.close)
    stage = await _open_stage(settings, work_dir, stack)
    request = _request(settings, stage.place, run_parent, module, installs=bool(functions.python_packages))
    container = await acquired(Container.start(engine, request), Container.remove)
    stack.push_async_exit(partial(_end, container))
    await _prepare(settings.init_command, container)
    programs = await find_programs(container)
    if module:
        await install_packages(functions.python_packages, module, programs.python, container.run)
    isolation = await look_at(container, request, stage)
    if settings.bind_dir is None and await has_kernel(container, programs.python):
        root_plan = ContainerRootPlan(
            container=container,
            interpreter=(programs.python,),
            numbers=numbers(settings.limits, 0),
            work_dir=work_dir,
            run_parent=run_parent,
            memory_limit=settings.memory_limit,
        )
        plan = await _open_plan(root_plan, settings, stage.place, isolation, stack)
        return await KernelRunner.open(plan, settings.limits, late, stage)
    granted = names_in(work_dir, settings.writable)
    return ScriptRunner(
        ScriptFolder(work_dir, stage, granted=granted, keep=not settings.delete_tmp_files),
        limits=settings.limits,
        languages=("python", "bash"),
        launch=partial(_launch, container, programs),
        isolation=isolation,
        explained=explained_by,
    )


async def _open_plan(
    root_plan: ContainerRootPlan, settings: ContainerSettings, place: Place, isolation: Isolation, stack: AsyncExitStack
) -> ContainerKernelPlan:
    """Start what kernels are forked by, where that can be had, and return how to start kernels."""
    program, work_dir = kernel_program(root_plan.interpreter), root_plan.work_dir
    roots = await open_roots(root_plan, settings.preload, stack) if can_fork(program) else None
    return ContainerKernelPlan(
        container=root_plan.container,
        program=program,
        work_dir=work_dir,
        place=place,
        run_parent=root_plan.run_parent,
        limits=settings.limits,
        isolation=isolation,
        forking=Forking(roots, program, work_dir, settings.limits) if roots else None,
        checkpoints=settings.checkpoints,
    )


async def _open_stage(settings: ContainerSettings, work_dir: Path, stack: AsyncExitStack) -> Stage:
    # An engine elsewhere sees nothing but `bind_dir`, so the stage lies in the folder itself there.
    parent = work_dir if settings.bind_dir else None
    options = StageOptions(mounted=settings.writable, hidden=settings.hidden)
    stage = await Stage.open(work_dir, options, parent=parent)
    if settings.stop_container:
        stack.push_async_callback(stage.aclose)
    else:
        stack.callback(stage.leave)
    return stage


def _request(
    settings: ContainerSettings,
    place: Place,
    run_parent: Path,
    module: FunctionsFolder | None,
    *,
    installs: bool,
) -> ContainerRequest:
    def seen(path: Path) -> Path:
        """Return a path as the engine sees it."""
        return settings.bind_dir / path.relative_to(place.work_dir) if settings.bind_dir else path

    target = str(PurePosixPath(WORKSPACE, place.below))
    binds = [Bind(seen(place.work_dir), WORKSPACE)] if place.below else []
    binds += [Bind(seen(place.files), target, writable=True), Bind(seen(place.base), ORIGINAL)]
    binds += [Bind(seen(place.base / name), str(PurePosixPath(target, name))) for name in place.read_only]
    for path in settings.writable:
        binds.append(Bind(seen(path), str(PurePosixPath(WORKSPACE, path.relative_to(place.work_dir))), writable=True))
    environment = dict(settings.env)
    if settings.bind_dir is None:
        binds.append(Bind(run_parent, str(run_parent), writable=True))
    if module:
        # pip has to write there, and mounts cannot be changed.
        binds.append(Bind(module.path, str(module.path), writable=installs))
        environment["PYTHONPATH"] = ":".join(filter(None, [str(module.path), environment.get("PYTHONPATH")]))
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
        in_the_end="leave" if not settings.stop_container else "remove" if settings.auto_remove else "stop",
    )


def _remove_in_the_end(folder: Path, stack: AsyncExitStack) -> None:
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(remove)  # for who forgets `stop`
    stack.callback(atexit.unregister, remove)
    stack.callback(remove)


async def _end(container: Container, failure: type[BaseException] | None, *_: object) -> None:
    # What did not come up is of no use to anybody, however it was to end.
    await (container.remove() if failure else container.finish())


async def _prepare(init_command: str | None, container: Container) -> None:
    if not init_command:
        return
    code, output = await container.run(["sh", "-c", init_command])
    if code:
        said = output.strip()[-500:]
        raise KernelStartError(f"init_command {init_command!r} failed in the container, exit code {code}: {said}")


async def _launch(container: Container, programs: Programs, script: Script) -> ContainerScript:
    return await ContainerScript.start(container, programs, script)
