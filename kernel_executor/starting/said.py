"""Keeps the end of what a process writes to its standard error. Knows no process."""

import os
import threading
from typing import IO

STDERR_KEPT = 8_192  # bytes: the end of what a kernel said before it failed


class Said:
    """The end of what comes through a pipe, read in a thread: a kernel must not block on it while our loop is busy.

    Args:
        pipe: The pipe, which is closed at its end.
    """

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._kept = bytearray()
        if pipe:
            threading.Thread(target=self._keep_end, args=(pipe,), daemon=True, name="kernel-stderr").start()

    def _keep_end(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65_536):
                self._kept += chunk
                del self._kept[:-STDERR_KEPT]

    def __str__(self) -> str:
        return bytes(self._kept).decode(errors="replace").strip()
