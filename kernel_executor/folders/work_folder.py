"""Which folder code runs in, and who deletes it. Knows no kernel."""

import contextlib
import os
import shutil
import stat
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.folders.home import home_folder, with_home
from kernel_executor.search_paths import distrust, trust_again

SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run")  # noqa: S108 - these are what nobody may use


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A folder to run code in; it gets back the mode it had, and `private` ones are ours to delete."""

    path: Path
    private: bool
    mode: int

    def close(self) -> None:
        """Undo what code did to the folder's mode; delete the folder if it is ours."""
        with contextlib.suppress(OSError):  # code without a sandbox may have removed it
            found = self.path.lstat().st_mode
            if stat.S_ISDIR(found) and stat.S_IMODE(found) != self.mode:
                self.path.chmod(self.mode)
        if self.private:
            shutil.rmtree(self.path, ignore_errors=True)


def too_much_to_show() -> frozenset[Path]:
    """Return the folders that no code gets as a whole, and what holds them.

    Files added to the home folder could be a shell profile. In folders for temporary files lie the sockets of other
    programs, and those of other kernels: who can connect to an unsandboxed one has left the sandbox.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = home_folder()
    places = [Path(name).resolve() for name in (home, tempfile.gettempdir(), runtime, *SHARED)]
    return frozenset(path for place in places for path in (place, *place.parents)) | {home}


def open_work_folder(work_dir: str | Path | None) -> WorkFolder:
    """Make the folder ready.

    The home folder, folders for everybody's temporary files, what holds them, and `/` are never used themselves. A
    new folder in them is used instead.

    Args:
        work_dir: The folder asked for; made if it does not exist. None makes a private one.

    Raises:
        KernelStartError: It is the run folder of a kernel, or the user has no home folder.
        NotADirectoryError: There is a file of that name.
    """
    home_folder()  # what comes later would fail in many ways, Jupyter's search for kernels among them
    if work_dir is None:
        return _opened(Path(tempfile.mkdtemp(prefix="codeagent-work-")).resolve(), private=True)
    path = with_home(work_dir).resolve()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"work_dir {str(path)!r} is a file: name a folder")
    if any(map(_runs_a_kernel, (path, *path.parents))):
        raise KernelStartError(f"work_dir {str(path)!r} holds a kernel's sockets: use another work folder")
    if path in too_much_to_show():
        return _opened(Path(tempfile.mkdtemp(prefix="codeagent-", dir=path)), private=False)
    path.mkdir(parents=True, exist_ok=True)
    return _opened(path, private=False)


def open_for_code(work_dir: str | Path | None, stack: AsyncExitStack) -> Path:
    """Make the folder ready for code, and look for nothing of ours there; the stack undoes both.

    Arguments and errors are those of `open_work_folder`.
    """
    folder = open_work_folder(work_dir)
    stack.callback(folder.close)
    distrust(folder.path)
    stack.callback(trust_again, folder.path)
    return folder.path


def _runs_a_kernel(path: Path) -> bool:
    return path.name.startswith("codeagent-") and (path / "connection.json").exists()


def _opened(path: Path, *, private: bool) -> WorkFolder:
    return WorkFolder(path, private, stat.S_IMODE(path.stat().st_mode))
