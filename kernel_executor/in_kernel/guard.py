"""Cuts what a cell sends to size: text, displays, errors. Pure: knows no kernel and no socket.

Why in the kernel: a stock kernel under an endless `print` grew by 3.7 to 8.5 GB and did not answer an interrupt
for 20 s; 100 MB arrive in five messages, so a cap in the client comes too late (measured, ipykernel 7.4).
"""

from __future__ import annotations

import contextlib
from typing import Any

from .text import HeadTail, shorten

ERROR_TEXT = 20_000
"""Characters kept of an exception's text and of each part of its traceback."""

TRACEBACK_PARTS = 100
"""Parts kept of a traceback; IPython folds recursion itself, but not what an exception group holds."""

PAGE_TEXT = 200_000
"""Characters kept of what a cell shows in a pager."""

DISPLAY_OVERHEAD = 1_000
"""What a display counts at least: else an endless loop of tiny ones has no bound."""

FREE_COMMS = 20_000
"""Messages of widgets that a cell sends as fast as it can; none can be left out, for the last one counts.

Of 200,000 so many waited for the reader, on a busy machine, that ZeroMQ dropped the cell's end (measured).
"""

COMMS = frozenset({"comm_open", "comm_msg", "comm_close"})

DISPLAYS = frozenset({"display_data", "update_display_data", "execute_result"})


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
        self._comms: dict[str, int] = {}
        self._captures: dict[str, str] = {}
        """By an Output widget's id, the request whose output it takes in."""

    def budget(self, parent_id: str, stream: str) -> HeadTail:
        """Return the budget of a cell's stream; made when first asked for."""
        self._clear_if_due(parent_id)
        key = (parent_id, stream)
        budget = self._budgets.get(key)
        if budget is None:  # two threads may find none at once
            budget = self._budgets.setdefault(key, HeadTail(*self._limits))
            _forget_oldest(self._budgets, 2 * self.REMEMBERED_CELLS)
        return budget

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
        if parent_id in self._captures.values():
            return  # an Output widget is cleared, not the cell
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
        elif kind in COMMS:
            self._note_capture(content)
        elif kind in {"error", "execute_reply"}:
            shrink_error(content)
            if "payload" in content:  # the rest is for front ends: `%load` of 5 MB was more than a reply may weigh
                content["payload"] = _paged(content["payload"])
            for value in content.get("user_expressions", {}).values():
                if "data" in value:
                    value["data"], _ = self.shrink(value["data"])
            return kind != "error" or self._has_room(parent_id, sum(map(len, content.get("traceback", []))))
        return True

    def is_flood(self, message: dict[str, Any]) -> bool:
        """Return whether a cell has sent so many messages of widgets that the next one must wait for the reader."""
        if message["msg_type"] not in COMMS:
            return False
        parent_id = (message.get("parent_header") or {}).get("msg_id", "")
        self._comms[parent_id] = self._comms.get(parent_id, 0) + 1
        _forget_oldest(self._comms, self.REMEMBERED_CELLS)
        return self._comms[parent_id] > FREE_COMMS

    def _note_capture(self, content: dict[str, Any]) -> None:
        data = content.get("data")
        state = data.get("state") if isinstance(data, dict) else None
        if isinstance(state, dict) and "msg_id" in state:
            widget = str(content.get("comm_id"))
            self._captures.pop(widget, None)
            if state["msg_id"]:
                self._captures[widget] = str(state["msg_id"])
                _forget_oldest(self._captures, self.REMEMBERED_CELLS)

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


def _paged(payload: Any) -> list[dict[str, Any]]:
    """Return what `print?` and the like show in a pager, as one page of text."""
    parts = payload if isinstance(payload, list) else []
    pages = [part.get("data") for part in parts if isinstance(part, dict) and part.get("source") == "page"]
    texts = [str(page["text/plain"]) for page in pages if isinstance(page, dict) and page.get("text/plain")]
    page = {"source": "page", "data": {"text/plain": shorten("\n".join(texts), PAGE_TEXT)}, "start": 0}
    return [page] if texts else []


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))


def _forget_oldest(entries: dict[Any, Any], limit: int) -> None:
    while len(entries) > limit:
        with contextlib.suppress(RuntimeError):  # another thread has made or removed one between the two steps
            entries.pop(next(iter(entries)), None)


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
