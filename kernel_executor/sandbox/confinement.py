"""Decides in which environment and which sandbox local code runs. Starts only bubblewrap, to try it."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from kernel_executor.errors import SandboxUnavailable
from kernel_executor.folders.home import with_home
from kernel_executor.in_kernel import PACKAGES
from kernel_executor.in_kernel.read_only import FOLDER
from kernel_executor.limits.resource_limits import ResourceLimits, bounds_here
from kernel_executor.network.gate import Gate, Network
from kernel_executor.network.variables import proxy_variables
from kernel_executor.sandbox import bubblewrap, landlock
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.environment import kernel_environment
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.sandbox.policy import Granted, SandboxMode, SandboxPolicy, as_it_leads, mounted_in
from kernel_executor.stage.options import StageOptions
from kernel_executor.stage.place import HOME, INSTALLED_AT, Place
from kernel_executor.stage.stage import Stage

Mechanism = Literal["bubblewrap", "landlock"]

MECHANISMS: Mapping[SandboxMode, tuple[Mechanism, ...]] = {
    "auto": ("bubblewrap", "landlock"),
    "bubblewrap": ("bubblewrap",),
    "landlock": ("landlock",),
    "none": (),
}
"""What is tried, in this order."""


NEEDED_FOR_NETWORK = "Only bubblewrap keeps code to the names of `network=`: without `network=` it reaches nothing"

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
    def absent(self) -> tuple[Path, ...]:
        """Files of `work_dir` that are not there for code."""
        ...

    @property
    def delivers(self) -> bool:
        """Whether what code makes is ever delivered."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """Further variables."""
        ...

    @property
    def network(self) -> Network:
        """What of the network it may reach."""
        ...

    @property
    def resource_limits(self) -> ResourceLimits:
        """How much of the machine it may use in a sandbox."""
        ...


def existing_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Resolve paths the user names.

    Raises:
        FileNotFoundError: One of them does not exist.
    """
    resolved = tuple(with_home(path).resolve() for path in paths)
    if missing := [str(path) for path in resolved if not path.exists()]:
        raise FileNotFoundError(f"cannot let the sandbox see {', '.join(missing)}: no such file or folder")
    return resolved


def absolute_paths(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Return paths the user names, which need not exist, whatever the current folder will be."""
    absolute = [with_home(path).absolute() for path in paths]
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to hold the code.

    Args:
        mechanism: What works here; None if nothing does, or nothing is wanted.
        reason: Why there is no sandbox, or not the better one.
    """

    mechanism: Mechanism | None
    reason: str


async def choose(wanted: Confinement, work_dir: Path) -> Chosen:
    """Try what a user wants to hold the code, with what is granted.

    It takes some milliseconds, in which the interpreter can be asked where it lives (17 ms, measured).

    Raises:
        SandboxUnavailable: A sandbox was insisted on and does not work here.
    """
    _check_network(wanted)
    environment = kernel_environment(os.environ, wanted.env, home=HOME)
    reasons: list[str] = []
    for mechanism in MECHANISMS[wanted.sandbox]:
        reason = await _why_unusable(mechanism, _granted(wanted, work_dir), environment)
        if reason is None:
            return Chosen(mechanism, "; ".join(reasons))
        reasons.append(reason)
        if wanted.network != "none":
            raise SandboxUnavailable(f"{reason}. {NEEDED_FOR_NETWORK}.")
    if wanted.sandbox not in {"auto", "none"}:
        raise SandboxUnavailable(f"{reasons[0]}. To run without a sandbox, say sandbox='none'.")
    return Chosen(None, "; ".join(dict.fromkeys(reasons)) or "sandbox='none' was asked for")


async def enclose(
    wanted: Confinement,
    work_dir: Path,
    chosen: Chosen,
    interpreter: Interpreter,
    programs: Sequence[Path],
    *,
    env: Mapping[str, str],
    stack: AsyncExitStack,
) -> Enclosure:
    """Return where code is to run.

    Args:
        wanted: What the user wants.
        work_dir: The working folder.
        chosen: What holds it.
        interpreter: What has to be seen of the program that runs.
        programs: The folders that stand first on the PATH: `python` and `pip` are those of the interpreter.
        env: Variables the program asks for; the user's win.
        stack: Takes the stage away again.

    Raises:
        KernelStartError: No stage can be made.
    """
    if chosen.mechanism is None:
        bare = {**env, **kernel_environment(os.environ, wanted.env, home=None)}
        enclosure = Enclosure(work_dir=work_dir, environment=bare, policy=None)
    else:
        policy = as_it_leads(replace(_granted(wanted, work_dir), interpreter=interpreter))
        enclosure = await _enclosed(wanted, policy, chosen.mechanism, env, stack)
    return replace(enclosure, environment=_first(programs, enclosure.environment), reason=chosen.reason)


def _granted(wanted: Confinement, work_dir: Path) -> SandboxPolicy:
    return SandboxPolicy(
        work_dir=work_dir,
        readable=wanted.readable,
        writable=wanted.writable,
        devices=wanted.devices,
        hidden=wanted.hidden,
    )


async def _enclosed(
    wanted: Confinement, policy: SandboxPolicy, mechanism: Mechanism, env: Mapping[str, str], stack: AsyncExitStack
) -> Enclosure:
    """Return where code runs in a sandbox that works; errors are those of `enclose`."""
    mounted = mounted_in(policy.work_dir, wanted, policy.interpreter)
    options = StageOptions(
        mounted=mounted,
        hidden=wanted.hidden,
        absent=wanted.absent,
        is_mounted=mechanism == "bubblewrap",
        delivers=wanted.delivers,
    )
    stage = await Stage.open(policy.work_dir, options)
    stack.push_async_callback(stage.aclose)
    gate = Gate.of(wanted.network)
    own = _own_variables(wanted, stage.place) | _of_network(gate)
    environment = _sandboxed(wanted, policy.interpreter, {**env, **own}, stage.place.home)
    bounds = bounds_here(wanted.resource_limits, stage.place.files)
    return Enclosure(
        work_dir=policy.work_dir,
        environment=_with_installed(environment, policy.interpreter) if gate else environment,
        policy=replace(policy, stage=stage.place, temporary=bounds.temporary, installs=gate is not None),
        stage=stage,
        bounds=bounds,
        gate=gate,
    )


def _check_network(wanted: Confinement) -> None:
    """Refuse a network that nobody keeps.

    Raises:
        SandboxUnavailable: What was chosen does not bound it.
    """
    if wanted.network != "none" and "bubblewrap" not in MECHANISMS[wanted.sandbox]:
        raise SandboxUnavailable(f"sandbox={wanted.sandbox!r} cannot keep code to some names. {NEEDED_FOR_NETWORK}.")


def _of_network(gate: Gate | None) -> dict[str, str]:
    """Return what code needs to be told of the network, and pip of where to install packages."""
    if gate is None:
        return {"PIP_RETRIES": "0"}  # without it `pip install` fails after half a minute
    return {
        **proxy_variables(gate.allowed),
        "PIP_PREFIX": INSTALLED_AT,
        "PIP_RETRIES": "2",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",  # it would ask a name that need not be allowed
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def _with_installed(environment: Mapping[str, str], interpreter: Interpreter) -> dict[str, str]:
    """Return the variables with where pip will install packages among what Python and shells look through."""
    places = [f"{INSTALLED_AT}/{path}" for path in interpreter.installed]
    programs = (environment.get("PATH", os.defpath), f"{INSTALLED_AT}/bin")
    return {**environment, PACKAGES: os.pathsep.join(places), "PATH": os.pathsep.join(programs)}


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
    if interpreter.user_base:
        environment["PYTHONUSERBASE"] = interpreter.user_base
    return environment


def _first(programs: Sequence[Path], environment: Mapping[str, str]) -> Mapping[str, str]:
    return {**environment, "PATH": os.pathsep.join([*map(str, programs), environment.get("PATH", os.defpath)])}
