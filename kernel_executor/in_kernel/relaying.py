"""Relays what others write to a stream's file descriptor, children above all, so that a cell's end can wait for it.

In the place of ipykernel's own, which reads and writes in a thread that nobody can wait for: one in ten outputs of
`os.system` came after its cell's end (measured). And it makes two wrong letters of one that comes in two pieces.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import threading
import time
from typing import Any

DRAIN = 0.2
"""Seconds to take in what is there when a cell ends; only a child that goes on writing takes that long."""

PIECE = 65_536  # bytes; what a pipe holds on Linux


class Relaying:
    """To be inherited before ipykernel's `OutStream`, whose attributes it uses."""

    _fid: Any
    _should_watch: bool
    _original_stdstream_copy: int
    write: Any
    of_fork = ""
    """A line that a fork has begun, see `forks`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._relaying = threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        super().__init__(*args, **settings)

    def _watch_pipe_fd(self) -> None:
        with contextlib.suppress(OSError):  # nobody reads what we say outside of cells any more
            while self._should_watch:
                select.select([self._fid], [], [])
                self._relay()

    def relay_rest(self) -> None:
        """Relay what is there."""
        deadline = time.monotonic() + DRAIN
        while self._fid is not None and self._relay() and time.monotonic() < deadline:
            pass
        if rest := self._decoder.decode(b"", final=True):  # of a letter that never came to its end
            self.write(rest)

    def _relay(self) -> bool:
        """Relay one piece, if there is one; say whether there was."""
        with self._relaying:
            if not select.select([self._fid], [], [], 0)[0]:
                return False
            try:
                piece = os.read(self._fid, PIECE)
            except BlockingIOError:  # in a kernel that we came to later, another thread may have been first
                return False
            self.write(self._decoder.decode(piece))
            os.write(self._original_stdstream_copy, piece)
            return True
