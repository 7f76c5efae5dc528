"""Decides how a local kernel will run: which program, in which enclosure. Starts none."""

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.functions.functions import FunctionLike
from kernel_executor.kernels.forking import Forking
from kernel_executor.kernels.local import LocalKernelPlan
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import Network
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.confinement import Chosen, enclose
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.starting.kernelspec import KernelProgram, find_program
from kernel_executor.starting.local_root import LocalRootPlan
from kernel_executor.starting.roots import Roots, can_fork
from kernel_executor.starting.run_folder import numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """What a user asked for; the fields are those of `KernelCodeExecutor`, but for the time limit, which may change."""

    work_dir: str | Path | None = None
    kernel_name: str
    sandbox: SandboxMode
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    absent: tuple[Path, ...] = ()
    delivers: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    limits: OutputLimits = field(default_factory=OutputLimits)
    resource_limits: ResourceLimits = field(default_factory=ResourceLimits)
    network: Network = "none"
    memory_limit: int | None = None
    checkpoints: bool = True
    preload: tuple[str, ...] = ()
    functions: tuple[FunctionLike, ...] = ()
    functions_module: str = "functions"


async def program_of(settings: KernelSettings) -> KernelProgram:
    """Look up the kernel that was asked for.

    Raises:
        KernelStartError: There is none of that name, or it is not in Python and was given functions.
    """
    program = await find_program(settings.kernel_name, kernel_environment(os.environ, settings.env, home=None))
    if settings.functions and program.language != "python":
        raise KernelStartError(f"functions are in Python, and kernel {settings.kernel_name!r} is in {program.language}")
    return program


async def make_plan(
    settings: KernelSettings, program: KernelProgram, chosen: Chosen, work_dir: Path, stack: AsyncExitStack
) -> LocalKernelPlan:
    """Return how to run the kernel in what was chosen to hold it; the stack takes away what is made for it.

    Raises:
        KernelStartError: No stage can be made.
    """
    programs = (Path(program.argv[0]).parent,) if program.language == "python" else ()
    enclosure = await enclose(settings, work_dir, chosen, program.interpreter, programs, env=program.env, stack=stack)
    limits, memory_limit = settings.limits, settings.memory_limit or 0
    forking = None
    if can_fork(program):
        root_plan = LocalRootPlan(program.interpreter_words, numbers(limits, memory_limit), enclosure)
        roots = Roots(root_plan, settings.preload)
        stack.push_async_callback(roots.aclose)
        forking = Forking(roots, program, enclosure.work_dir, limits)
    return LocalKernelPlan(
        program=program,
        enclosure=enclosure,
        limits=limits,
        memory_limit=memory_limit,
        forking=forking,
        checkpoints=settings.checkpoints,
    )
