"""Carries messages to and from one kernel. Knows its sockets and its key; nothing of processes or requests."""

import socket
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from jupyter_client.session import Session

from kernel_executor.outputs.message import Channel, Message
from kernel_executor.sockets.assembler import Assembler, MessageLimits
from kernel_executor.sockets.connection import Connection

CHANNELS: tuple[Channel, ...] = ("shell", "control", "iopub")


class Transport(Protocol):
    """What the router needs; a websocket to a remote server can be another one (design D14)."""

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`."""
        ...

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        """Hand over every message as it comes, and the error if the connection is found broken."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SocketTransport:
    """The sockets that a connection file describes.

    Args:
        connection: The connection info: ip, key and ports; the transport is `ipc`.
        limits: How much of a message is kept.
        peer: The process that must be at the other end; None if that is not known.
    """

    def __init__(self, connection: Mapping[str, Any], limits: MessageLimits, peer: int | None = None) -> None:
        key = connection["key"]
        self._key = key.encode() if isinstance(key, str) else key
        self._limits = limits
        self._peer = peer
        self._session = Session(key=self._key, username="codeagent")
        self._connections = {channel: self._connect(channel, connection) for channel in CHANNELS}
        # For who is forgotten.
        sockets = [connection.socket for connection in self._connections.values()]
        self._finalizer = weakref.finalize(self, _close, sockets)

    def _connect(self, channel: Channel, connection: Mapping[str, Any]) -> Connection:
        path = f"{connection['ip']}-{connection[f'{channel}_port']}"
        return Connection(path, "SUB" if channel == "iopub" else "DEALER", self._session.bsession, self._peer)

    async def send(self, channel: Channel, msg_type: str, msg_id: str, content: dict[str, Any]) -> None:
        """Send a request under a given `msg_id`."""
        message = self._session.msg(msg_type, content)
        message["header"]["msg_id"] = msg_id
        try:
            self._connections[channel].send(self._session.serialize(message))
        except ConnectionError as error:
            self._on_failure(error)

    def listen(self, on_message: Callable[[Message], None], on_failure: Callable[[Exception], None]) -> None:
        """Hand over every message that is signed with our key, and the error if a socket cannot be used any more."""
        self._on_message, self._on_failure = on_message, on_failure
        for channel, connection in self._connections.items():
            assembler = Assembler(channel, self._key, self._limits)
            connection.listen(partial(self._take, assembler), on_failure)

    def _take(self, assembler: Assembler, piece: bytes, ends: bool, more: bool) -> None:
        if message := assembler.take(piece, ends, more):
            self._on_message(message)

    def close(self) -> None:
        """Close all sockets at once."""
        for connection in self._connections.values():
            connection.close()
        self._finalizer.detach()


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
