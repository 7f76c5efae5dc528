"""Decides how a kernel will run: which program, which environment, which sandbox. Starts none."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kernel_executor import sandbox
from kernel_executor.environment import kernel_environment
from kernel_executor.errors import SandboxUnavailable
from kernel_executor.kernel import KernelPlan
from kernel_executor.launch import KernelProgram, find_program
from kernel_executor.outputs import OutputLimits
from kernel_executor.sandbox import SandboxMode, SandboxPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """What a user asked for; the fields are those of `KernelCodeExecutor`, but for the time limit, which may change."""

    work_dir: str | Path | None = None
    kernel_name: str
    sandbox: SandboxMode
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: OutputLimits = field(default_factory=OutputLimits)
    memory_limit: int | None = None


def existing_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Resolve paths the user names.

    Raises:
        FileNotFoundError: One of them does not exist.
    """
    resolved = tuple(Path(path).expanduser().resolve() for path in paths)
    if missing := [str(path) for path in resolved if not path.exists()]:
        raise FileNotFoundError(f"cannot let the sandbox see {', '.join(missing)}: no such file or folder")
    return resolved


async def make_plan(settings: KernelSettings, work_dir: Path) -> tuple[KernelPlan, str]:
    """Return how to run the kernel, and why not in a sandbox if it is not.

    Raises:
        KernelStartError: There is no such kernel, or its folder cannot be protected.
        SandboxUnavailable: A sandbox was insisted on and does not work here.
    """
    bare = kernel_environment(os.environ, settings.env, home=None)
    program = await find_program(settings.kernel_name, bare)
    reason = "sandbox='none' was asked for"
    if settings.sandbox != "none":
        plan = _sandboxed_plan(settings, work_dir, program)
        reason = await _why_unusable(plan)
        if not reason:
            return plan, ""
        if settings.sandbox == "bubblewrap":
            raise SandboxUnavailable(f"{reason}. To run without a sandbox, say sandbox='none'.")
    return _plan(settings, work_dir, program, {**program.env, **bare}, None), reason


def _sandboxed_plan(settings: KernelSettings, work_dir: Path, program: KernelProgram) -> KernelPlan:
    environment = kernel_environment(os.environ, {**program.env, **settings.env}, home=sandbox.HOME)
    if program.interpreter.user_base:
        environment["PYTHONUSERBASE"] = program.interpreter.user_base
    policy = SandboxPolicy(
        work_dir=work_dir,
        protected=sandbox.entries_to_protect(work_dir, settings.writable),
        readable=settings.readable,
        writable=settings.writable,
        devices=settings.devices,
        interpreter=program.interpreter,
    )
    return _plan(settings, work_dir, program, environment, policy)


def _plan(
    settings: KernelSettings,
    work_dir: Path,
    program: KernelProgram,
    environment: Mapping[str, str],
    policy: SandboxPolicy | None,
) -> KernelPlan:
    return KernelPlan(
        program=program,
        work_dir=work_dir,
        environment=_with_own_programs(environment, program),
        policy=policy,
        limits=settings.limits,
        memory_limit=settings.memory_limit or 0,
    )


def _with_own_programs(environment: Mapping[str, str], program: KernelProgram) -> Mapping[str, str]:
    """Put the interpreter's folder first on the PATH: `python` and `pip` in a shell block are the kernel's own."""
    if program.language != "python":
        return environment
    folder = str(Path(program.argv[0]).parent)
    return {**environment, "PATH": os.pathsep.join([folder, environment.get("PATH", os.defpath)])}


async def _why_unusable(plan: KernelPlan) -> str:
    if plan.policy is None:
        return "no policy"
    with tempfile.TemporaryDirectory(prefix="codeagent-") as run_dir:
        # Without what it protects: a thousand binds take seconds, and tell nothing new.
        arguments = sandbox.bubblewrap_arguments(replace(plan.policy, protected=()), Path(run_dir))
        return await sandbox.why_unusable(arguments, plan.environment) or ""
