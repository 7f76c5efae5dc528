"""What a kernel may touch, as arguments of bubblewrap. Knows no kernel; starts only `bwrap` itself, to try it.

The traps, each measured: bwrap's own environment is readable inside as /proc/1/environ, so it gets the allow-list
too; `--dev` hides GPUs, so devices are an option; the interpreter may live under the home folder, so exactly what
it needs is bound; in the work folder's place stands the stage, and the folder itself is bound read-only elsewhere.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from kernel_executor.aio.tasks import in_thread, run_helper_now
from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.sandbox import bubblewrap_start
from kernel_executor.sandbox.policy import SandboxPolicy, System, interpreter_paths
from kernel_executor.sandbox.systems import why_not_here
from kernel_executor.stage.place import HOME, INSTALLED_AT

IN_MEMORY = ("/tmp", "/dev/shm")  # noqa: S108
"""The file systems inside that code can write to and that lie in memory."""


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
    found += [Mount(path, path) for path in (*interpreter_paths(policy.interpreter), *policy.readable)]
    if policy.stage:
        place = policy.stage
        if place.base != place.work_dir:
            found.append(Mount(place.work_dir, place.work_dir))
        found += [Mount(place.files, place.base, "bind"), Mount(place.base, Path(ORIGINAL))]
        found += [Mount(path, path) for name in place.read_only if (path := place.base / name).is_dir()]
    found += [Mount(path, path, "tmpfs") for path in policy.unseen]
    if policy.stage and policy.installs:
        found.append(Mount(policy.stage.packages, Path(INSTALLED_AT), "bind"))
    found += [Mount(path, path, "bind") for path in policy.writable]
    found += [Mount(path, path, "dev-bind") for path in policy.devices]
    found += [Mount(path, path, "bind") for path in shared]
    # Of two with one target the later one is seen; by depth, or a folder would hide what was bound in it before.
    last = {mount.target: mount for mount in found}
    return [mount for mount in sorted(last.values(), key=_depth) if not _is_seen_anyway(mount, last)]


def _depth(mount: Mount) -> int:
    return len(mount.target.parts)


def _is_seen_anyway(mount: Mount, mounts: Mapping[Path, Mount]) -> bool:
    """Return whether the folder around it shows it as well: each mount takes bubblewrap 0.15 ms (measured)."""
    around = next((mounts[outer] for outer in mount.target.parents if outer in mounts), None)
    return around is not None and all(one.kind == "ro-bind" and one.source == one.target for one in (around, mount))


def bubblewrap_arguments(policy: SandboxPolicy, system: System, shared: Sequence[Path] = ()) -> list[str]:
    """Translate a policy into bubblewrap's arguments; the order of mounts matters.

    Args:
        policy: What may be touched.
        system: What is seen of the system's own.
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
        *_system(system),
        *("--proc", "/proc", "--dev", "/dev", *_in_memory(policy.temporary), "--dir", HOME),
        *(word for path in bubblewrap_start.kernel_files() for word in ("--ro-bind-try", path, path)),
        *(word for path in bubblewrap_start.telling_files() for word in ("--ro-bind", "/dev/null", path)),
        *(word for mount in mounted for word in _words(mount)),
        *(word for mount in mounted if mount.kind == "tmpfs" for word in ("--remount-ro", str(mount.target))),
        # What is written beside the folders would vanish with the sandbox: better it fails.
        *("--remount-ro", "/", "--chdir", str(policy.work_dir) if policy.stage else "/"),
    ]


def _in_memory(size: int) -> Iterator[str]:
    """Yield what makes the file systems in memory; of /dev, which is one, too, only shared memory can be written to."""
    sized = ("--size", str(size)) if size and bubblewrap_start.takes_sizes() else ()
    for target in IN_MEMORY:
        yield from (*sized, "--tmpfs", target)
    yield from ("--remount-ro", "/dev")


def _system(system: System) -> Iterator[str]:
    for path, link in system.links.items():
        yield from ("--symlink", link, path)
    for folder in system.folders:
        yield from _words(Mount(folder, folder))


def _cover(path: Path) -> Mount:
    """Return what lies on a path that is not to be seen; a device that bubblewrap binds like a file cannot be read."""
    return Mount(path, path, "tmpfs") if path.is_dir() else Mount(Path("/dev/null"), path)


def _words(mount: Mount) -> tuple[str, ...]:
    if mount.kind == "tmpfs":
        return "--tmpfs", str(mount.target)
    return f"--{mount.kind}", str(mount.source), str(mount.target)


async def why_unusable(policy: SandboxPolicy, environment: Mapping[str, str]) -> str | None:
    """Try bubblewrap with what a policy shows; return None if it works, else the reason in one sentence."""
    return await in_thread(partial(why_unusable_now, policy, environment))


def why_unusable_now(policy: SandboxPolicy, environment: Mapping[str, str]) -> str | None:
    """Do the same; it takes some milliseconds, for which the caller waits."""
    if reason := why_not_here():
        return reason
    bwrap = bubblewrap_start.find()
    if not bwrap:
        return "bubblewrap is not installed (Debian, Ubuntu, Fedora: install the package `bubblewrap`)"
    try:
        system = System.now()
        with bubblewrap_start.opened(system) as files:
            arguments = bubblewrap_arguments(policy, system)
            command = bubblewrap_start.command(bwrap, [*arguments, "true"], environment, files)
            process = run_helper_now(command, bubblewrap_start.own_environment(environment), pass_fds=tuple(files))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    if process.returncode == 0:
        return None
    return f"bubblewrap does not work here: {process.stderr.strip().rstrip('.') or process.returncode}"
