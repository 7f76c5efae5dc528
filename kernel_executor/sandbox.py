"""What a kernel may touch, and how bubblewrap is told. Knows no kernel; starts only `bwrap` itself, to try it.

The traps, each measured: bwrap's own environment is readable inside as /proc/1/environ, so it gets the allow-list
too; `--dev` hides GPUs, so devices are an option; the interpreter may live under the home folder, so exactly what
it needs is bound; existing entries of the work folder are bound read-only one by one on top of the writable folder.
"""

import asyncio
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kernel_executor import bubblewrap_start
from kernel_executor.errors import KernelStartError
from kernel_executor.tasks import run_helper_now, uninterrupted

SandboxMode = Literal["auto", "bubblewrap", "none"]

HOME = "/tmp/home"  # noqa: S108 - a private tmpfs inside the sandbox
"""The home folder that sandboxed code sees."""

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC = (
    *("/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/group", "/etc/hosts", "/etc/ld.so.cache"),
    *("/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/magic", "/etc/mime.types", "/etc/nsswitch.conf"),
    *("/etc/os-release", "/etc/passwd", "/etc/pki/tls", "/etc/protocols", "/etc/services", "/etc/ssl/certs"),
    *("/etc/ssl/openssl.cnf", "/etc/timezone", "/etc/R", "/etc/texmf"),
)
"""Not all of /etc: as root, shadow and private keys would be readable."""

MAX_PROTECTED = 2_000
"""bwrap 0.8 takes at most 9,000 arguments, and an entry takes three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Where a kernel's interpreter lives, as it reports itself; empty for what is not Python."""

    prefixes: tuple[Path, ...] = ()
    paths: tuple[Path, ...] = ()
    user_base: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPolicy:
    """What one kernel may touch.

    Args:
        work_dir: Writable; what is in it at start is not.
        protected: The entries of `work_dir` that stay as they are.
        readable: Further files and folders to read.
        writable: Files and folders to change, in `work_dir` or elsewhere.
        devices: Device files, e.g. `/dev/nvidia0`; bubblewrap hides all but the harmless ones.
        interpreter: What the kernel itself needs to see.
    """

    work_dir: Path
    protected: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    interpreter: Interpreter = Interpreter()


def entries_to_protect(work_dir: Path, writable: Sequence[Path]) -> tuple[Path, ...]:
    """List what is in the work folder now and is bound read-only; raises KernelStartError if that is too much."""
    found = entries(work_dir, writable)
    if len(found) > MAX_PROTECTED:
        raise KernelStartError(
            f"{work_dir} holds {len(found):,} entries, and the sandbox can protect at most {MAX_PROTECTED:,} "
            "one by one: use another work folder, e.g. a new one beside it."
        )
    return found


def entries(work_dir: Path, writable: Sequence[Path]) -> tuple[Path, ...]:
    """List what is in the work folder now and must stay as it is.

    Symbolic links are left out: bubblewrap cannot bind over the link itself, and its target is protected or
    invisible anyway. So code can replace a link, never what it points to.
    """
    granted = {path.resolve() for path in writable}
    return tuple(
        entry for entry in sorted(work_dir.iterdir()) if not entry.is_symlink() and entry.resolve() not in granted
    )


def bubblewrap_arguments(policy: SandboxPolicy, shared: Sequence[Path] = ()) -> list[str]:
    """Translate a policy into bubblewrap's arguments; the order of mounts matters.

    Args:
        policy: What may be touched.
        shared: Folders of ours that are writable, e.g. that of a kernel's sockets and connection file.
    """
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
        *_binds("--ro-bind-try", [Path(path) for path in bubblewrap_start.kernel_files()]),
        *_binds("--ro-bind", _interpreter_paths(policy.interpreter)),
        *_binds("--ro-bind", policy.readable),
        *_binds("--bind", [policy.work_dir]),
        *_binds("--ro-bind-try", policy.protected),  # the user may have removed one since, before a restart
        *_binds("--bind", policy.writable),
        *_binds("--dev-bind", policy.devices),
        *_binds("--bind", shared),
        # What is written beside the folders would vanish with the sandbox: better it fails.
        *("--remount-ro", "/", "--chdir", str(policy.work_dir)),
    ]


def _system() -> Iterator[str]:
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.exists():
            yield from ("--ro-bind", name, name)
    for name in ETC:
        yield from ("--ro-bind-try", name, name)


def _interpreter_paths(interpreter: Interpreter) -> list[Path]:
    """Paths to bind, parents first, without those that would show the whole home folder or disk."""
    forbidden = {Path("/"), Path.home(), *Path.home().parents}
    wanted = {path for given in (*interpreter.prefixes, *interpreter.paths) for path in (given, given.resolve())}
    return sorted(
        path for path in wanted if path.exists() and path not in forbidden and not path.is_relative_to("/usr")
    )


def _binds(kind: str, paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        yield from (kind, str(path), str(path))


async def why_unusable(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Try bubblewrap with these arguments; return None if it works, else the reason in one sentence."""
    return await uninterrupted(asyncio.to_thread(why_unusable_now, arguments, environment))


def why_unusable_now(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Do the same; it takes some milliseconds, for which the caller waits."""
    bwrap = bubblewrap_start.find()
    if not bwrap:
        return "bubblewrap is not installed (Debian, Ubuntu, Fedora: install the package `bubblewrap`)"
    try:
        command = bubblewrap_start.command(bwrap, [*arguments, "true"], environment)
        process = run_helper_now(command, bubblewrap_start.own_environment(environment))
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not work here: {error}"
    if process.returncode == 0:
        return None
    return f"bubblewrap does not work here: {process.stderr.strip() or process.returncode}"
