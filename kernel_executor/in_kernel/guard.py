"""Cuts what a cell sends to size: text, displays, errors. Pure: knows no kernel and no socket.

Why in the kernel: a stock kernel under an endless `print` grew by 3.7 to 8.5 GB and did not answer an interrupt
for 20 s; 100 MB arrive in five messages, so a cap in the client comes too late (measured, ipykernel 7.4).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

ERROR_TEXT = 20_000
"""Characters kept of an exception's text and of each part of its traceback."""

TRACEBACK_PARTS = 100
"""Parts kept of a traceback; IPython folds recursion itself, but not what an exception group holds."""

DISPLAY_OVERHEAD = 1_000
"""What a display counts at least: else an endless loop of tiny ones has no bound."""

DISPLAYS = frozenset({"display_data", "update_display_data", "execute_result"})


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


class OutputGuard:
    """Bounds what one cell may send: text by `HeadTail` per stream, displays by size and sum, errors by size.

    Budgets are kept by the id of the request that caused the output, not by time: a thread that prints after its
    cell must not eat the next cell's budget. Once a cell has ended, its late output gets one more head, no tail.
    """

    REMEMBERED_CELLS = 64

    def __init__(self, head: int, tail: int, display: int, displays: int) -> None:
        self._limits = (head, tail)
        self._display_limit = display
        self._displays_limit = displays
        self._budgets: dict[tuple[str, str], HeadTail] = {}
        self._displayed: dict[str, int] = {}
        self._omitted: dict[str, int] = {}
        self._clear_next: set[str] = set()

    def budget(self, parent_id: str, stream: str) -> HeadTail:
        """Return the budget of a cell's stream; made when first asked for."""
        self._clear_if_due(parent_id)
        key = (parent_id, stream)
        if key not in self._budgets:
            self._budgets[key] = HeadTail(*self._limits)
            _forget_oldest(self._budgets, 2 * self.REMEMBERED_CELLS)
        return self._budgets[key]

    def close(self, parent_id: str, stream: str) -> tuple[str, int]:
        """End a cell's stream: return the held-back text and the number of characters left out."""
        self._clear_next.discard(parent_id)
        budget = self.budget(parent_id, stream)
        omitted = budget.omitted
        text = budget.release()
        self._budgets[(parent_id, stream)] = HeadTail(self._limits[0], 0)
        return text, omitted

    def close_displays(self, parent_id: str) -> int:
        """Return how many bytes of a cell's displays were left out since this was last asked."""
        return self._omitted.pop(parent_id, 0)

    def clear(self, parent_id: str, *, wait: bool) -> None:
        """Note that a cell cleared its output: what was held back of it must not come up again."""
        self._clear_next.add(parent_id)
        if not wait:
            self._clear_if_due(parent_id)

    def _clear_if_due(self, parent_id: str) -> None:
        if parent_id in self._clear_next:
            self._clear_next.discard(parent_id)
            for (owner, _), budget in tuple(self._budgets.items()):
                if owner == parent_id:
                    budget.forget()

    def guard(self, message: dict[str, Any]) -> bool:
        """Cut a message to size, in place; return whether to send it at all."""
        kind, content = message["msg_type"], message["content"]
        parent_id = (message.get("parent_header") or {}).get("msg_id", "")
        if kind in DISPLAYS and isinstance(content.get("data"), dict):
            self._clear_if_due(parent_id)
            content["data"], omitted = self.shrink(content["data"])
            return self._admit(parent_id, content, omitted)
        if kind == "clear_output":
            self.clear(parent_id, wait=bool(content.get("wait")))
        elif kind in {"error", "execute_reply"}:
            shrink_error(content)
            content.pop("payload", None)  # for front ends: `%load` of 5 MB was more than a reply may weigh
            for value in content.get("user_expressions", {}).values():
                if "data" in value:
                    value["data"], _ = self.shrink(value["data"])
            return kind != "error" or self._has_room(parent_id, sum(map(len, content.get("traceback", []))))
        return True

    def _has_room(self, parent_id: str, size: int) -> bool:
        """Count a display or error; an endless loop of them must have an end."""
        before = self._displayed.get(parent_id, 0)
        fits = before + size + DISPLAY_OVERHEAD <= self._displays_limit
        self._displayed[parent_id] = before + size + DISPLAY_OVERHEAD if fits else self._displays_limit + 1
        _forget_oldest(self._displayed, self.REMEMBERED_CELLS)
        return fits

    def _admit(self, parent_id: str, content: dict[str, Any], omitted: int) -> bool:
        """Count a display; in the place of the first one too many stands a note, then nothing."""
        size = sum(map(_size, content["data"].values()))
        was_full = self._displayed.get(parent_id, 0) > self._displays_limit
        fits = self._has_room(parent_id, size)
        self._omitted[parent_id] = self._omitted.get(parent_id, 0) + (omitted if fits else omitted + size)
        _forget_oldest(self._omitted, self.REMEMBERED_CELLS)
        if not fits:
            note = f"[further displays left out: the limit is {self._displays_limit:,} bytes]"
            content["data"], content["metadata"] = {"text/plain": note}, {}
        return not was_full

    def shrink(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Replace the representations of a display that are too large; return them and the bytes left out."""
        kept: dict[str, Any] = {}
        notes: list[str] = []
        omitted = 0
        for mime, value in data.items():
            size = _size(value)
            limit = min(self._display_limit, sum(self._limits)) if mime == "text/plain" else self._display_limit
            if size <= limit:
                kept[mime] = value
            elif mime == "text/plain":
                kept[mime] = shorten(str(value), limit)
                omitted += size - limit
            else:
                notes.append(f"[{mime} of {size:,} bytes left out: the limit is {self._display_limit:,}]")
                omitted += size
        if notes:
            kept["text/plain"] = "\n".join([*filter(None, [kept.get("text/plain")]), *notes])
        return kept, omitted


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))


def _forget_oldest(entries: dict[Any, Any], limit: int) -> None:
    while len(entries) > limit:
        entries.pop(next(iter(entries)), None)


def encodable(value: Any) -> Any:
    """Replace in what is to be sent the lone surrogates, which no UTF-8 can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in value.items()}
    return [encodable(part) for part in value] if isinstance(value, list | tuple) else value


def shrink_error(content: dict[str, Any]) -> None:
    """Cut an exception's text and traceback to size, in place: `raise ValueError("x" * 10**8)` is one line of code."""
    if "evalue" in content:
        content["evalue"] = shorten(str(content["evalue"]), ERROR_TEXT)
    if "traceback" in content:
        parts = [shorten(str(part), ERROR_TEXT) for part in content["traceback"]]
        if len(parts) > TRACEBACK_PARTS:
            half = TRACEBACK_PARTS // 2
            parts = [*parts[:half], f"[... {len(parts) - 2 * half:,} parts left out ...]", *parts[-half:]]
        content["traceback"] = parts
