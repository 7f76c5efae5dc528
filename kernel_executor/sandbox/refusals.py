"""Says of an error that the sandbox is its cause, and what helps. Pure; knows texts and nothing of mechanisms.

Of a file it is not said whether it is there: code would learn that of every file of the user's by asking for it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from kernel_executor.functions.pip_commands import NO_NETWORK as NO_PACKAGES, failed_to_install, installs
from kernel_executor.limits.resource_limits import ASK, Bounds
from kernel_executor.outputs.fold import as_text
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sizes import size_text
from kernel_executor.types import BlockResult

LOOKED_AT = 4_000
"""Characters of the end of what a block has said: an error comes last."""

MISSING = re.compile(
    r"(?:FileNotFoundError|PermissionError): \[Errno \d+\] [^:\n]+: '(?P<quoted>/[^'\n]+)'"
    r"|^[\w./-]+: (?:line \d+: )?(?:cannot [\w ]+ )?'?(?P<said>/[^':\n]+)'?: "
    r"(?:No such file or directory|Permission denied)",
    re.MULTILINE,
)
"""How Python and the system's programs name a file that they cannot open."""

OF_THE_SYSTEM = ("/usr/", "/bin/", "/lib", "/sbin/", "/etc/", "/proc/", "/dev/", "/sys/", "/tmp/", "/run/", "/var/")  # noqa: S108
"""What is as it is, with or without a sandbox, or is code's own."""

UNREACHED = re.compile(
    r"\bgaierror\b|Temporary failure in name resolution|Network is unreachable|NameResolutionError"
    r"|Could not resolve host|Failed to establish a new connection"
)

NO_SEMAPHORE = re.compile(r"\bSemLock\b(?s:.*)\bPermissionError\b")
NO_SHARED_MEMORY = re.compile(
    r"\bshm_open\b(?s:.*)\bPermissionError\b|\bPermissionError: \[Errno \d+\] [^:\n]+: '/dev/shm/"
)

TOO_LARGE = re.compile(r"\[Errno 27\] |(?:writ|copy|cannot)[^\n]*: File too large|[Ff]ile size limit exceeded")
NO_ROOM = re.compile(r"\[Errno 28\] |: No space left on device")
NO_MORE_TASKS = re.compile(
    r"can't start new thread|fork: (?:retry: )?Resource temporarily unavailable"
    r"|\bfork(?:_exec)?\((?s:.*)BlockingIOError: \[Errno 11\]"
)
"""What the system says at limits that it keeps itself."""

DISK_FULL = (
    "Disk full: code may keep {disk} of files in its folder, and write {file} into one file; remove some, or {ask}."
)
NO_ROOM_LEFT = (
    "Disk full: no room is left where this was written. /tmp and /dev/shm lie in memory and hold {temporary} each, the "
    "current folder has what is free on its disk; remove some files, write to the other place, or {ask}."
)
TOO_MANY = "Too many processes or threads: code may have {processes:,} processes; start fewer, or {ask}."

OUTSIDE = (
    "The sandbox shows code the current folder and the system only: if {path} is there, the user has to hand it over "
    "(copy it into the folder, `--file` on the command line, `readable=` in Python)."
)
NO_NETWORK = "There is no network in the sandbox."
BY_PROXY = (
    "Of the network the sandbox reaches only {reaches}, by HTTP and HTTPS through the proxy that HTTP_PROXY names."
)
NO_USER = "pip puts packages into a folder of the session: leave out --user."
NO_REPLACING = (
    "pip puts packages into a folder of the session and cannot replace those of the environment: "
    "add --ignore-installed to install another version beside one of these."
)
REFUSED = (
    "The sandbox refused {names}: of the network it reaches only {reaches}. "
    "A person can allow more: %agent allow {first}, --network, or network= in Python."
)
NO_SHARING = (
    "Landlock, which holds this code, has no shared memory by name: pass data on in files of the current folder."
)
NO_PROCESSES = "Landlock, which holds this code, has no semaphores for pools of processes: use threads, or one process."


def explained_by(
    result: BlockResult,
    isolation: Isolation,
    *,
    seen: tuple[str, ...],
    home: str,
    bounds: Bounds | None = None,
    refused: tuple[str, ...] = (),
) -> BlockResult:
    """Add to the note of a block what the sandbox has to do with its failure.

    Args:
        result: How it ended.
        isolation: What holds the code.
        seen: What of the user's files code sees, by the paths it has there.
        home: The home folder, as code sees it.
        bounds: How much of the machine it may use.
        refused: Names of the network that it asked for in vain.
    """
    block = result.block
    to_install = isolation.network and installs(block.code, block.language)
    if isolation.mechanism == "none" or not (refused or to_install or result.status == "error"):
        return result  # most blocks: their output, which may be long, is not looked at
    said = as_text(result.outputs)
    reasons: list[str] = []
    if refused:
        reasons.append(REFUSED.format(names=", ".join(refused), first=refused[0], reaches=isolation.reaches))
    elif to_install and failed_to_install(said):
        reasons += _about_packages(said) if isolation.reaches else [NO_PACKAGES]
    elif result.status == "error":
        said = said[-LOOKED_AT:]
        reasons += [*_reasons(said, isolation, seen, home), *(_limits_met(said, isolation, bounds) if bounds else ())]
    new = [reason for reason in reasons if reason not in result.note]
    denials = (*result.denials, *(f"{name} is not among what network= allows." for name in refused))
    return replace(result, note=" ".join(filter(None, [result.note, *new])), denials=denials, unreached=refused)


def _about_packages(said: str) -> Iterator[str]:
    if "Read-only file system" in said:
        yield NO_REPLACING
    if "combine '--user' and '--prefix'" in said:
        yield NO_USER


def _reasons(said: str, isolation: Isolation, seen: tuple[str, ...], home: str) -> Iterator[str]:
    if isolation.mechanism == "landlock" and NO_SHARED_MEMORY.search(said):
        yield NO_SHARING
    elif isolation.files and (path := _outside(said, seen, home)):
        yield OUTSIDE.format(path=path)
    if isolation.network and UNREACHED.search(said):
        yield BY_PROXY.format(reaches=isolation.reaches) if isolation.reaches else NO_NETWORK
    if isolation.mechanism == "landlock" and NO_SEMAPHORE.search(said):
        yield NO_PROCESSES


def _limits_met(said: str, isolation: Isolation, bounds: Bounds) -> Iterator[str]:
    if TOO_LARGE.search(said):
        yield DISK_FULL.format(disk=size_text(bounds.disk), file=size_text(bounds.file_size), ask=ASK)
    if NO_ROOM.search(said) and isolation.mechanism == "bubblewrap":
        yield NO_ROOM_LEFT.format(temporary=size_text(bounds.temporary), ask=ASK)
    if NO_MORE_TASKS.search(said):
        yield TOO_MANY.format(processes=bounds.processes, ask=ASK)


def _outside(said: str, seen: tuple[str, ...], home: str) -> str:
    """Return the last file that was named and is out of the sandbox's sight, as the user would name it."""
    for found in reversed(list(MISSING.finditer(said))):
        path = found["quoted"] or found["said"]
        if path.startswith(f"{home}/"):
            return f"~{path.removeprefix(home)}"
        if not path.startswith((*(f"{each}/" for each in seen), *OF_THE_SYSTEM)) and path not in seen:
            return path
    return ""
