"""Numbers what each request causes, and keeps the last of it to send it once more. Pure: knows no kernel.

Over a websocket a message can be lost though the kernel has sent it: what a server wrote to a connection that was cut
is in no buffer of its. The number tells the other end that something is missing; above all the reply can be had again.
"""

from __future__ import annotations

import threading
from typing import Any

NUMBER = "codeagent_number"
"""In a message's metadata."""

RECALL = "codeagent-recall-"
"""What the ids of those requests begin with that ask for messages once more: these are neither numbered nor kept."""

REQUESTS = 4
"""Requests of which messages are kept, the newest: one runs at a time, and is asked for soon after if at all."""

ROOM = 40_000_000
"""Characters of messages kept, of all requests: a block with as many displays as are let through has 15 million."""

OVERHEAD = 500

BEGUN = 10_000
"""Ids of requests remembered, so that none runs twice."""


class Sent:
    """What was sent, by request and number. May be used from any thread."""

    def __init__(self, room: int = ROOM) -> None:
        self._lock = threading.RLock()  # re-entrant: a signal handler may print, too
        self._room = room
        self._size = 0
        self._kept: dict[str, dict[int, tuple[Any, int]]] = {}
        self._begun: dict[str, int] = {}  # how many messages each has caused

    def begin(self, msg_id: str) -> bool:
        """Note a request that is to be run; return False if it was noted before."""
        with self._lock:
            if msg_id in self._begun:
                return False
            self._begun[msg_id] = 0
            if not msg_id.startswith(RECALL):
                self._kept[msg_id] = {}
                for parent_id in list(self._kept)[:-REQUESTS]:
                    self._forget(parent_id)
            while len(self._begun) > BEGUN:
                self._begun.pop(next(iter(self._begun)))
            return True

    def has_begun(self, msg_id: str) -> bool:
        """Return whether a request was noted."""
        return msg_id in self._begun

    def take(self, message: dict[str, Any]) -> None:
        """Number a message that a noted request causes, in place, and keep it; once, however often it comes here."""
        parent_id = (message.get("parent_header") or {}).get("msg_id", "")
        metadata = message.get("metadata")
        if parent_id.startswith(RECALL) or not isinstance(metadata, dict):
            return
        with self._lock:
            number = self._begun.get(parent_id)
            if number is None or NUMBER in metadata:
                return
            metadata[NUMBER] = number
            self._begun[parent_id] = number + 1
            size = OVERHEAD + _size(message.get("content"))
            if (kept := self._kept.get(parent_id)) is not None:  # a late one has no place among newer requests'
                kept[number] = (message, size)
                self._size += size
                self._make_room(parent_id)

    def _make_room(self, newest: str) -> None:
        for parent_id in list(self._kept):
            if self._size > self._room and parent_id != newest:
                self._forget(parent_id)
        kept = self._kept.get(newest)
        while kept and self._size > self._room and len(kept) > 1:
            self._size -= kept.pop(next(iter(kept)))[1]

    def _forget(self, parent_id: str) -> None:
        # A signal handler that prints meanwhile may have forgotten it, too.
        self._size -= sum(size for _, size in self._kept.pop(parent_id, {}).values())

    def again(self, msg_id: str, first: int, but: list[int]) -> list[dict[str, Any]]:
        """Return what is kept of a request's messages from a number on, without some."""
        with self._lock:
            kept = self._kept.get(msg_id, {})
            return [message for number, (message, _) in kept.items() if number >= first and number not in but]


def _size(value: Any) -> int:
    """Return about the characters of a value as it is sent."""
    if isinstance(value, dict):
        return sum(len(str(key)) + _size(part) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return sum(_size(part) for part in value)
    return len(value) if isinstance(value, str) else 10
