"""Keeps files that stayed where code works, when the stage is about to go. Knows no session."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from codeagent_nb.log.place import SessionPlace
from kernel_executor import KernelExecutorError, ManagedExecutor
from kernel_executor.stage.ownership import state_folder


async def keep_held_files(executor: ManagedExecutor[Any], place: SessionPlace) -> Path | None:
    """Copy what stayed where code works to `held_folder`.

    Args:
        executor: Runs the code.
        place: The session's.

    Returns:
        The folder; None if nothing stayed behind, or it cannot be kept.
    """
    if not executor.held_files:
        return None
    folder = held_folder(place)
    with suppress(KernelExecutorError, OSError):  # at the end; the session itself is saved
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        names = [file.name for file in executor.held_files]
        if (await executor.take_files(names, folder)).delivered:
            return folder
        folder.rmdir()
    return None


def held_folder(place: SessionPlace) -> Path:
    """Return where files are kept that a session's code made and that were not saved.

    It is in the user's state folder; without a home that can be written to, as in some hubs, with the session.
    """
    state = state_folder()
    if state is None:
        return place.folder.path / "not-saved"
    folder = sha256(os.fsencode(place.work_dir)).hexdigest()[:8]  # two folders may have sessions of one name
    return state.with_name("not-saved") / f"{place.name}-{folder}"
