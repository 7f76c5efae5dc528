"""What local code may touch: granted by the user, needed by the interpreter, of the system. Knows no mechanism."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from kernel_executor.folders.home import home_folder
from kernel_executor.sandbox.covering import INSTALLED, to_cover
from kernel_executor.sandbox.interpreter import Interpreter
from kernel_executor.stage.place import Place


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


SandboxMode = Literal["auto", "bubblewrap", "landlock", "none"]

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
        devices: Device files, e.g. `/dev/nvidia0`; all but the harmless ones are out of reach.
        interpreter: What the kernel itself needs to see.
        covered: What is hidden of the folders it imports from.
        hidden: What is hidden of the user's folder, where code can read that itself.
        unseen: Folders inside that lie over hidden ones, where the user's folder itself is mounted.
        leads_to: Where each path that was granted led then.
        installs: Whether packages may be installed, in a folder beside the stage.
        temporary: Bytes that file systems in memory may take, where a sandbox has its own; 0 leaves it to the system.
    """

    work_dir: Path
    stage: Place | None = None
    readable: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    interpreter: Interpreter = field(default_factory=Interpreter)
    covered: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    unseen: tuple[Path, ...] = ()
    leads_to: Mapping[Path, Path] = field(default_factory=dict)
    installs: bool = False
    temporary: int = 0


def as_it_leads(policy: SandboxPolicy) -> SandboxPolicy:
    """Return the policy with where each path leads that is granted, or that the interpreter needs."""
    granted = (*interpreter_paths(policy.interpreter), *policy.readable, *policy.writable, *policy.devices)
    return replace(policy, leads_to={path: path.resolve() for path in granted})


def with_covers(policy: SandboxPolicy) -> SandboxPolicy:
    """Look at the folders that code only imports from, and return the policy with what is to be covered in them now."""
    interpreter, granted = policy.interpreter, (policy.work_dir, *policy.readable, *policy.writable)
    installed = {path for given in interpreter.prefixes for path in (given, given.resolve())}
    paths = interpreter_paths(interpreter)
    covered = [
        path
        for folder in paths
        if folder.name not in INSTALLED and not any(map(folder.is_relative_to, installed))
        for path in to_cover(folder, [*paths, *granted])
        if not any(map(path.is_relative_to, granted))
    ]
    return replace(policy, covered=tuple(covered), unseen=_unseen(policy))


def _unseen(policy: SandboxPolicy) -> tuple[Path, ...]:
    """Return where hidden folders would be seen although no stage shows them.

    A link is none: what it leads to is not the user's. Files are replaced too often to be covered.
    """
    place = policy.stage
    if place is None or not place.is_mounted:
        return ()
    folders = [path for path in policy.hidden if path.is_dir() and not path.is_symlink()]
    seen = [(place.base, Path(place.original)), *([(place.work_dir, place.work_dir)] if place.below else [])]
    return tuple(
        there / path.relative_to(here) for here, there in seen for path in folders if path.is_relative_to(here)
    )


def mounted_in(folder: Path, wanted: "Granted", interpreter: Interpreter) -> list[Path]:
    """Return what of a folder is mounted from the host, so that no stage shows it."""
    granted = (*interpreter_paths(interpreter), *wanted.readable, *wanted.writable, *wanted.devices)
    return [path for path in granted if path != folder and path.is_relative_to(folder)]


@dataclass(frozen=True, slots=True)
class System:
    """What of the system's own files and folders is seen inside, read-only.

    Args:
        links: What leads to another part of it, and where: `/bin`, `/etc/localtime`.
        folders: Its folders.
        files: Its single files.
    """

    links: Mapping[str, str]
    folders: Sequence[Path]
    files: Sequence[Path]

    @classmethod
    def now(cls) -> "System":
        """Look at it."""
        paths = [Path(path) for path in (*SYSTEM, *ETC)]
        links = {str(path): str(path.readlink()) for path in paths if path.is_symlink() and _leads_into(path)}
        found = [path for path in paths if str(path) not in links and path.exists()]
        return cls(links, [path for path in found if path.is_dir()], [path for path in found if not path.is_dir()])


def _leads_into(path: Path) -> bool:
    """Return whether a link itself names a part of the system: one of several steps would lead nowhere inside."""
    return any(map(Path(os.path.normpath(path.parent / path.readlink())).is_relative_to, SYSTEM))


def interpreter_paths(interpreter: Interpreter) -> list[Path]:
    """Paths to bind, parents first, without those that would show the whole home folder or disk."""
    home = home_folder()
    forbidden = {Path("/"), home, *home.parents}
    given = {path: Path(os.path.realpath(path)) for path in (*interpreter.prefixes, *interpreter.paths)}
    leads = given | {path: path for path in given.values()}
    found = sorted(
        path for path in leads if path not in forbidden and not any(map(path.is_relative_to, SYSTEM)) and path.exists()
    )
    return [path for path in found if not any(_is_linked_in(path, folder, leads) for folder in found)]


def _is_linked_in(path: Path, folder: Path, leads: Mapping[Path, Path]) -> bool:
    """Return whether a folder shows a path by a link, on which nothing can be bound where the folder is read-only."""
    if path == folder or not path.is_relative_to(folder):
        return False
    return leads[folder] / path.relative_to(folder) != leads[path]
