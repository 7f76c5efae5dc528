"""Carries messages to and from one kernel. Knows sockets and signatures; nothing of processes or requests."""

import hmac
import json
from collections.abc import Mapping
from typing import Any, Protocol

import zmq
import zmq.asyncio
from jupyter_client.session import DELIM, Session

from kernel_executor.wire import Channel, Message

CHANNELS: tuple[Channel, ...] = ("shell", "control", "iopub")


MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OverflowError)
"""What reading a message can raise. Executed code can write anything to its kernel's sockets, in its name or not."""

MAX_FRAME = 200_000_000
"""Bytes of one part of a message; a longer one ends the connection, and ZeroMQ makes a new one."""


class Transport(Protocol):
    """What the router needs; a websocket to a remote server can be another one (design D14)."""

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`."""
        ...

    async def receive(self, channel: Channel) -> Message:
        """Wait for the next message of a channel."""
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
        self._context = zmq.asyncio.Context()
        self._sockets = {channel: self._connect(channel, connection) for channel in CHANNELS}

    def _connect(self, channel: Channel, connection: Mapping[str, Any]) -> zmq.asyncio.Socket:
        socket = self._context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
        socket.linger = 0
        socket.rcvhwm = 0  # never drop: every finite flood arrived whole with this (measured)
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
        await self._sockets[channel].send_multipart(self._session.serialize(message))

    async def receive(self, channel: Channel) -> Message:
        """Wait for the next message of a channel, skipping what is not signed with our key."""
        while True:
            frames = await self._sockets[channel].recv_multipart()
            try:
                return self._read(channel, frames)
            except MALFORMED:
                continue

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
        self._context.destroy(linger=0)


def _read_part(part: bytes) -> Any:
    return json.loads(part.decode("utf-8", "replace"))
