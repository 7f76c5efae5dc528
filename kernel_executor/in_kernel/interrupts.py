"""When SIGINT becomes a KeyboardInterrupt: while a cell's code runs, and at no other moment. Knows no kernel.

ipykernel lets it happen whenever it handles a request. In the last millisecond of a cell it then cost the reply (a
quarter of the trials with cells of 2 ms), and once in a thousand the kernel: between its handlers it left the event
loop, and in `flush` it left a lock that the thread which sends waits for (measured).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any


class Interrupts:
    """A handler of SIGINT for a whole request. For the main thread: handlers run nowhere else.

    `code_runs` is to be set to False when code runs no more, and by no method: Python handles signals where a function
    begins, so the interrupt would come just before its end (1 in 800 trials).
    """

    def __init__(self) -> None:
        self.code_runs = False
        self._held = False
        self._came = False

    def handle(self, *_: Any) -> None:
        """Handle the signal."""
        if self.code_runs and not self._held:
            raise KeyboardInterrupt
        self._came = True

    def expect(self) -> None:
        """Begin a request; a signal that comes before its code runs will stop it when it does."""
        self._came = False

    def begin(self) -> None:
        """Allow the signal to stop what runs from here on.

        Raises:
            KeyboardInterrupt: It came before.
        """
        self.code_runs = True
        self._raise_if_it_came()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep it back for a moment; if code runs, it stops that at the end of the moment.

        Raises:
            KeyboardInterrupt: It came meanwhile.
        """
        ours = self._hold()
        try:
            yield
        finally:
            if ours:
                self._held = False
                if self.code_runs:
                    self._raise_if_it_came()

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """Ignore it for a moment."""
        ours = self._hold()
        try:
            yield
        finally:
            if ours:
                self._held = self._came = False

    def _hold(self) -> bool:
        if self._held or threading.current_thread() is not threading.main_thread():
            return False
        self._held = True
        return True

    def _raise_if_it_came(self) -> None:
        came, self._came = self._came, False
        if came:
            raise KeyboardInterrupt
