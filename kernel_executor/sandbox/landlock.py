"""What Landlock lets code touch, as rules, and what a process is told of it. Starts only a command, to try it.

Landlock (landlock(7)) holds a process without namespaces, hence where these are refused: stock Ubuntu, containers. What
it does not hold by itself the filter does: Unix sockets by their path (docker.sock, an agent's, a session bus), all
other sockets, modes and times of files, System V IPC, other processes' limits.
"""

import ctypes
import errno
import json
import marshal
import os
import platform
import stat
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from kernel_executor.aio.tasks import in_thread, run_helper_now
from kernel_executor.limits.resource_limits import limit_files, own_cgroups
from kernel_executor.sandbox import seccomp
from kernel_executor.sandbox.policy import SandboxPolicy, System, interpreter_paths
from kernel_executor.sandbox.system_calls import ALONE
from kernel_executor.sandbox.systems import why_not_here
from kernel_executor.stage.stage import Stage

SCRIPT = Path(__file__).with_name("landlock_process.py")
RUN = (
    "import marshal, sys; program, told = marshal.load(open(int(sys.argv[1]), 'rb')); "
    "exec(program); main(told)  # landlock_process.py"
)
"""The comment is for those who list processes."""

LEAST_ABI = 6
"""Linux 6.12: files with truncation, device controls, TCP, signals and abstract sockets."""

CREATE_RULESET = 444
VERSION = 1  # LANDLOCK_CREATE_RULESET_VERSION

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEVICE = (1 << bit for bit in range(13, 16))

ALL_OF_FILES = (1 << 16) - 1
ALL_OF_NETWORK = 0b11
"""Binding and connecting TCP sockets."""
ALL_SCOPED = 0b11
"""Abstract Unix sockets and signals."""

OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE
"""What may be allowed for a file that is no folder."""

READ = EXECUTE | READ_FILE | READ_DIR
WRITE = ALL_OF_FILES & ~(MAKE_CHAR | MAKE_BLOCK | IOCTL_DEVICE)
USE = READ_FILE | WRITE_FILE | IOCTL_DEVICE

DEVICES = ("null", "zero", "full")
SOURCES = ("random", "urandom")


ABSENT = {
    errno.ENOSYS: "Landlock is not there: Linux 6.12 or newer has what is needed, unless a container hides it",
    errno.EOPNOTSUPP: "Landlock is switched off here: `landlock` has to be among Linux's `lsm=`",
    errno.EPERM: "Landlock is refused here: the container's profile has to let its system calls through",
}
"""What it means when Linux does not say which version it has; other errors mean the same as the first."""

TRIED = frozenset({"files", "network", "datagrams", "sockets", "signals"})
"""What the process has tried in vain before it tells of itself."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be done to a file, or to a folder and all in it.

    Args:
        path: Which.
        device: Of the file system it is on.
        inode: Its own: a name may lead elsewhere when the rule is made.
        allowed: What; bits of `landlock_path_beneath_attr`.
    """

    path: str
    device: int
    inode: int
    allowed: int

    @classmethod
    def of(cls, path: str, found: os.stat_result, allowed: int) -> "Rule":
        """Make a rule for what was found at a path; of a file less may be allowed than of a folder."""
        return cls(path, found.st_dev, found.st_ino, allowed if stat.S_ISDIR(found.st_mode) else allowed & OF_FILES)


def abi() -> int:
    """Ask Linux which version of Landlock is here; return the error's number, negative, if there is none."""
    found = int(ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, VERSION))
    return found if found > 0 else -ctypes.get_errno()


def rules(policy: SandboxPolicy, stage: Stage, shared: Sequence[Path] = ()) -> list[Rule]:
    """Return what code may touch; what no rule names is out of its reach.

    Args:
        policy: What may be touched.
        stage: What it may write to; its folders are known by their descriptors, whatever their names lead to now.
        shared: Folders of ours that are writable, e.g. that of a kernel's sockets and connection file.
    """
    hidden = frozenset(map(str, (*policy.covered, *policy.hidden)))
    granted = [(path, READ) for path in (*interpreter_paths(policy.interpreter), *policy.readable)]
    granted += [(path, WRITE) for path in policy.writable]
    granted += [(path, USE) for path in policy.devices]
    system = System.now()
    own = [(path, READ) for path in (*system.folders, *system.files)]
    own += [(Path("/dev", name), READ_FILE | WRITE_FILE) for name in DEVICES]
    own += [(Path("/dev", name), READ_FILE) for name in SOURCES]
    own += [(Path("/proc"), READ_FILE | READ_DIR)]  # all of it: processes come and go
    # Programs that see these and cannot read them, DuckDB say, do not start.
    own += [(path, READ_FILE) for path in limit_files(own_cgroups()) if os.access(path, os.R_OK)]
    own += [(path, WRITE) for path in (stage.place.private, *shared)]
    found: list[Rule] = []
    for path, allowed in (*own, *(each for each in granted if _is_still(policy, each[0]))):
        found += _of(str(path), hidden, allowed)
    user, files = stage.roots
    place = stage.place
    found.append(Rule.of(str(place.files), os.fstat(files), WRITE))
    if place.below:
        found += [*_of(str(place.work_dir), hidden, READ), *_of(str(place.view), hidden, READ)]
    return [*found, *_below(str(place.base), user, hidden, READ)]


def _is_still(policy: SandboxPolicy, path: Path) -> bool:
    """Return whether a path that was granted leads where it led then, and code could not have put something there.

    In a folder that may be written to, code can put a link in its place, and would be given what that leads to at the
    next start; what is in such a folder needs no rule of its own.
    """
    real = path.resolve()
    outer = [each for each in policy.writable if real != each and real.is_relative_to(each)]
    return not outer and policy.leads_to.get(path) == real


def _of(path: str, hidden: Collection[str], allowed: int) -> Iterator[Rule]:
    """Allow what a path leads to, without what is hidden there."""
    if path in hidden:
        return
    with suppress(FileNotFoundError):
        found = Path(path).stat()
        if stat.S_ISDIR(found.st_mode) and _is_in(hidden, path):
            yield from _of_folder(path, hidden, allowed)
        else:
            yield Rule.of(path, found, allowed)


def _of_folder(path: str, hidden: Collection[str], allowed: int) -> Iterator[Rule]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from _below(path, folder, hidden, allowed)
    finally:
        os.close(folder)


def _below(path: str, folder: int, hidden: Collection[str], allowed: int) -> Iterator[Rule]:
    """Allow an open folder; a rule holds for all below, so where some of that is hidden, the others get their own."""
    if not _is_in(hidden, path):
        yield Rule.of(path, os.fstat(folder), allowed)
        return
    yield Rule.of(path, os.fstat(folder), allowed & READ_DIR)  # its names: modules are looked for by listing
    with suppress(OSError), os.scandir(folder) as entries:  # not ours to read
        for entry in entries:
            inner = f"{path}/{entry.name}"
            if inner in hidden or entry.is_symlink():
                continue
            with suppress(OSError):  # gone meanwhile, or not ours
                if entry.is_dir(follow_symlinks=False) and _is_in(hidden, inner):
                    yield from _of_folder(inner, hidden, allowed)
                else:
                    yield Rule.of(inner, entry.stat(follow_symlinks=False), allowed)


def _is_in(hidden: Collection[str], folder: str) -> bool:
    return any(path.startswith(f"{folder}/") for path in hidden)


async def why_unusable() -> str | None:
    """Return None if Landlock holds code here, else the reason in one sentence."""
    return await in_thread(why_unusable_now)


def why_unusable_now() -> str | None:
    """Do the same while the caller waits: 30 ms, once in a process."""
    return why_too_old() or why_refused()


def why_too_old() -> str | None:
    """Return why this system cannot have what is needed, None if it may."""
    if reason := why_not_here():
        return reason
    if seccomp.this_machine() is None:
        return f"Landlock needs a system call filter, and there is none for {platform.machine()}"
    found = abi()
    if found <= 0:
        return ABSENT.get(-found, ABSENT[errno.ENOSYS])
    if found < LEAST_ABI:
        return f"Landlock is too old here (version {found}, {LEAST_ABI} is needed: Linux 6.12)"
    return None


@cache
def why_refused() -> str | None:
    """Try it on a command that ends at once; return why it does not work, None if it does.

    A container's profile may refuse parts of it.
    """
    rights = [Rule.of(str(path), path.stat(), READ) for path in System.now().folders]
    gate, opener = os.pipe()
    os.write(opener, b"!")
    try:
        with opened(wanted("/", {}, rights)) as told:
            done = run_helper_now(command(told, 1, gate, ["/usr/bin/true"]), {}, pass_fds=(told, gate))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Landlock does not work here: {error}"
    finally:
        os.close(gate)
        os.close(opener)
    if why := _why_not(done):
        return f"Landlock does not work here: {why}"
    return None


def _why_not(done: "subprocess.CompletedProcess[str]") -> str:
    told = _told(done.stdout)
    if "held" in told and (missing := not_held(told["held"])):
        return f"it does not hold {', '.join(missing)}"
    if "held" in told and done.returncode == 0:
        return ""
    return told.get("failure") or _last_line(done.stderr) or f"exit code {done.returncode}"


def _told(text: str) -> dict[str, Any]:
    """Read what a process told; nothing if it ended before, or was ended in the middle."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def not_held(held: Mapping[str, bool]) -> list[str]:
    """Return what a process that told what it has tried in vain did reach, or has not tried."""
    return sorted(name for name in TRIED if not held.get(name))


def wanted(folder: str, environment: Mapping[str, str], found: Sequence[Rule]) -> dict[str, Any]:
    """Return what the process that starts a command is told.

    Args:
        folder: Where the command runs.
        environment: Its variables.
        found: What it may touch.
    """
    machine = seccomp.this_machine()
    return {
        "folder": folder,
        "environment": dict(environment),
        "handled": (ALL_OF_FILES, ALL_OF_NETWORK, ALL_SCOPED),
        "rules": [(rule.path, rule.device, rule.inode, rule.allowed) for rule in found],
        "filter": seccomp.filter_of(machine, ALONE) if machine else b"",
        "closed": "/",
    }


@contextmanager
def opened(told: dict[str, Any]) -> Iterator[int]:
    """Open a file with the program and what it is told, for there may be more than a pipe holds.

    Python compiles a program that is run as a file each time: 3 ms.
    """
    try:
        unnamed = os.memfd_create("sandbox")
    except OSError as error:
        raise OSError(error.errno, f"memfd_create: {error.strerror}") from error
    with open(unnamed, "w+b") as file:  # noqa: PTH123 - it has no path
        marshal.dump((_program(), told), file)
        file.flush()
        file.seek(0)
        yield file.fileno()


@cache
def _program() -> CodeType:
    return compile(SCRIPT.read_text(encoding="utf-8"), str(SCRIPT), "exec")


def command(told: int, info: int, gate: int, words: Sequence[str]) -> list[str]:
    """Return the command line that starts a command in there, to be run in `/` without variables.

    Isolated and without the user's packages: it runs outside of what it makes.

    Args:
        told: Descriptor of what it is told.
        info: Where it tells of itself.
        gate: Where it waits.
        words: The command, by its whole path.
    """
    return [sys.executable, "-I", "-S", "-c", RUN, *map(str, (told, info, gate)), *words]
