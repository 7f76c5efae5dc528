"""Jupyter messages as a server's websocket carries them: protocol v1, and the older one with and without buffers. Pure.

The older one must be spoken, too: a Jupyter Server in gateway mode forces it, and Enterprise Gateway knows no other.
What comes is another's: it is bounded, and what is not used is never kept, as in `sockets.assembler`.
"""

import json
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from kernel_executor.in_kernel.guard import DISPLAYS
from kernel_executor.in_kernel.sent import NUMBER
from kernel_executor.outputs.message import LOST_OUTPUT, LOST_REPLY, MALFORMED, REPLIES, TEXTS, Channel, Message
from kernel_executor.sockets.assembler import MAX_PARTS, SHORT, MessageLimits
from kernel_executor.sockets.json_bounds import TooHeavy, Weigher, guess

V1 = "v1.kernel.websocket.jupyter.org"

CHANNELS: dict[str, Channel] = {"shell": "shell", "control": "control", "iopub": "iopub"}

OFFSETS = 128
"""Offsets in a request in v1, most of them of empty buffers.

A Jupyter Server reads what still comes on a connection that another one has replaced as if it were in the older
protocol: seven offsets are 117 million parts then, of which it makes a list, until the machine has no memory left (seen
with 2.21, again and again). From 128 on the number is negative there, and the message an error.
"""

OURS = frozenset({LOST_REPLY, LOST_OUTPUT})


@dataclass(frozen=True, slots=True)
class Received:
    """A message, and what tells it from others.

    Args:
        message: The message.
        id: Its `msg_id`.
        number: Its place among what its request caused, as our guard counts; None without it.
    """

    message: Message
    id: str
    number: int | None = None


@dataclass(slots=True)
class _Parts:
    channel: str
    header: Any
    parent: Any
    metadata: Any
    content: bytes | None = None
    value: Any = field(default=None)  # the content, where it came as a part of a larger text


def pack(channel: Channel, message: dict[str, Any], *, v1: bool) -> str | bytes:
    """Return a request as it is sent.

    Args:
        channel: Where it goes.
        message: Its header, parent header, metadata and content; the values can be written in JSON.
        v1: Whether the server has chosen v1.
    """
    if not v1:
        return json.dumps({**message, "channel": channel, "buffers": []})
    names = ("header", "parent_header", "metadata", "content")
    parts = [channel.encode(), *(json.dumps(message[name]).encode() for name in names)]
    parts += [b""] * (OFFSETS - 1 - len(parts))
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{1 + len(offsets)}Q", len(offsets), *offsets) + b"".join(parts)


def unpack(data: str | bytes, limits: MessageLimits, *, v1: bool) -> Received | None:
    """Return a message that came, or None if it is none, or none that anybody reads.

    Args:
        data: What came in one frame.
        limits: How much of its content is kept.
        v1: Whether the server has chosen v1.
    """
    try:
        parts = _v1(data) if v1 and isinstance(data, bytes) else _legacy(data, limits)
        return _received(parts, limits)
    except (*MALFORMED, struct.error, TooHeavy):
        return None


def _v1(data: bytes) -> _Parts:
    (count,) = struct.unpack_from("<Q", data)
    if not 6 <= count <= MAX_PARTS:
        raise ValueError("not so many parts")
    offsets = struct.unpack_from(f"<{count}Q", data, 8)
    view = memoryview(data)
    channel, header, parent, metadata, content = (bytes(view[start:end]) for start, end in pairwise(offsets[:6]))
    if max(map(len, (channel, header, parent, metadata))) > SHORT:
        raise ValueError("too long")
    return _Parts(channel.decode(), json.loads(header), json.loads(parent), json.loads(metadata), content)


def _legacy(data: str | bytes, limits: MessageLimits) -> _Parts:
    if isinstance(data, bytes):
        count, first = struct.unpack_from("!II", data)
        if not 1 <= count <= MAX_PARTS:
            raise ValueError("not so many parts")
        end = struct.unpack_from("!I", data, 8)[0] if count > 1 else len(data)
        text = data[first:end]
    else:
        text = data.encode(errors="replace")
    # Headers and content are one text here, and its type is known when all is read: so the larger limit holds for all.
    _weigh(text, max(limits.display, limits.text))
    message = json.loads(text)
    del text
    return _Parts(
        message.get("channel") or "",
        message["header"],
        message.get("parent_header"),
        message.get("metadata"),
        value=message.get("content"),
    )


def _received(parts: _Parts, limits: MessageLimits) -> Received | None:
    channel = CHANNELS.get(parts.channel)
    kind, msg_id = str(parts.header["msg_type"]), str(parts.header.get("msg_id", ""))
    if channel is None or kind in OURS:
        return None
    parent_id = parts.parent.get("msg_id") if isinstance(parts.parent, dict) else ""
    number = parts.metadata.get(NUMBER) if isinstance(parts.metadata, dict) else None
    body, weight = _body(parts, _limit(channel, kind, limits))
    return Received(
        Message(channel, kind, parent_id if isinstance(parent_id, str) else "", body, weight),
        msg_id,
        number if type(number) is int and number >= 0 else None,
    )


def _body(parts: _Parts, limit: int) -> tuple[dict[str, Any] | bytearray | None, int]:
    """Return the content, if it is read and not too much, and about the bytes it takes."""
    if parts.content is None:
        content = parts.value if isinstance(parts.value, dict) else {}
        weight = len(repr(content))
        return (content, weight) if weight <= limit else (None, weight)
    try:
        return (bytearray(parts.content), _weigh(parts.content, limit)) if limit else (None, len(parts.content))
    except TooHeavy:
        return None, len(parts.content)


def _weigh(text: bytes, limit: int) -> int:
    if weight := guess(text):
        return weight
    weigher = Weigher(limit)
    weigher.take(text)
    weigher.check_depth()
    return weigher.weight


def _limit(channel: Channel, kind: str, limits: MessageLimits) -> int:
    """Return what a content may weigh; 0 if nobody reads it."""
    if channel != "iopub":
        return limits.text if kind in REPLIES else 0
    if kind in REPLIES:  # sent once more by our guard
        return limits.text
    return limits.display if kind in DISPLAYS else limits.text if kind in TEXTS else 0
