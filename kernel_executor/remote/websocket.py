"""One connection to a kernel's channels on a server. Knows frames and what a refusal means; nothing of messages.

`websockets` is imported here and only here.
"""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

from websockets.asyncio import client
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException

from kernel_executor.remote.server import Token
from kernel_executor.remote.wire import V1

PING_INTERVAL = 15.0
PING_TIMEOUT = 15.0
"""Seconds; a connection that is cut without a word is found out by them."""

FRAMES = 64
"""Frames that wait for us before the server has to."""

SILENT = logging.getLogger("kernel_executor.remote.websocket")
"""For `websockets`, which at level DEBUG writes every header to its log, the token's, too."""
SILENT.setLevel(logging.CRITICAL + 1)
SILENT.propagate = False


class Refused(ConnectionError):  # noqa: N818 - named after what happened
    """The server answered, and did not open the channels.

    Args:
        status: Of its answer in HTTP.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered HTTP {status}")
        self.status = status


class QuickConnection(client.ClientConnection):  # type: ignore[misc]
    """Acknowledges at once what comes.

    Jupyter servers leave Nagle's algorithm on: with delayed acknowledgements a block took 46 ms, not 8 (measured).
    """

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        super().data_received(data)
        tcp = self.transport.get_extra_info("socket")
        if tcp is not None and hasattr(socket, "TCP_QUICKACK"):  # Linux; it holds until the system decides otherwise
            with suppress(OSError):
                tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _Connect(client.connect):  # type: ignore[misc]
    """Follows no redirection: it would take the token to another server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return what happened instead of an address."""
        return exc


class WebSocket:
    """An open connection. Made by `open`."""

    def __init__(self, connection: client.ClientConnection, token: Token) -> None:
        self._connection = connection
        self._token = token

    @property
    def is_v1(self) -> bool:
        """Whether the server has chosen protocol v1."""
        return bool(self._connection.subprotocol == V1)

    @classmethod
    async def open(cls, address: str, token: Token, *, most: int, timeout: float) -> "WebSocket":
        """Connect.

        Args:
            address: Where; with the session's id, and no secret.
            token: Who we are.
            most: Bytes of the longest message that is taken.
            timeout: Seconds to wait for the server's answer.

        Raises:
            Refused: The server answered something else.
            ConnectionError: Nobody answered, or nothing that can be understood.
        """
        connect = _Connect(
            address,
            additional_headers=token.headers,
            subprotocols=[client.Subprotocol(V1)],
            compression=None,  # a small frame could become a large one
            open_timeout=timeout,
            ping_interval=PING_INTERVAL,
            ping_timeout=PING_TIMEOUT,
            close_timeout=1.0,
            max_size=most,
            max_queue=FRAMES,
            logger=SILENT,
            create_connection=QuickConnection,
        )
        try:
            return cls(await connect, token)
        except InvalidStatus as error:
            raise Refused(error.response.status_code) from None  # its request has the header
        except InvalidHandshake as error:
            raise ConnectionError(f"no websocket could be opened: {type(error).__name__}") from None
        except (OSError, WebSocketException) as error:
            raise ConnectionError(f"no connection: {token.absent_from(str(error))}") from None

    async def send(self, data: str | bytes) -> None:
        """Send a message.

        Raises:
            ConnectionError: The connection is closed.
        """
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise ConnectionError(self._token.absent_from(str(error))) from None  # the server's words are in it

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield what comes until the connection is closed, by whomever."""
        with suppress(ConnectionClosed):
            while True:
                yield await self._connection.recv()

    async def close(self) -> None:
        """Close the connection; waits a second at most for the server to agree."""
        await self._connection.close()

    def abort(self) -> None:
        """Close it at once, without a word."""
        self._connection.transport.abort()
