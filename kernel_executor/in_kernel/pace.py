"""Keeps what a kernel sends slower than a Jupyter server lets through. Pure: knows no kernel; is given a clock.

A server drops what comes faster than 1,000 messages or 1 MB a second, over 3 seconds, and writes a note in its place;
what is cut is chance. Waiting here costs time and loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Callable  # noqa: UP035 - the kernel's interpreter may be older than ours

WINDOW = 3.2
"""Seconds; the server's 3, and some for the way there."""

MESSAGES = 2_600
"""Messages a window; the server drops from 3,000 on."""

CHARACTERS = 1_300_000
"""Characters a window; the server drops from 3,000,000 bytes on, and most letters have one or two."""


class Pace:
    """Counts what is sent, and tells how long to wait. May be used from any thread.

    Args:
        now: Returns the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._past: deque[tuple[float, int]] = deque()
        self._characters = 0

    def rest(self, characters: int) -> float:
        """Return how many seconds to wait before the next message of so many characters; 0 if it has been counted."""
        with self._lock:
            now = self._now()
            while self._past and self._past[0][0] <= now - WINDOW:
                self._characters -= self._past.popleft()[1]
            fits = self._characters + characters <= CHARACTERS and len(self._past) < MESSAGES
            if fits or not self._past:
                self._past.append((now, characters))
                self._characters += characters
                return 0.0
            return max(0.005, self._past[0][0] + WINDOW - now)

    def reset(self) -> None:
        """Forget what was sent: a server counts from zero when a request has ended."""
        with self._lock:
            self._past.clear()
            self._characters = 0
