"""Where the user's home folder is. Knows nothing of what lies there."""

import os
from pathlib import Path

from kernel_executor.errors import KernelStartError


def home_folder() -> Path:
    """Return the user's home folder, which need not exist.

    Raises:
        KernelStartError: There is none: a container that runs as a number which its system does not know.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise KernelStartError(
            f"there is no home folder: HOME is not set, and the user {os.getuid()} is not in /etc/passwd. Set HOME to "
            "a folder that you may write to, HOME=/tmp/home say."
        ) from error


def with_home(path: str | Path) -> Path:
    """Return a path that a user names, with the home folder for `~`.

    Raises:
        KernelStartError: There is no home folder, or no such user as in `~user`.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        home_folder()
        raise KernelStartError(f"{str(path)!r}: there is no user of that name") from error
