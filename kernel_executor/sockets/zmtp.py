"""Reads and writes ZMTP 3.0, the bytes that ZeroMQ's sockets exchange. Pure: knows no sockets and no Jupyter.

Why not libzmq: its own thread reads ahead of us, and a message is seen only when its last part is there. Three million
empty parts took 258 MB before anybody could refuse them; no setting of it bounds the parts of a message (4.3.5).
Here a frame is handed over in pieces as it comes, so that what is not wanted is never held, and who does not read
holds back who sends.
"""

from collections.abc import Iterable, Iterator

MORE, LONG, COMMAND = 1, 2, 4

MAX_FRAME = 200_000_000
"""Bytes of one frame; a longer one is no message of a kernel, and ends the connection."""

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)

Piece = tuple[bytes, bool, bool]
"""Bytes of a frame, whether it ends with them, and whether more frames of its message follow."""


class ProtocolError(ConnectionError):
    """The other end does not send what a kernel sends."""


def opening(socket_type: str, identity: bytes) -> bytes:
    """Return what a socket says first; messages may follow when the other end has said the same."""
    ready = b"\x05READY" + _property(b"Socket-Type", socket_type.encode()) + _property(b"Identity", identity)
    return GREETING + bytes([COMMAND, len(ready)]) + ready


def end_of_opening(data: bytes) -> int:
    """Return where the other end's opening ends, or 0 if it has not come whole yet.

    Raises:
        ProtocolError: This is no ZMTP 3 without encryption.
    """
    begin = len(GREETING)
    if len(data) < begin + 2:
        return 0
    if data[0] != 0xFF or data[9] != 0x7F or data[10] < 3 or data[12:17] != b"NULL\0" or data[begin] != COMMAND:
        raise ProtocolError("it does not speak ZMTP 3 with the mechanism NULL")
    end = begin + 2 + data[begin + 1]
    return end if len(data) >= end else 0


SUBSCRIBE_TO_ALL = b"\x01"
"""The message that a SUB socket sends."""


def _property(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value


def message(frames: Iterable[bytes]) -> bytes:
    """Return a message as it is sent."""
    *first, last = frames
    return b"".join([*(_frame(frame, MORE) for frame in first), _frame(last, 0)])


def _frame(body: bytes, flags: int) -> bytes:
    size = len(body)
    return bytes([flags, size]) + body if size < 256 else bytes([flags | LONG]) + size.to_bytes(8, "big") + body


class Decoder:
    """Takes what follows an opening apart. Of a frame that has begun it keeps nothing but how much is missing."""

    def __init__(self) -> None:
        self._rest = b""  # less than the header of a frame
        self._flags = 0
        self._missing = 0

    def pieces(self, data: bytes) -> Iterator[Piece]:
        """Yield the pieces of frames in the next bytes of the stream. Use it up before you take in more.

        Raises:
            ProtocolError: A frame is too long.
        """
        data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while at < end:
            if not self._missing:
                begin = self._read_header(data, at)
                if not begin:
                    self._rest = data[at:]
                    return
                at = begin
            piece = data[at : at + self._missing]
            at += len(piece)
            self._missing -= len(piece)
            if piece or not self._missing:
                yield piece, not self._missing, bool(self._flags & MORE)

    def _read_header(self, data: bytes, at: int) -> int:
        """Note flags and length of a frame; return where its body begins, or 0 if the header is not whole yet."""
        flags = data[at]
        width = 8 if flags & LONG else 1
        begin = at + 1 + width
        if begin > len(data):
            return 0
        self._flags, self._missing = flags, int.from_bytes(data[at + 1 : begin], "big")
        # Commands are not passed over: a flood of empty ones held the event loop for as long as it went on. A kernel
        # sends none after its opening; heartbeats are off where none are asked for.
        if flags > MORE | LONG:
            raise ProtocolError("a command in mid-conversation")
        if self._missing > MAX_FRAME:
            raise ProtocolError(f"a frame of {self._missing:,} bytes; the limit is {MAX_FRAME:,}")
        return begin
