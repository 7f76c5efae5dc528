"""Decides in which environment and which sandbox local code runs. Starts only bubblewrap, to try it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from kernel_executor import sandbox
from kernel_executor.environment import kernel_environment
from kernel_executor.errors import KernelStartError, SandboxUnavailable
from kernel_executor.isolation import Isolation, holds_no_key, probe
from kernel_executor.sandbox import Interpreter, SandboxMode, SandboxPolicy


class Confinement(Protocol):
    """What a user wants to hold the code; the settings of each local executor say it."""

    @property
    def sandbox(self) -> SandboxMode:
        """`auto`, `bubblewrap` or `none`."""
        ...

    @property
    def readable(self) -> tuple[Path, ...]:
        """Further files and folders to read."""
        ...

    @property
    def writable(self) -> tuple[Path, ...]:
        """Files and folders to change."""
        ...

    @property
    def devices(self) -> tuple[Path, ...]:
        """Device files to use."""
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
        unsandboxed: Why there is no sandbox, if there is none.
    """

    work_dir: Path
    environment: Mapping[str, str]
    policy: SandboxPolicy | None
    unsandboxed: str = ""

    def arguments(self, shared: Sequence[Path] = ()) -> list[str] | None:
        """Return bubblewrap's arguments, or None without a sandbox.

        Args:
            shared: Folders of ours that are writable inside, e.g. that of a kernel's sockets.
        """
        return sandbox.bubblewrap_arguments(self.policy, shared) if self.policy else None

    def look_at(self, pid: int, shared: Sequence[Path] = ()) -> Isolation:
        """Report what holds a process that was started in here.

        Raises:
            KernelStartError: It is gone, or the sandbox does not hold it.
        """
        if self.policy is None:
            return Isolation(reason=self.unsandboxed, environment=holds_no_key(pid))
        try:
            found = probe(pid, (self.work_dir, *shared, *self.policy.writable), self.policy.devices)
        except OSError as error:
            raise KernelStartError(f"the process ended as soon as it had started: {error}") from error
        if not found.isolates:
            raise KernelStartError(f"bubblewrap started but does not hold the process: {found}")
        return found


def existing_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Resolve paths the user names.

    Raises:
        FileNotFoundError: One of them does not exist.
    """
    resolved = tuple(Path(path).expanduser().resolve() for path in paths)
    if missing := [str(path) for path in resolved if not path.exists()]:
        raise FileNotFoundError(f"cannot let the sandbox see {', '.join(missing)}: no such file or folder")
    return resolved


def known_mode(mode: SandboxMode) -> SandboxMode:
    """Return the mode.

    Raises:
        ValueError: There is no such mode.
    """
    if mode not in ("auto", "bubblewrap", "none"):
        raise ValueError(f"sandbox must be 'auto', 'bubblewrap' or 'none', not {mode!r}")
    return mode


async def enclose(
    wanted: Confinement, work_dir: Path, interpreter: Interpreter, programs: Sequence[Path], env: Mapping[str, str]
) -> Enclosure:
    """Return where code is to run, in a sandbox if that is wanted and works.

    Args:
        wanted: What the user wants.
        work_dir: The working folder.
        interpreter: What has to be seen of the program that runs.
        programs: The folders that stand first on the PATH: `python` and `pip` are those of the interpreter.
        env: Variables the program asks for; the user's win.

    Raises:
        KernelStartError: The folder cannot be protected.
        SandboxUnavailable: A sandbox was insisted on and does not work here.
    """
    bare = {**env, **kernel_environment(os.environ, wanted.env, home=None)}
    reason = "sandbox='none' was asked for"
    if wanted.sandbox != "none":
        enclosure = _sandboxed(wanted, work_dir, interpreter, programs, env)
        reason = await _why_unusable(enclosure)
        if not reason:
            return enclosure
        if wanted.sandbox == "bubblewrap":
            raise SandboxUnavailable(f"{reason}. To run without a sandbox, say sandbox='none'.")
    return Enclosure(work_dir=work_dir, environment=_first(programs, bare), policy=None, unsandboxed=reason)


def _sandboxed(
    wanted: Confinement, work_dir: Path, interpreter: Interpreter, programs: Sequence[Path], env: Mapping[str, str]
) -> Enclosure:
    environment = kernel_environment(os.environ, {**env, **wanted.env}, home=sandbox.HOME)
    environment["PIP_RETRIES"] = "0"  # there is no network: without it `pip install` fails after half a minute
    if interpreter.user_base:
        environment["PYTHONUSERBASE"] = interpreter.user_base
    policy = SandboxPolicy(
        work_dir=work_dir,
        protected=sandbox.entries_to_protect(work_dir, wanted.writable),
        readable=wanted.readable,
        writable=wanted.writable,
        devices=wanted.devices,
        interpreter=interpreter,
    )
    return Enclosure(work_dir=work_dir, environment=_first(programs, environment), policy=policy)


def _first(programs: Sequence[Path], environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**environment, "PATH": os.pathsep.join([*map(str, programs), environment.get("PATH", os.defpath)])}


async def _why_unusable(enclosure: Enclosure) -> str:
    if enclosure.policy is None:
        return "no policy"
    # Without what it protects: a thousand binds take seconds, and tell nothing new.
    arguments = sandbox.bubblewrap_arguments(replace(enclosure.policy, protected=()))
    return await sandbox.why_unusable(arguments, enclosure.environment) or ""
