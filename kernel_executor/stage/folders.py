"""Where stages lie and what they stand for: our folders in the user's cache, made and swept. Knows no content."""

import os
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from kernel_executor.errors import KernelStartError
from kernel_executor.folders.left_behind import LOCK, sweep
from kernel_executor.stage.mirror import MAX_ENTRIES
from kernel_executor.stage.place import MOST_LINKS

PREFIX = "codeagent-s-"
"""Of no other folder."""

HIDDEN_PREFIX = ".codeagent-stage-"
"""Of a stage that has to lie in the user's folder, because an engine elsewhere sees nothing else."""

BESIDE = "agent-files"
"""The folder in the user's that new files go to, where the user's holds too much to be mirrored."""


def base_of(work_dir: Path) -> Path:
    """Return the folder a stage stands for: one in the user's, if that holds too much to be mirrored."""
    with os.scandir(work_dir) as entries:
        count = sum(1 for _, _ in zip(range(MAX_ENTRIES + 1), entries, strict=False))
    if count <= MAX_ENTRIES:
        return work_dir
    base = work_dir / BESIDE
    try:
        base.mkdir(exist_ok=True)
    except OSError as error:
        raise KernelStartError(
            f"{str(work_dir)!r} holds more than {MAX_ENTRIES:,} entries, so new files would go to {str(base)!r}, which "
            f"cannot be made ({error.strerror}): make that folder, or use another work_dir"
        ) from error
    return base


def make_folder(work_dir: Path, parent: Path | None) -> Path:
    """Make a folder of ours, outside the user's if that is possible.

    Args:
        work_dir: The user's folder.
        parent: Where it has to lie; None leaves that to us.
    """
    if parent is not None:
        sweep(parent.glob(f"{HIDDEN_PREFIX}*/{LOCK}"))
        return Path(tempfile.mkdtemp(prefix=HIDDEN_PREFIX, dir=parent))
    place = _cache() or Path(tempfile.gettempdir())
    sweep(place.glob(f"{PREFIX}*/{LOCK}"))
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)).resolve()
    if path.is_relative_to(work_dir):
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp")).resolve()
    return path


def link_all(folder: Path, view: Path, others: Mapping[str, Path]) -> None:
    """Make links to what is in a folder, and to other places under some names."""
    view.mkdir(mode=0o700)
    with os.scandir(folder) as entries:
        for entry in islice(entries, MOST_LINKS):
            (view / entry.name).symlink_to(others.get(entry.name, entry.path))


def _cache() -> Path | None:
    """Return our folder in the user's cache, made if need be: `/tmp` is memory on many machines."""
    asked = Path(os.environ.get("XDG_CACHE_HOME") or "")
    try:
        folder = (asked if asked.is_absolute() else Path.home() / ".cache") / "codeagent-nb" / "stages"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder if os.access(folder, os.W_OK | os.X_OK) else None
    except (OSError, RuntimeError):  # a user without a home
        return None
