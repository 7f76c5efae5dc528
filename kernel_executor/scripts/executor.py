"""Runs each code block as a script in a process of its own, on this machine, in a sandbox where one works.

AutoGen's LocalCommandLineCodeExecutor. Blocks share the files of the work folder and nothing else.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from kernel_executor.aio.tasks import together
from kernel_executor.folders.work_folder import open_for_code
from kernel_executor.functions.functions import FunctionLike
from kernel_executor.functions.module_folder import with_functions_here
from kernel_executor.in_kernel import PACKAGES
from kernel_executor.lifecycle.base import ManagedExecutor
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import Network, known_network
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.confinement import absolute_paths, choose, enclose, existing_paths, known_mode
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.interpreter import ask_python
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.sandbox.process import ManagedProcess
from kernel_executor.scripts.local import LocalScript, languages
from kernel_executor.scripts.runner import ScriptFolder, ScriptRunner, names_in
from kernel_executor.scripts.script import Script


class VirtualEnvironment(Protocol):
    """A virtual environment, as `venv.EnvBuilder().ensure_directories()` describes it."""

    @property
    def env_exe(self) -> str:
        """Its interpreter."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSettings:
    """What a user asked for; the fields are arguments of `LocalCommandLineCodeExecutor`."""

    work_dir: str | Path | None = None
    functions: tuple[FunctionLike, ...] = ()
    functions_module: str = "functions"
    cleanup_temp_files: bool = True
    virtual_env_context: VirtualEnvironment | None = None
    sandbox: SandboxMode = "auto"
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    limits: OutputLimits = field(default_factory=OutputLimits)
    resource_limits: ResourceLimits = field(default_factory=ResourceLimits)
    network: Network = "none"

    @property
    def absent(self) -> tuple[Path, ...]:
        """Nothing: only a kernel replays what ran before."""
        return ()

    @property
    def delivers(self) -> bool:
        """Always: only a kernel replays what ran before."""
        return True

    @property
    def python(self) -> str:
        """The interpreter of Python scripts."""
        # Absolute, and no link is followed: it tells the interpreter which environment is meant.
        return str(Path(self.virtual_env_context.env_exe).absolute()) if self.virtual_env_context else sys.executable


class LocalCommandLineCodeExecutor(ManagedExecutor[ScriptRunner]):
    """Runs each code block as a script in a process of its own; blocks share files, no variables.

    Use it as `async with LocalCommandLineCodeExecutor() as executor`. A first line `# filename: name.py` names the
    script's file in the work folder, which then stays there.

    Args:
        timeout: Seconds a block may take; None sets no limit.
        work_dir: Folder the code runs in; None makes a fresh private one that `stop` deletes.
        functions: Functions that Python code may import from `functions_module`.
        functions_module: Name of that module.
        cleanup_temp_files: False keeps scripts that have no name of their own.
        virtual_env_context: A virtual environment whose Python runs the code, by default ours.
        sandbox: `auto` uses bubblewrap where it works, `bubblewrap` insists, `none` runs the code bare.
        readable: Further files and folders that sandboxed code may read.
        writable: Files and folders that it may change.
        devices: Device files it may use; a sandbox hides them.
        hidden: Files and folders of `work_dir` that sandboxed code does not see; they need not exist yet.
        env: Further variables for the code; ours pass only by an allow-list.
        limits: How much output of one block is kept.
        resource_limits: How much of the machine sandboxed code may use.
        network: What sandboxed code may reach, by HTTP and HTTPS: `none`, `all` public names, or a list of names such
            as `["data.example.org", "localhost:8123"]`; `[]` refuses each until `allow_network` allows it.
    """

    def __init__(  # noqa: PLR0917 - AutoGen takes them by position
        self,
        timeout: float | None = 60.0,
        work_dir: str | Path | None = None,
        functions: Sequence[FunctionLike] = (),
        functions_module: str = "functions",
        cleanup_temp_files: bool = True,
        virtual_env_context: VirtualEnvironment | None = None,
        *,
        sandbox: SandboxMode = "auto",
        readable: Sequence[str | Path] = (),
        writable: Sequence[str | Path] = (),
        devices: Sequence[str | Path] = (),
        hidden: Sequence[str | Path] = (),
        env: Mapping[str, str] | None = None,
        limits: OutputLimits | None = None,
        resource_limits: ResourceLimits | None = None,
        network: Network = "none",
    ) -> None:
        super().__init__(timeout=timeout, functions=functions, functions_module=functions_module)
        self.settings: Final = ScriptSettings(
            work_dir=work_dir,
            functions=tuple(functions),
            functions_module=functions_module,
            cleanup_temp_files=cleanup_temp_files,
            virtual_env_context=virtual_env_context,
            sandbox=known_mode(sandbox),
            readable=existing_paths(readable),
            writable=existing_paths(writable),
            devices=existing_paths(devices),
            hidden=absolute_paths(hidden),
            env=dict(env or {}),
            limits=limits or OutputLimits(),
            resource_limits=resource_limits or ResourceLimits(),
            network=known_network(network),
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of blocks that run; their aliases do, too."""
        return languages()

    async def _open(self, stack: AsyncExitStack) -> ScriptRunner:
        settings = self.settings
        work_dir = open_for_code(settings.work_dir, stack)
        settings = await with_functions_here(settings, self._functions, work_dir, settings.python, stack)
        interpreter, chosen = await together(ask_python(settings.python, {}), choose(settings, work_dir))
        programs = [Path(settings.python).parent]
        enclosure = await enclose(settings, work_dir, chosen, interpreter, programs, env={}, stack=stack)
        enclosure = replace(enclosure, environment=_with_packages(enclosure.environment))
        taken = frozenset(entry.name for entry in work_dir.iterdir())
        granted = names_in(work_dir, settings.writable)
        return ScriptRunner(
            ScriptFolder(work_dir, enclosure.stage, taken, granted, keep=not settings.cleanup_temp_files),
            limits=settings.limits,
            languages=languages(),
            launch=partial(_launch, settings.python, enclosure),
            isolation=await _look_at(enclosure),
            explained=enclosure.explained,
            gate=enclosure.gate,
        )


def _with_packages(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables by which scripts find packages that others have installed."""
    places = filter(None, (environment.get("PYTHONPATH"), environment.get(PACKAGES)))
    return {**environment, "PYTHONPATH": os.pathsep.join(places)} if PACKAGES in environment else environment


async def _launch(python: str, enclosure: Enclosure, script: Script) -> LocalScript:
    return await LocalScript.start(script, python, enclosure)


async def _look_at(enclosure: Enclosure) -> Isolation:
    """Start something that waits, and look at what holds it: every script is started the same way."""
    waiting = ["/bin/sh", "-c", "echo; exec sleep 60"]
    process = await ManagedProcess.start(waiting, enclosure, stdout=subprocess.PIPE)
    try:
        if process.stdout:  # what it says tells that bubblewrap is done with its preparations
            await asyncio.to_thread(process.stdout.readline)
        return enclosure.look_at(process.pid)
    finally:
        process.reap()
        process.close_pipes()
