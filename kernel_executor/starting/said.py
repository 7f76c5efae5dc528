"""Keeps the end of what a process writes to its standard error. Knows no process."""

import os
import threading
from typing import IO, Self

STDERR_KEPT = 8_192  # bytes: the end of what a kernel said before it failed


class Said:
    """The end of what a process writes."""

    def __init__(self) -> None:
        self._kept = bytearray()

    @classmethod
    def of(cls, pipe: IO[bytes] | None) -> Self:
        """Keep what comes through a pipe, read in a thread: a kernel must not block on it while our loop is busy.

        Args:
            pipe: The pipe, which is closed at its end.
        """
        said = cls()
        if pipe:
            threading.Thread(target=said._read, args=(pipe,), daemon=True, name="kernel-stderr").start()
        return said

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while chunk := os.read(pipe.fileno(), 65_536):
                self.take(chunk)

    def take(self, chunk: bytes) -> None:
        """Keep what was written, as far as there is room."""
        self._kept += chunk
        del self._kept[:-STDERR_KEPT]

    def __str__(self) -> str:
        return bytes(self._kept).decode(errors="replace").strip()
