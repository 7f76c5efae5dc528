"""Puts a Jupyter message together from the pieces of its frames, within bounds. Knows no socket and no request.

What is not used is never kept: metadata are signed and forgotten as they come, contents that nobody reads and buffers
of all but widgets are passed over. So a message costs what its content may weigh, however long it is.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kernel_executor.in_kernel.guard import COMMS, DISPLAYS
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.outputs.message import MALFORMED, REPLIES, TEXTS, Channel, Message, decode
from kernel_executor.sockets.json_bounds import TooHeavy, Weigher, guess
from kernel_executor.sockets.zmtp import MAX_FRAME, ProtocolError

DELIMITER = b"<IDS|MSG>"

SHORT = 65_536
"""Bytes of each part but the content: topics, a signature, two headers."""

MAX_PARTS = 10_000
"""Parts of a message; buffers are parts, and a widget may have hundreds. More end the connection, as do more bytes."""

Part = Literal["topic", "signature", "header", "parent", "metadata", "content", "buffer"]

FOLLOWING: Mapping[Part, Part] = {
    "signature": "header",
    "header": "parent",
    "parent": "metadata",
    "metadata": "content",
    "content": "buffer",
    "buffer": "buffer",
}

TEXT = 4_000_000
"""Bytes of memory that the content of a message without displays may take."""

SIGNED = frozenset({"header", "parent", "metadata", "content"})


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What the content of a message may weigh, in bytes of memory.

    Args:
        display: Of displays.
        text: Of all others, with the buffers of a widget.
    """

    display: int = 25_000_000
    text: int = TEXT


def message_limits(limits: OutputLimits) -> MessageLimits:
    """Return what messages of a block may weigh: text may be wide, and escaped in JSON."""
    return MessageLimits(display=limits.display_room, text=max(TEXT, 8 * (limits.head + limits.tail)))


@dataclass(slots=True)
class _Draft:
    """A message on its way."""

    mac: "hmac.HMAC"
    part: Part = "topic"
    kept: bytearray = field(default_factory=bytearray)  # of the part that is coming
    parts: int = 0
    size: int = 0  # of all parts
    content_size: int = 0
    weight: int = 0  # of the content, if it is kept
    weigher: Weigher | None = None  # of a content that does not come in one piece, or is not light
    signature: bytes = b""
    type: str = ""
    parent_id: str = ""
    content: bytearray | None = None
    buffers: list[bytes] = field(default_factory=list)
    buffers_room: int = 0
    is_broken: bool = False


class Assembler:
    """Takes the pieces of one connection's frames in; gives messages that are signed with a key.

    Args:
        channel: Where they come in.
        key: What they must be signed with.
        limits: How much of one is kept.
    """

    def __init__(self, channel: Channel, key: bytes, limits: MessageLimits) -> None:
        self._channel = channel
        self._limits = limits
        self._mac = hmac.new(key, digestmod="sha256")
        self._draft = _Draft(self._mac.copy())

    def take(self, piece: bytes, ends: bool, more: bool) -> Message | None:
        """Take a piece in; return the message that it completes, if it is one.

        Raises:
            ProtocolError: It has more parts or bytes than any message of a kernel.
        """
        draft = self._draft
        draft.size += len(piece)
        if draft.part in SIGNED:
            draft.mac.update(piece)
        if draft.part == "content":
            self._take_content(draft, piece, ends)
        elif draft.part == "buffer":
            _take_buffer(draft, piece)
        elif draft.part != "metadata" and not draft.is_broken:
            draft.kept += piece
            draft.is_broken = len(draft.kept) > SHORT
        if not ends:
            self._check(draft)
            return None
        draft.parts += 1
        self._check(draft)
        _end_part(draft)
        if more:
            return None
        self._draft = _Draft(self._mac.copy())
        return self._message(draft)

    def _check(self, draft: _Draft) -> None:
        if draft.parts > MAX_PARTS or draft.size > MAX_FRAME:
            raise ProtocolError(f"a message of more than {MAX_PARTS:,} parts or {MAX_FRAME:,} bytes")

    def _take_content(self, draft: _Draft, piece: bytes, ends: bool) -> None:
        begins = not draft.content_size
        draft.content_size += len(piece)
        if begins and (limit := self._limit(draft)):
            draft.buffers_room = limit if draft.type in COMMS else 0
            draft.weight = guess(piece) if ends else 0
            draft.weigher = None if draft.weight else Weigher(limit)
            draft.kept += piece if draft.weight else b""
        if draft.weigher:
            try:
                draft.weigher.take(piece)
                draft.kept += piece
                if ends:
                    draft.weigher.check_depth()
                    draft.weight = draft.weigher.weight
            except TooHeavy:
                draft.weigher = None
                draft.kept = bytearray()

    def _limit(self, draft: _Draft) -> int:
        """Return what the content may weigh; 0 if nobody reads it."""
        if draft.is_broken:
            return 0
        if self._channel != "iopub":
            return self._limits.text if draft.type in REPLIES else 0
        if draft.type in DISPLAYS:
            return self._limits.display
        return self._limits.text if draft.type in TEXTS | COMMS else 0

    def _message(self, draft: _Draft) -> Message | None:
        if draft.part != "buffer" or draft.is_broken:
            return None
        if not hmac.compare_digest(draft.mac.hexdigest().encode(), draft.signature):
            return None
        buffers = tuple(draft.buffers)
        weight = (draft.weight or draft.content_size) + sum(map(len, buffers))
        return Message(self._channel, draft.type, draft.parent_id, draft.content, weight, buffers)


def _take_buffer(draft: _Draft, piece: bytes) -> None:
    draft.buffers_room -= len(piece)
    if draft.buffers_room >= 0:
        draft.kept += piece
    else:  # one that is missing would put the others into the wrong places
        draft.buffers, draft.kept = [], bytearray()


def _end_part(draft: _Draft) -> None:
    """Read a part that is whole, and go on to the next."""
    kept, draft.kept = draft.kept, bytearray()
    part = draft.part
    if part == "buffer":
        draft.buffers += [bytes(kept)] if draft.buffers_room > 0 else []
        return
    if part == "topic":
        draft.part = "signature" if kept == DELIMITER else "topic"
        return
    draft.part = FOLLOWING[part]
    try:
        match part:
            case "signature":
                draft.signature = bytes(kept)
            case "header":
                draft.type = str(_loads(kept)["msg_type"])
            case "parent":
                draft.parent_id = _parent_id(_loads(kept))
            case "content" if draft.weight:
                draft.content = kept
    except MALFORMED:
        draft.is_broken = True


def _loads(part: bytearray) -> Any:
    return json.loads(decode(part))


def _parent_id(parent: Any) -> str:
    parent_id = parent.get("msg_id") if isinstance(parent, dict) else ""
    return parent_id if isinstance(parent_id, str) else ""
