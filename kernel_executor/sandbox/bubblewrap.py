"""What a kernel may touch, as arguments of bubblewrap. Knows no kernel; starts only `bwrap` itself, to try it.

The traps, each measured: bwrap's own environment is readable inside as /proc/1/environ, so it gets the allow-list
too; `--dev` hides GPUs, so devices are an option; the interpreter may live under the home folder, so exactly what
it needs is bound; in the work folder's place stands the stage, and the folder itself is bound read-only elsewhere.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from kernel_executor.aio.tasks import in_thread, run_helper_now
from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.sandbox import bubblewrap_start
from kernel_executor.sandbox.covering import INSTALLED, to_cover
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.stage.stage import Place


class Granted(Protocol):
    """What a user grants to code."""

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


SandboxMode = Literal["auto", "bubblewrap", "none"]

HOME = "/tmp/home"  # noqa: S108 - a private tmpfs inside the sandbox
"""The home folder that sandboxed code sees."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    *("/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/group", "/etc/hosts", "/etc/ld.so.cache"),
    *("/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf"),
    *("/etc/os-release", "/etc/passwd", "/etc/pki/tls", "/etc/protocols", "/etc/services", "/etc/ssl/certs"),
    *("/etc/ssl/openssl.cnf", "/etc/timezone", "/etc/R", "/etc/texmf", "/etc/chromium.d"),
)
"""Not all of /etc: as root, shadow and private keys would be readable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPolicy:
    """What one kernel may touch.

    Args:
        work_dir: The user's folder, which it runs in.
        stage: Where it may write, and where that lies; None to try whether the sandbox works.
        readable: Further files and folders to read.
        writable: Files and folders to change, in `work_dir` or elsewhere.
        devices: Device files, e.g. `/dev/nvidia0`; bubblewrap hides all but the harmless ones.
        interpreter: What the kernel itself needs to see.
        covered: What is hidden of the folders it imports from.
    """

    work_dir: Path
    stage: Place | None = None
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    interpreter: Interpreter = field(default_factory=Interpreter)
    covered: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the host that is seen inside, or an empty folder in its place.

    Args:
        source: Its path on the host.
        target: Its path inside.
        kind: `ro-bind`, `bind`, `dev-bind` or `tmpfs`, as bubblewrap has them.
    """

    source: Path
    target: Path
    kind: Literal["ro-bind", "bind", "dev-bind", "tmpfs"] = "ro-bind"


def mounts(policy: SandboxPolicy, shared: Sequence[Path] = ()) -> list[Mount]:
    """Return what is seen of the host besides its system, outer folders first.

    Args:
        policy: What may be touched.
        shared: Folders of ours that are writable, e.g. that of a kernel's sockets and connection file.
    """
    found = [_cover(path) for path in policy.covered]
    found += [Mount(path, path) for path in (*_interpreter_paths(policy.interpreter), *policy.readable)]
    if policy.stage:
        place = policy.stage
        if place.base != place.work_dir:
            found.append(Mount(place.work_dir, place.work_dir))
        found += [Mount(place.files, place.base, "bind"), Mount(place.base, Path(ORIGINAL))]
        found += [Mount(path, path) for name in place.read_only if (path := place.base / name).is_dir()]
    found += [Mount(path, path, "bind") for path in policy.writable]
    found += [Mount(path, path, "dev-bind") for path in policy.devices]
    found += [Mount(path, path, "bind") for path in shared]
    # Of two with one target the later one is seen; by depth, or a folder would hide what was bound in it before.
    last = {mount.target: mount for mount in found}
    return sorted(last.values(), key=lambda mount: len(mount.target.parts))


def with_covers(policy: SandboxPolicy) -> SandboxPolicy:
    """Look at the folders that code only imports from, and return the policy with what is to be covered in them now."""
    interpreter, granted = policy.interpreter, (policy.work_dir, *policy.readable, *policy.writable)
    installed = {path for given in interpreter.prefixes for path in (given, given.resolve())}
    paths = _interpreter_paths(interpreter)
    covered = [
        path
        for folder in paths
        if folder.name not in INSTALLED and not any(map(folder.is_relative_to, installed))
        for path in to_cover(folder, [*paths, *granted])
        if not any(map(path.is_relative_to, granted))
    ]
    return replace(policy, covered=tuple(covered))


def mounted_in(folder: Path, wanted: "Granted", interpreter: Interpreter) -> list[Path]:
    """Return what of a folder is mounted from the host, so that no stage shows it."""
    granted = (*_interpreter_paths(interpreter), *wanted.readable, *wanted.writable, *wanted.devices)
    return [path for path in granted if path != folder and path.is_relative_to(folder)]


def bubblewrap_arguments(policy: SandboxPolicy, shared: Sequence[Path] = ()) -> list[str]:
    """Translate a policy into bubblewrap's arguments; the order of mounts matters.

    Args:
        policy: What may be touched.
        shared: Folders of ours that are writable, e.g. that of a kernel's sockets and connection file.
    """
    mounted = mounts(policy, shared)
    return [
        *(
            "--unshare-user",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-ipc",
            "--unshare-uts",
            "--disable-userns",
        ),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", HOME),  # noqa: S108 - inside the sandbox
        *(word for path in bubblewrap_start.kernel_files() for word in ("--ro-bind-try", path, path)),
        *(word for path in bubblewrap_start.telling_files() for word in ("--ro-bind", "/dev/null", path)),
        *(word for mount in mounted for word in _words(mount)),
        *(word for mount in mounted if mount.kind == "tmpfs" for word in ("--remount-ro", str(mount.target))),
        # What is written beside the folders would vanish with the sandbox: better it fails.
        *("--remount-ro", "/", "--chdir", str(policy.work_dir) if policy.stage else "/"),
    ]


def system_paths() -> list[Path]:
    """Return what of the system's own files and folders is seen inside, read-only."""
    return [path for path in map(Path, SYSTEM) if path.exists() and not path.is_symlink()] + [
        path for path in map(Path, ETC) if path.exists()
    ]


def _system() -> Iterator[str]:
    for path in map(Path, SYSTEM):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
    for path in system_paths():
        yield from _words(Mount(path, path))


def _interpreter_paths(interpreter: Interpreter) -> list[Path]:
    """Paths to bind, parents first, without those that would show the whole home folder or disk."""
    forbidden = {Path("/"), Path.home(), *Path.home().parents}
    wanted = {path for given in (*interpreter.prefixes, *interpreter.paths) for path in (given, given.resolve())}
    return sorted(
        path for path in wanted if path.exists() and path not in forbidden and not any(map(path.is_relative_to, SYSTEM))
    )


def _cover(path: Path) -> Mount:
    """Return what lies on a path that is not to be seen; a device that bubblewrap binds like a file cannot be read."""
    return Mount(path, path, "tmpfs") if path.is_dir() else Mount(Path("/dev/null"), path)


def _words(mount: Mount) -> tuple[str, ...]:
    if mount.kind == "tmpfs":
        return "--tmpfs", str(mount.target)
    return f"--{mount.kind}", str(mount.source), str(mount.target)


async def why_unusable(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Try bubblewrap with these arguments; return None if it works, else the reason in one sentence."""
    return await in_thread(partial(why_unusable_now, arguments, environment))


def why_unusable_now(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Do the same; it takes some milliseconds, for which the caller waits."""
    bwrap = bubblewrap_start.find()
    if not bwrap:
        return "bubblewrap is not installed (Debian, Ubuntu, Fedora: install the package `bubblewrap`)"
    try:
        with bubblewrap_start.opened_filter() as filters:
            command = bubblewrap_start.command(bwrap, [*arguments, "true"], environment, filters)
            process = run_helper_now(command, bubblewrap_start.own_environment(environment), pass_fds=filters)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    if process.returncode == 0:
        return None
    return f"bubblewrap does not work here: {process.stderr.strip() or process.returncode}"
