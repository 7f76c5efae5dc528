"""How bubblewrap itself is started: which program, with which variables and open files. Knows no kernel's policy.

It runs outside of what it builds. With the caller's `LD_LIBRARY_PATH=...:` and in the folder that code may write to,
a planted `libcap.so.2` ran there; with `PATH=:...` a planted `./bwrap`.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from kernel_executor.aio.tasks import run_helper_now
from kernel_executor.processes import programs
from kernel_executor.sandbox import seccomp
from kernel_executor.sandbox.policy import System

LOADER_NAMES = frozenset(
    {
        *("GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NIS_PATH"),
        *("NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR"),
    }
)
"""What the loader and the C library obey, but not for programs with more rights than their user (ld.so(8))."""

LOADER_PREFIXES = ("LD_", "MALLOC_")

SIZES = (0, 7)
"""The version that `--size` came with."""

TELLING = ("keys", "key-users", "kcore", "latency_stats", "sched_debug", "timer_list", "timer_stats")
"""Files of /proc that tell of the caller's keys or of the whole machine; Docker masks them but for the second."""


def find() -> str | None:
    """Return where bubblewrap is, None if it is not installed."""
    return programs.find("bwrap", os.environ.get("PATH"))


def takes_sizes() -> bool:
    """Return whether it can bound a file system in memory; an older one leaves it at half of the machine's memory."""
    program = find()
    return bool(program) and _version_of(program) >= SIZES


@cache
def _version_of(program: str) -> tuple[int, ...]:
    """Ask it, once: 1 ms."""
    try:
        said = run_helper_now([program, "--version"], {}).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(map(int, re.findall(r"\d+", said)[:2]))


def own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what bubblewrap itself gets of the variables of the code: inside, /proc/1/environ shows it."""
    return {name: value for name, value in environment.items() if not _is_for_the_loader(name)}


def inner_environment(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the arguments by which it sets the rest for the code alone."""
    for name, value in environment.items():
        if _is_for_the_loader(name):
            yield from ("--setenv", name, value)


def kernel_files() -> tuple[str, ...]:
    """Return what of /proc is not about processes and might be written to.

    bubblewrap makes `/proc/sys` read-only only if the folder is writable, which it is for nobody; the files in it are,
    for root: 763 of them, `core_pattern` among them. Mounted over bubblewrap's own /proc they are read-only for all.
    """
    return tuple(str(path) for path in sorted(Path("/proc").iterdir()) if _may_be_written(path))


def telling_files() -> tuple[str, ...]:
    """Return what of /proc is covered: `keys` showed the caller's, because the keyring of a session is inherited."""
    return tuple(str(path) for path in map(Path("/proc").joinpath, TELLING) if path.exists())


@contextmanager
def opened(system: System) -> Iterator[Mapping[int, Sequence[str]]]:
    """Open what bubblewrap reads to its end: the system call filter, if there is one, and the system's single files.

    Those it copies: a mount takes it 0.15 ms, and there are a dozen of them (measured).

    Args:
        system: Which those are.

    Yields:
        The descriptors to pass on, and the arguments around each.
    """
    with ExitStack() as stack:
        files: dict[int, Sequence[str]] = {}
        if machine := seccomp.this_machine():
            files[_with(seccomp.filter_of(machine), stack)] = ("--seccomp",)
        for path in system.files:
            file = stack.enter_context(path.open("rb"))
            files[file.fileno()] = ("--file", str(path))
        yield files


def _with(content: bytes, stack: ExitStack) -> int:
    """Return the end of a pipe in which there is something that fits in: 2 kB do, a pipe holds 64."""
    reader, writer = os.pipe()
    stack.callback(os.close, reader)
    with os.fdopen(writer, "wb") as file:
        file.write(content)
    return reader


def _may_be_written(path: Path) -> bool:
    if path.name.isdecimal() or path.is_symlink():
        return False  # `self`, `net`: of the process that looks
    return path.is_dir() or bool(path.stat().st_mode & 0o222)


def _is_for_the_loader(name: str) -> bool:
    return name in LOADER_NAMES or name.startswith(LOADER_PREFIXES)


def command(
    program: str, arguments: Sequence[str], environment: Mapping[str, str], files: Mapping[int, Sequence[str]]
) -> list[str]:
    """Return the command line, to be run in `/` with `own_environment`.

    Args:
        program: bubblewrap.
        arguments: What it is to do.
        environment: The variables of the code.
        files: What `opened` yields.
    """
    words = [word for descriptor, (option, *after) in files.items() for word in (option, str(descriptor), *after)]
    return [program, *words, *inner_environment(environment), *arguments]
