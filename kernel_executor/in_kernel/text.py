"""Cuts text at its middle, keeps its beginning and end, makes it UTF-8. Pure; both ends use it, so both cut alike."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any


def shorten(text: str, limit: int) -> str:
    """Cut the middle out of a text that is longer than `limit`, and say so there."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}{left_out(len(text) - 2 * half, 'characters')}{text[len(text) - half :]}"


def left_out(count: int, what: str) -> str:
    """Return the line that stands where text is missing."""
    return f"\n[... {count:,} {what} left out ...]\n"


class HeadTail:
    """Keeps the beginning and the end of a text of any length. May be used from any thread.

    Args:
        head: Characters passed through at once.
        tail: Characters held back, the newest, once the head is full.
    """

    def __init__(self, head: int, tail: int) -> None:
        self._room = head
        self._tail_limit = tail
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._lock = threading.RLock()  # re-entrant: a signal handler may print, too
        self.omitted = 0

    def take(self, text: str) -> str:
        """Return the part of `text` that still fits the head; hold the rest back."""
        with self._lock:
            passed = text[: self._room]
            self._room -= len(passed)
            if len(passed) < len(text):
                self._hold(text, len(passed))
            return passed

    def _hold(self, text: str, start: int) -> None:
        # One slice of what is kept: a copy of the rest would cost 100 MB under a print of 100 MB.
        first = max(start, len(text) - self._tail_limit)
        self.omitted += first - start
        if first == len(text):
            return
        self._tail.append(text[first:])
        self._tail_size += len(text) - first
        while self._tail and self._tail_size > self._tail_limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._tail.popleft()
        excess = min(self._tail_size - self._tail_limit, len(oldest))
        if excess < len(oldest):
            self._tail.appendleft(oldest[excess:])
        self._tail_size -= excess
        self.omitted += excess

    def spend(self, characters: int) -> None:
        """Count what is passed through as so many more."""
        with self._lock:
            self._room = max(0, self._room - max(0, characters))

    @property
    def holds(self) -> bool:
        """Whether anything was held back or left out."""
        return bool(self._tail or self.omitted)

    def release(self) -> str:
        """Return what was held back, after a line that says how much is missing before it."""
        with self._lock:
            tail = "".join(self._tail)
            omitted = self.omitted
            self.forget()
        return left_out(omitted, "characters") + tail if omitted else tail

    def forget(self) -> None:
        """Drop what is held back without a word: it was cleared from the screen."""
        with self._lock:
            self._tail.clear()
            self._tail_size = 0
            self.omitted = 0


def encodable(value: Any) -> Any:
    """Replace in what is to be sent the lone surrogates, which no UTF-8 can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in value.items()}
    return [encodable(part) for part in value] if isinstance(value, (list, tuple)) else value
