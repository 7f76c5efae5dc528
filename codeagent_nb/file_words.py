"""What is said of files that were delivered or stayed behind, on every surface. Pure."""

from collections.abc import Sequence

from codeagent_nb.events import FilesEvent
from kernel_executor import HeldFile

NAMED = 6
"""Files that are named one by one; of more, the number says enough."""

HOW_TO_TAKE = "%agent files NAME copies one into your folder"


def delivered_text(event: FilesEvent) -> str:
    """Say in one line which files were saved, and which were removed; empty if none were."""
    parts = []
    if event.delivered:
        parts.append(f"Saved {_listed([f'{file.name} ({size_text(file.size)})' for file in event.delivered])}")
    if event.removed:
        parts.append(f"removed {_listed(event.removed)}" if parts else f"Removed {_listed(event.removed)}")
    return "; ".join(parts)


def held_text(event: FilesEvent) -> str:
    """Say in one line which files were not saved, and why; empty if all were."""
    if not event.held:
        return ""
    return f"Not saved: {_listed(held_rows(event.held), more=event.more_held)}"


def held_rows(files: Sequence[HeldFile]) -> list[str]:
    """Return a line for each file that stayed behind."""
    return [f"{file.name} ({size_text(file.size)}: {file.reason})" for file in files]


def size_text(size: int) -> str:
    """Return a size for people: 900 bytes, 1.2 kB, 3.4 MB."""
    if size < 1_000:
        return f"{size} {'byte' if size == 1 else 'bytes'}"
    for unit, bytes_ in (("kB", 1e3), ("MB", 1e6)):
        if size < bytes_ * 999.5:
            return f"{size / bytes_:.3g} {unit}"
    return f"{size / 1e9:,.1f} GB"


def _listed(names: Sequence[str], more: int = 0) -> str:
    left = max(0, len(names) - NAMED) + more
    return ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")
