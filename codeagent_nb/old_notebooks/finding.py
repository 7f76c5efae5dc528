"""Finds notebooks of version 0.1, in which code that failed is stored as code.

What it reads may be anybody's: no link is followed, nothing waited for, and nothing that is too large is read. It is
done by `%load_ext`, so it imports nothing that takes time.
"""

import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

FILES_LOOKED_AT = 300
BYTES_LOOKED_AT = 10_000_000
"""Of one file; what a person named is read whole."""

CANDIDATE = re.compile(rb'codeagent-failed|"codeagent"')
FAILED_TAG = "codeagent-failed"

UNREADABLE = (OSError, ValueError, RecursionError, MemoryError)


def notebooks_with_failed_code(folder: Path, *, nested: bool = False, seconds: float = 5.0) -> Sequence[Path]:
    """Return the notebooks in a folder in which failed code is stored as code; never raises.

    Args:
        folder: Where to look, at some hundred files at most.
        nested: True to look into the folders in it, too.
        seconds: When to stop looking.
    """
    ends = time.monotonic() + seconds
    found = []
    for path in islice(_notebooks_in(folder, nested=nested), FILES_LOOKED_AT):
        if time.monotonic() > ends:
            break
        with suppress(*UNREADABLE):
            if _holds_failed_code(path):
                found.append(path)
    return found


def _notebooks_in(folder: Path, *, nested: bool) -> Iterator[Path]:
    with suppress(OSError):
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in islice(entries, 10 * FILES_LOOKED_AT))
        yield from (folder / name for name in names if name.endswith(".ipynb"))
        for name in names if nested else ():
            if not name.startswith(".") and (folder / name).is_dir() and not (folder / name).is_symlink():
                yield from _notebooks_in(folder / name, nested=False)


def _holds_failed_code(path: Path) -> bool:
    content = read(path, BYTES_LOOKED_AT)
    return bool(CANDIDATE.search(content)) and any(is_failed(cell) for cell in json.loads(content)["cells"])


def is_failed(cell: Any) -> bool:
    """Return True if a cell is code of the agent's that has failed."""
    about = cell["metadata"].get("codeagent")
    if cell["cell_type"] != "code" or not isinstance(about, dict) or about.get("kind") != "code":
        return False
    return about.get("status") != "ok" or FAILED_TAG in cell["metadata"].get("tags", ())


def read(path: Path, limit: int | None) -> bytes:
    """Return what a file holds; nothing but a file is opened, not even one whose name became a link meanwhile.

    Raises:
        OSError: It is not a file, cannot be read, or has more bytes than the limit.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{str(path)!r} is not a file")
        if limit is not None and status.st_size > limit:
            raise OSError(f"{str(path)!r} is too large")
        return file.read()
