"""Ends a cell that is about to change a file which can only be read here, so that it cannot go on as if it had.

The error of the system would be an `OSError`, and those are swallowed (`suppress(OSError)`, `ignore_errors=True`). What
goes on then ends well here, and does its deed where the notebook is run without a sandbox.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Sequence  # noqa: UP035 - the kernel's interpreter may be older than ours

ORIGINAL = "/codeagent/folder"
"""Where the user's folder itself is mounted read-only, and links to large files lead."""

FOLDER = "CODEAGENT_FOLDER"
"""Variable that names the user's folder where nothing can be mounted, and what may be changed, as a list in JSON.

Without this and that nothing is watched.
"""

PATHS = {
    "os.chmod": ((0, 2),),
    "os.link": ((1, 3),),
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.rmdir": ((0, 1),),
    "os.symlink": ((1, 2),),
    "os.truncate": ((0, None),),
}
"""Python's own events (PEP 578) that change files: where their arguments have a path, and its folder's descriptor."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

OWN = ("__pycache__", ".ipynb_checkpoints")
"""Folders that Python and Jupyter write to by themselves, and do without."""


class OnlyToBeRead(BaseException):
    """A file of the user's was to be changed that code here can only read."""


def watch() -> None:
    """Watch what this process does to the folder it is in; it cannot be undone."""
    told = os.environ.pop(FOLDER, "")
    if told:
        import json

        folder, *granted = json.loads(told)
        sys.addaudithook(Watcher(folder, granted, is_read_only=lambda _: True))
    elif os.path.isdir(ORIGINAL):
        sys.addaudithook(Watcher(os.path.realpath(os.getcwd())))


class Watcher:
    """Looks at each event before it is done.

    Args:
        folder: The user's folder, as it is seen here.
        granted: What of it may be changed.
        is_read_only: Whether a path, or what it is about to be made in, cannot be written to.
    """

    def __init__(
        self, folder: str, granted: Sequence[str] = (), is_read_only: Callable[[str], bool] | None = None
    ) -> None:
        self._folders = (folder + os.sep, ORIGINAL + os.sep)
        self._granted = tuple(each + os.sep for each in granted)
        self._is_read_only = is_read_only or _is_read_only

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise if a file that can only be read is about to be changed."""
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, (str, bytes)) and isinstance(flags, int) and flags & WRITES:
                self._look_at(path, None, follow=True)
        elif event in PATHS:
            for at, folder_at in PATHS[event]:
                folder = arguments[folder_at] if folder_at is not None else None
                self._look_at(arguments[at], folder, follow=event in ("os.chmod", "os.truncate"))

    def _look_at(self, path: Any, folder: Any, *, follow: bool) -> None:
        try:
            name = os.fsdecode(path)
        except TypeError:
            return  # a number: it is open already
        if isinstance(folder, int) and folder >= 0:
            name = os.path.join(f"/proc/self/fd/{folder}", name)
        # A link to a large file may go: that is noticed, and it is put back.
        looked_at = name if follow or not os.path.islink(name) else os.path.dirname(name)
        if self._is_read_only(looked_at) and self._is_the_users(name, follow=follow):
            raise OnlyToBeRead(
                f"{name!r} is the user's and can only be read here: write results to files of other names"
                + (", by paths relative to the current folder" if os.path.isabs(name) else "")
            )

    def _is_the_users(self, name: str, *, follow: bool) -> bool:
        try:
            # Not `abspath`: in a folder deeper than a path can be long, `getcwd` goes up step by step.
            here = "" if os.path.isabs(name) else os.readlink("/proc/self/cwd")
            outer, base = os.path.split(os.path.normpath(os.path.join(here, name)))
            place = os.path.realpath(name) if follow else os.path.join(os.path.realpath(outer), base)
        except OSError:  # there only code's own are
            return False
        if (place + os.sep).startswith(self._granted):
            return False
        return place.startswith(self._folders) and not any(part in place.split(os.sep) for part in OWN)


def _is_read_only(path: str) -> bool:
    """Return whether a path, or what it is about to be made in, is on a read-only mount; one system call, mostly."""
    while True:
        try:
            return bool(os.statvfs(path or ".").f_flag & os.ST_RDONLY)
        except (OSError, ValueError):
            outer = os.path.dirname(path)
            if outer == path:
                return False
            path = outer
