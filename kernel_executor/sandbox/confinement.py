"""Decides in which environment and which sandbox local code runs. Starts only bubblewrap, to try it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from kernel_executor.errors import KernelStartError, SandboxUnavailable
from kernel_executor.folders.trees import Seen
from kernel_executor.sandbox import bubblewrap as sandbox, mount_table, seccomp
from kernel_executor.sandbox.bubblewrap import Granted, Mount, SandboxMode, SandboxPolicy
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.isolation import Isolation, filters_calls, filters_can_be_counted, holds_no_key, probe
from kernel_executor.sandbox.mount_table import Expected
from kernel_executor.stage.stage import Stage


class Confinement(Granted, Protocol):
    """What a user wants to hold the code; the settings of each local executor say it."""

    @property
    def sandbox(self) -> SandboxMode:
        """`auto`, `bubblewrap` or `none`."""
        ...

    @property
    def hidden(self) -> tuple[Path, ...]:
        """Files of `work_dir` that code does not see."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Further variables."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """Where local code runs.

    Args:
        work_dir: Its working folder.
        environment: Its variables, all of them.
        policy: What it may touch; None runs it bare.
        stage: What it may write to; None without a sandbox.
        unsandboxed: Why there is no sandbox, if there is none.
    """

    work_dir: Path
    environment: Mapping[str, str]
    policy: SandboxPolicy | None
    stage: Stage | None = None
    unsandboxed: str = ""

    def plan(self, shared: Sequence[Path] = ()) -> "Sandbox | None":
        """Return the sandbox of one process that is to be started now, or None without one.

        Args:
            shared: Folders of ours that are writable inside, e.g. that of a kernel's sockets.
        """
        if self.policy is None or self.stage is None:
            return None
        return Sandbox(sandbox.with_covers(self.policy), self.stage, tuple(shared))

    def look_at(self, pid: int) -> Isolation:
        """Report what holds a process that was started in here, and whose files were checked.

        Raises:
            KernelStartError: It is gone, or the sandbox does not hold it.
        """
        if self.policy is None:
            return Isolation(reason=self.unsandboxed, environment=holds_no_key(pid))
        try:
            found = probe(pid, files=True, devices=self.policy.devices)
        except OSError as error:
            raise KernelStartError(f"the process ended as soon as it had started: {error}") from error
        if not found.isolates or not (found.system_calls or not _shows_filters()):
            raise KernelStartError(f"bubblewrap started but does not hold the process: {found}")
        return found


def _shows_filters() -> bool:
    """Return whether there is a filter here, and one can be seen."""
    return seccomp.this_machine() is not None and filters_can_be_counted()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What holds one process: what was looked at for its arguments is what it is compared with.

    Args:
        policy: What it may touch.
        stage: What it may write to.
        shared: Folders of ours that are writable inside.
    """

    policy: SandboxPolicy
    stage: Stage
    shared: tuple[Path, ...]

    def arguments(self) -> list[str]:
        """Return bubblewrap's arguments."""
        return sandbox.bubblewrap_arguments(self.policy, self.shared)

    def check_files(self, pid: int) -> None:
        """Compare what a process sees of the host's files with what it is to see; call before it runs any code.

        Raises:
            UnexpectedMount: It sees something else.
            OSError: It is gone.
        """
        mounts = sandbox.mounts(self.policy, self.shared)
        empty = {str(mount.target) for mount in mounts if mount.kind == "tmpfs"}
        mount_table.check(pid, self._expected([mount for mount in mounts if mount.kind != "tmpfs"]), empty)

    def is_filtered(self, pid: int) -> bool:
        """Return whether the system calls of a process are filtered, or that cannot be seen on this machine.

        Raises:
            OSError: It is gone.
        """
        return not _shows_filters() or filters_calls(pid)

    def _expected(self, mounts: Sequence[Mount]) -> list[Expected]:
        """Return every mount there is to be, and the very files that are to be seen there."""
        stage = self.stage
        base, files = stage.identity()
        known = {stage.place.files: files, stage.place.base: base}
        own = [
            Expected.of(
                mount.target,
                known.get(mount.source) or Seen.of(mount.source.stat()),
                writable=mount.kind != "ro-bind",
                nested=mount.source != stage.place.files,
            )
            for mount in mounts
        ]
        return [*own, *(Expected.of(path, Seen.of(path.stat())) for path in sandbox.system_paths())]


def existing_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Resolve paths the user names.

    Raises:
        FileNotFoundError: One of them does not exist.
    """
    resolved = tuple(Path(path).expanduser().resolve() for path in paths)
    if missing := [str(path) for path in resolved if not path.exists()]:
        raise FileNotFoundError(f"cannot let the sandbox see {', '.join(missing)}: no such file or folder")
    return resolved


def absolute_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return paths the user names, which need not exist, whatever the current folder will be."""
    return tuple(Path(path).expanduser().absolute() for path in paths)


def known_mode(mode: SandboxMode) -> SandboxMode:
    """Return the mode.

    Raises:
        ValueError: There is no such mode.
    """
    if mode not in ("auto", "bubblewrap", "none"):
        raise ValueError(f"sandbox must be 'auto', 'bubblewrap' or 'none', not {mode!r}")
    return mode


async def enclose(
    wanted: Confinement,
    work_dir: Path,
    interpreter: Interpreter,
    programs: Sequence[Path],
    *,
    env: Mapping[str, str],
    stack: AsyncExitStack,
) -> Enclosure:
    """Return where code is to run, in a sandbox if that is wanted and works.

    Args:
        wanted: What the user wants.
        work_dir: The working folder.
        interpreter: What has to be seen of the program that runs.
        programs: The folders that stand first on the PATH: `python` and `pip` are those of the interpreter.
        env: Variables the program asks for; the user's win.
        stack: Takes the stage away again.

    Raises:
        KernelStartError: No stage can be made.
        SandboxUnavailable: A sandbox was insisted on and does not work here.
    """
    bare = {**env, **kernel_environment(os.environ, wanted.env, home=None)}
    reason = "sandbox='none' was asked for"
    if wanted.sandbox != "none":
        policy = SandboxPolicy(
            work_dir=work_dir,
            readable=wanted.readable,
            writable=wanted.writable,
            devices=wanted.devices,
            interpreter=interpreter,
        )
        environment = _first(programs, _sandboxed(wanted, interpreter, env))
        # Without the stage: to copy what it shows takes time, and tells nothing new.
        reason = await sandbox.why_unusable(sandbox.bubblewrap_arguments(policy), environment) or ""
        if not reason:
            mounted = sandbox.mounted_in(work_dir, wanted, interpreter)
            stage = await Stage.open(work_dir, mounted=mounted, hidden=wanted.hidden)
            stack.push_async_callback(stage.aclose)
            return Enclosure(
                work_dir=work_dir, environment=environment, policy=replace(policy, stage=stage.place), stage=stage
            )
        if wanted.sandbox == "bubblewrap":
            raise SandboxUnavailable(f"{reason}. To run without a sandbox, say sandbox='none'.")
    return Enclosure(work_dir=work_dir, environment=_first(programs, bare), policy=None, unsandboxed=reason)


def _sandboxed(wanted: Confinement, interpreter: Interpreter, env: Mapping[str, str]) -> dict[str, str]:
    environment = kernel_environment(os.environ, {**env, **wanted.env}, home=sandbox.HOME)
    environment["PIP_RETRIES"] = "0"  # there is no network: without it `pip install` fails after half a minute
    if interpreter.user_base:
        environment["PYTHONUSERBASE"] = interpreter.user_base
    return environment


def _first(programs: Sequence[Path], environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**environment, "PATH": os.pathsep.join([*map(str, programs), environment.get("PATH", os.defpath)])}
