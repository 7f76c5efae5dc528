"""Carries messages to and from one kernel. Knows sockets and signatures; nothing of processes or requests."""

import asyncio
import hmac
import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import zmq
from jupyter_client.session import DELIM, Session

from kernel_executor.wire import Channel, Message

CHANNELS: tuple[Channel, ...] = ("shell", "control", "iopub")


MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)
"""What reading a message can raise. Executed code can write anything to its kernel's sockets, in its name or not."""

MAX_FRAME = 200_000_000
"""Bytes of one part of a message; a longer one ends the connection, and the kernel counts as lost when that shows."""


class Transport(Protocol):
    """What the router needs; a websocket to a remote server can be another one (design D14)."""

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`."""
        ...

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        """Hand over every message as it comes, and the error if the connection is found broken."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class ZmqTransport:
    """ZeroMQ sockets as a connection file describes them.

    Args:
        connection: The connection info: transport, ip, key and ports.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        key = connection["key"]
        self._session = Session(key=key.encode() if isinstance(key, str) else key, username="codeagent")
        self._context = zmq.Context()
        self._sockets = {channel: self._connect(channel, connection) for channel in CHANNELS}
        # Kept: of a closed socket it cannot be asked, and the next socket of that number would never be heard.
        self._files = [socket.fileno() for socket in self._sockets.values()]
        self._loop = asyncio.get_running_loop()
        # For who is forgotten: a context that is collected waits, for ever, for sockets that were not closed before.
        self._finalizer = weakref.finalize(self, _close, self._context, tuple(self._sockets.values()))

    def _connect(self, channel: Channel, connection: Mapping[str, Any]) -> "zmq.SyncSocket":
        socket = self._context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        socket.linger = 0
        socket.rcvhwm = 0  # never drop: every finite flood arrived whole with this (measured)
        socket.sndhwm = 0  # what is sent is bounded by who sends; see `send`
        socket.maxmsgsize = MAX_FRAME
        if channel == "iopub":
            socket.subscribe(b"")
        else:
            socket.identity = self._session.bsession
        separator = "-" if connection["transport"] == "ipc" else ":"
        port = connection[f"{channel}_port"]
        socket.connect(f"{connection['transport']}://{connection['ip']}{separator}{port}")
        return socket

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`."""
        message = self._session.msg(msg_type, content)
        message["header"]["msg_id"] = msg_id
        frames = self._session.serialize(message)
        try:
            # Executed code can break the connection; without NOBLOCK we would then wait for ever, and our loop with us.
            self._sockets[channel].send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            self._fail(error)
        self._loop.call_soon(self._drain, channel)  # sending may swallow the signal that something can be read

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        """Hand over every message that is signed with our key, and the error if a socket cannot be used any more.

        Not by way of `zmq.asyncio`: a future and a task's turn for each message cost more than reading it (measured).
        """
        self._on_message, self._on_failure = on_message, on_failure
        for channel, file in zip(self._sockets, self._files, strict=True):
            self._loop.add_reader(file, self._drain, channel)
            self._loop.call_soon(self._drain, channel)

    def _drain(self, channel: Channel) -> None:
        """Read a message, and the next one in the loop's next turn: ZeroMQ signals once that there are some."""
        socket = self._sockets[channel]
        try:
            if not _can_be_read(socket):
                return
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.ZMQError as error:
            self._fail(error)
            return
        self._loop.call_soon(self._drain, channel)  # before the message is taken: reading goes on, whatever that raises
        self._take(channel, frames)

    def _fail(self, error: Exception) -> None:
        self._ignore()
        self._on_failure(error)

    def _take(self, channel: Channel, frames: list[bytes]) -> None:
        try:
            message = self._read(channel, frames)
        except MALFORMED:
            return
        self._on_message(message)

    def _ignore(self) -> None:
        while self._files:
            self._loop.remove_reader(self._files.pop())

    def _read(self, channel: Channel, frames: list[bytes]) -> Message:
        """Check the signature and read what we use.

        `Session.deserialize` reads all four parts and every date in them: a quarter of a block's time here (measured).
        """
        signature, *parts = frames[frames.index(DELIM) + 1 :]
        signed = parts[:4]
        if not hmac.compare_digest(self._session.sign(signed), signature):
            raise ValueError("not signed with our key")
        header, parent, _, content = map(_read_part, signed)
        return Message.parse(channel, header, parent, content)

    def close(self) -> None:
        """Close all sockets at once."""
        self._ignore()
        self._finalizer()


def _close(context: "zmq.SyncContext", sockets: Sequence["zmq.SyncSocket"]) -> None:
    for socket in sockets:
        socket.close(linger=0)
    context.term()


def _can_be_read(socket: "zmq.SyncSocket") -> bool:
    return not socket.closed and bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)


def _read_part(part: bytes) -> Any:
    return json.loads(part.decode("utf-8", "replace"))
