"""Finds the programs we start, in absolute places that executed code cannot write to. Starts none."""

import os
import shutil

from kernel_executor.search_paths import is_absolute, safe_parts


def find(name: str, path: str | None = None) -> str | None:
    """Return where a program is; None if it is nowhere that can be trusted.

    Args:
        name: Its name, or its absolute path.
        path: Where to look, as in `PATH`, which is the default; relative and empty parts are the current folder.
    """
    if os.path.dirname(name):  # noqa: PTH120 - "./name" has one, for Path it has none
        return shutil.which(name) if is_absolute(name) else None
    return shutil.which(name, path=safe_parts(os.environ.get("PATH", os.defpath) if path is None else path))
