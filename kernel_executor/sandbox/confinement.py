"""Decides in which environment and which sandbox local code runs. Starts only bubblewrap, to try it."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from kernel_executor.errors import KernelStartError, SandboxUnavailable
from kernel_executor.in_kernel.read_only import FOLDER
from kernel_executor.sandbox import bubblewrap, landlock
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.sandbox.in_bubblewrap import InBubblewrap, shows_filters
from kernel_executor.sandbox.in_landlock import InLandlock
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.isolation import Isolation, holds_no_key, probe, probe_alone
from kernel_executor.sandbox.launching import Sandbox
from kernel_executor.sandbox.policy import Granted, SandboxMode, SandboxPolicy, as_it_leads, mounted_in, with_covers
from kernel_executor.sandbox.refusals import explained_by
from kernel_executor.stage.place import HOME, Place
from kernel_executor.stage.stage import Stage
from kernel_executor.types import BlockResult

Mechanism = Literal["bubblewrap", "landlock"]

MECHANISMS: Mapping[SandboxMode, tuple[Mechanism, ...]] = {
    "auto": ("bubblewrap", "landlock"),
    "bubblewrap": ("bubblewrap",),
    "landlock": ("landlock",),
    "none": (),
}
"""What is tried, in this order."""


DO_WITHOUT = {"GIT_CONFIG_NOSYSTEM": "1"}
"""Variables for programs that end where a system's settings are seen and cannot be read, as with Landlock."""


class Confinement(Granted, Protocol):
    """What a user wants to hold the code; the settings of each local executor say it."""

    @property
    def sandbox(self) -> SandboxMode:
        """`auto`, `bubblewrap`, `landlock` or `none`."""
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
        reason: Why there is no sandbox, or not the better one.
    """

    work_dir: Path
    environment: Mapping[str, str]
    policy: SandboxPolicy | None
    stage: Stage | None = None
    reason: str = ""

    def plan(self, shared: Sequence[Path] = ()) -> Sandbox | None:
        """Return the sandbox of one process that is to be started now, or None without one.

        Args:
            shared: Folders of ours that are writable inside, e.g. that of a kernel's sockets.
        """
        if self.policy is None or self.stage is None:
            return None
        policy = with_covers(self.policy)
        if self.stage.place.is_mounted:
            return InBubblewrap(policy, self.stage, tuple(shared))
        return InLandlock(str(self.stage.place.here), landlock.rules(policy, self.stage, shared))

    def explained(self, result: BlockResult, isolation: Isolation) -> BlockResult:
        """Return a block's result with what the sandbox has to do with its error."""
        if self.policy is None or self.stage is None:
            return result
        seen = (self.work_dir, *self.policy.readable, *self.policy.writable)
        return explained_by(result, isolation, seen=tuple(map(str, seen)), home=self.stage.place.home)

    def look_at(self, pid: int) -> Isolation:
        """Report what holds a process that was started in here, and whose files were checked.

        Raises:
            KernelStartError: It is gone, or the sandbox does not hold it.
        """
        if self.policy is None or self.stage is None:
            return Isolation(reason=self.reason, environment=holds_no_key(pid))
        look = probe if self.stage.place.is_mounted else probe_alone
        try:
            found = look(pid, devices=self.policy.devices)
        except OSError as error:
            raise KernelStartError(f"the process ended as soon as it had started: {error}") from error
        if not found.isolates or not (found.system_calls or not shows_filters()):
            raise KernelStartError(
                f"{found.mechanism} started but is not seen to hold the process ({found.summary}). "
                "To run without a sandbox, say sandbox='none'."
            )
        return replace(found, reason=self.reason)


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
    absolute = [Path(path).expanduser().absolute() for path in paths]
    return tuple(path.parent.resolve() / path.name for path in absolute)


def known_mode(mode: SandboxMode) -> SandboxMode:
    """Return the mode.

    Raises:
        ValueError: There is no such mode.
    """
    if mode not in MECHANISMS:
        *others, last = map(repr, MECHANISMS)
        raise ValueError(f"sandbox must be {', '.join(others)} or {last}, not {mode!r}")
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
    policy = as_it_leads(
        SandboxPolicy(
            work_dir=work_dir,
            readable=wanted.readable,
            writable=wanted.writable,
            devices=wanted.devices,
            interpreter=interpreter,
            hidden=wanted.hidden,
        )
    )
    reasons: list[str] = []
    for mechanism in MECHANISMS[wanted.sandbox]:
        reason = await _why_unusable(mechanism, policy, _first(programs, _sandboxed(wanted, interpreter, env, HOME)))
        if reason is None:
            mounted = mounted_in(work_dir, wanted, interpreter)
            is_mounted = mechanism == "bubblewrap"
            stage = await Stage.open(work_dir, mounted=mounted, hidden=wanted.hidden, is_mounted=is_mounted)
            stack.push_async_callback(stage.aclose)
            inside = _sandboxed(wanted, interpreter, {**env, **_own_variables(wanted, stage.place)}, stage.place.home)
            return Enclosure(
                work_dir=work_dir,
                environment=_first(programs, inside),
                policy=replace(policy, stage=stage.place),
                stage=stage,
                reason="; ".join(reasons),
            )
        reasons.append(reason)
    if wanted.sandbox not in {"auto", "none"}:
        raise SandboxUnavailable(f"{reasons[0]}. To run without a sandbox, say sandbox='none'.")
    bare = {**env, **kernel_environment(os.environ, wanted.env, home=None)}
    why = "; ".join(dict.fromkeys(reasons)) or "sandbox='none' was asked for"
    return Enclosure(work_dir=work_dir, environment=_first(programs, bare), policy=None, reason=why)


def _own_variables(wanted: Confinement, place: Place) -> dict[str, str]:
    """Return what code needs to be told where nothing is mounted for it."""
    if place.is_mounted:
        return {}
    watched = json.dumps([str(place.base), *map(str, wanted.writable)])
    return {**DO_WITHOUT, "TMPDIR": str(place.temporary), FOLDER: watched}


async def _why_unusable(mechanism: Mechanism, policy: SandboxPolicy, environment: Mapping[str, str]) -> str | None:
    """Try a mechanism, without the stage: to copy what it shows takes time, and tells nothing new."""
    if mechanism == "bubblewrap":
        return await bubblewrap.why_unusable(policy, environment)
    return await landlock.why_unusable()


def _sandboxed(wanted: Confinement, interpreter: Interpreter, env: Mapping[str, str], home: str) -> dict[str, str]:
    environment = kernel_environment(os.environ, {**env, **wanted.env}, home=home)
    environment["PIP_RETRIES"] = "0"  # there is no network: without it `pip install` fails after half a minute
    if interpreter.user_base:
        environment["PYTHONUSERBASE"] = interpreter.user_base
    return environment


def _first(programs: Sequence[Path], environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**environment, "PATH": os.pathsep.join([*map(str, programs), environment.get("PATH", os.defpath)])}
