"""Says of an error that the sandbox is its cause, and what helps. Pure; knows texts and nothing of mechanisms.

Of a file it is not said whether it is there: code would learn that of every file of the user's by asking for it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from kernel_executor.outputs.fold import as_text
from kernel_executor.sandbox.isolation import Isolation
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

OUTSIDE = (
    "The sandbox shows code the current folder and the system only: if {path} is there, the user has to hand it over "
    "(copy it into the folder, `--file` on the command line, `readable=` in Python)."
)
NO_NETWORK = "There is no network in the sandbox."
NO_PROCESSES = "Landlock, which holds this code, has no semaphores for pools of processes: use threads, or one process."


def explained_by(result: BlockResult, isolation: Isolation, *, seen: tuple[str, ...], home: str) -> BlockResult:
    """Add to the note of a block that failed what the sandbox has to do with it.

    Args:
        result: How it ended.
        isolation: What holds the code.
        seen: What of the user's files code sees, by the paths it has there.
        home: The home folder, as code sees it.
    """
    if result.status != "error" or isolation.mechanism == "none":
        return result
    said = as_text(result.outputs)[-LOOKED_AT:]
    reasons = [reason for reason in _reasons(said, isolation, seen, home) if reason not in result.note]
    return replace(result, note=" ".join(filter(None, [result.note, *reasons])))


def _reasons(said: str, isolation: Isolation, seen: tuple[str, ...], home: str) -> Iterator[str]:
    if isolation.files and (path := _outside(said, seen, home)):
        yield OUTSIDE.format(path=path)
    if isolation.network and UNREACHED.search(said):
        yield NO_NETWORK
    if isolation.mechanism == "landlock" and NO_SEMAPHORE.search(said):
        yield NO_PROCESSES


def _outside(said: str, seen: tuple[str, ...], home: str) -> str:
    """Return the last file that was named and is out of the sandbox's sight, as the user would name it."""
    for found in reversed(list(MISSING.finditer(said))):
        path = found["quoted"] or found["said"]
        if path.startswith(f"{home}/"):
            return f"~{path.removeprefix(home)}"
        if not path.startswith((*(f"{each}/" for each in seen), *OF_THE_SYSTEM)) and path not in seen:
            return path
    return ""
